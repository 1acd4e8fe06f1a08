"""Configuration -> the setting that the conductors work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from string import Formatter
from typing import Any

from receiver.channels import discover
from receiver.channels.base import Channel, ChannelSettings, Http
from receiver.channels.grafana import GrafanaSettings
from receiver.config import Config
from receiver.decision_policies import budgets, listener, recurring, terms_of, titles, touching, visibility, windows_of
from receiver.incident.context.observability_links import RUNBOOK, links_of, pictures_of
from receiver.incident.context.runbook_matches import matching_runbooks
from receiver.incident.name_lookup import number_pattern
from receiver.incident.paging.recipients import Policy
from receiver.model.delivery.notice import Document, Link, Mention
from receiver.model.incident.event import Destination, Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.runbook import Runbook
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig, CheckAsked, ReconcileTimes
from receiver.pipeline.shared_documents import NOTHING, Documents, overrides_of, posted_windows
from receiver.review.postmortem import text_of
from receiver.sources.alertmanager import Address
from receiver.store.client.store_endpoint import Endpoint, endpoint
from receiver.triage.matchers import parse_matcher
from receiver.triage.rules.rule_set import RuleSet

CHECK_EVERY = timedelta(seconds=10)
"""How often the checks of `verification` run while an incident is watched (the seed's `watch -n 10`)."""


def store_endpoint(config: Config) -> Endpoint | None:
    """Return where the store of `config` is; None where the service starts its own."""
    redis = config.redis
    if redis.embedded:
        return None
    return endpoint(
        redis.url.get_secret_value(),
        ca_file=redis.ca_file,
        cert_file=redis.cert_file,
        key_file=redis.key_file,
        sentinel_username=redis.sentinel_username,
        sentinel_password=redis.sentinel_password.get_secret_value(),
    )


def make_channels(config: Config, http: Http) -> dict[str, Channel[Any]]:
    """Return every channel that is complete, by name; `config.off` says why the others are not here."""
    kinds = discover()
    wanted = {**_beside(config), **config.channels}
    made = {name: kinds[settings.kind](name, settings, http) for name, settings in wanted.items()}
    return {name: channel for name, channel in made.items() if channel.missing() is None}


def _beside(config: Config) -> dict[str, ChannelSettings]:
    # Whoever names Grafana's token beside its links wants incidents marked there.
    grafana = config.links.grafana
    if grafana is None or not grafana.token.get_secret_value():
        return {}
    return {"grafana": GrafanaSettings(api_url=grafana.url, token=grafana.token)}


def alike(one: Channel[Any], other: Channel[Any]) -> bool:
    """Return whether two channels are of one kind with the same settings, secrets included."""
    return type(one) is type(other) and one.settings == other.settings


def build_active_config(
    config: Config,
    channels: Mapping[str, Channel[Any]],
    posted: Documents = NOTHING,
    guides: Callable[[], Sequence[Runbook]] = tuple,
) -> ActiveConfig:
    """Return the setting in force for `config` with its complete channels and what is `posted` on the board.

    `guides`: the runbooks that are known when it is asked.
    """
    rules = RuleSet(config.rules)
    maintenance = (*(recurring(one) for one in config.maintenance if one.enabled), *posted_windows(posted))
    incidents, storm = config.incidents, config.ingest.storm

    def where(kind: str) -> tuple[Destination, ...]:
        found = ((name, channel) for name, channel in channels.items() if getattr(channel, kind))
        return tuple(Destination(channel=name, address=one) for name, c in found for one in c.addresses())

    policy = Policy(
        namespace=config.redis.namespace,
        directory=replace(config.directory, overrides=overrides_of(posted)),
        pagers=tuple((name, channel.kind) for name, channel in channels.items() if channel.paging),
        keyed=frozenset(name for name, channel in channels.items() if channel.paging and channel.keyed),
        mute=frozenset(name for name, channel in channels.items() if channel.paging and not channel.wakes),
        informs=where("informs"),
        tickets=where("tickets"),
        public=where("publishes"),
        documents=where("documents"),
        marks=where("marks"),
        repositories=dict(config.links.github.repositories) if config.links.github else {},
        support=tuple(
            Destination(channel=name, address=config.service.support_email, personal=True)
            for name, channel in channels.items()
            if channel.personal and config.service.support_email
        ),
        components=touching(config.status_page.components),
        parts={one.id: one.name for one in config.status_page.components},
        product=config.service.product,
        letters=tuple((name, channel.kind) for name, channel in channels.items() if channel.personal),
        monitor_for=incidents.monitor_for,
        auto_resolve=incidents.auto_resolve,
        detect_at_most=incidents.detect_at_most,
        service_from=incidents.service_from,
        title=titles(config.texts),
        reopen_within=incidents.reopen_within,
        new_alert=incidents.new_alert_while_acknowledged,
        zone=config.service.timezone,
        calm_for=incidents.monitor_for,
        visible=visibility(incidents.customer_visible),
        listeners=tuple(listener(audience) for audience in config.audiences),
        windows=windows_of(maintenance),
        storm=(storm.incidents, storm.within),
        measures=rules.asks,
        asked_budgets=frozenset(level for one in config.objectives if one.promql for level in one.severities),
        rules_known=config.verification.prometheus_url is not None,
        verify_every=CHECK_EVERY if config.verification.checks else None,
    )
    watchdog, rhythm, kept = config.ingest.watchdog, config.ingest.reconcile, config.ingest.history
    base = config.base_url

    def mention(person: str, channel: str) -> Mention:
        card = config.people.get(person)
        kind = channels[channel].kind if channel in channels else channel
        return Mention(name=card.name if card else person, address=card.address(channel, kind) if card else None)

    def deep(incident: Incident, now: datetime) -> tuple[Link, ...]:
        ended = incident.resolved_at
        return links_of(config.links, incident.labels, incident.annotations, incident.started_at, ended, now)

    def links(incident: Incident, now: datetime) -> tuple[Link, ...]:
        # First what says what to do; the alert's own runbook stands before the wiki's.
        found, known = deep(incident, now), matching_runbooks(guides(), incident.labels)
        own = 1 if found and found[0].text == RUNBOOK else 0
        return (*found[:own], *known, *found[own:])

    def graphs(incident: Incident, now: datetime) -> tuple[Link, ...]:
        grafana, ended = config.links.grafana, incident.resolved_at
        return pictures_of(grafana, incident.labels, incident.started_at, ended, now) if grafana else ()

    names = {key: person.name for key, person in config.people.items()}

    def written(
        incident: Incident,
        log: Sequence[Event],
        now: datetime,
        receipts: Sequence[Mapping[str, Any]],
        version: int | None = None,
    ) -> str:
        spent = budgets(config.objectives, incident.severity)
        return text_of(incident, log, spent, receipts, deep(incident, now), version, names, graphs(incident, now))

    return ActiveConfig(
        rules=rules,
        policy=policy,
        channels=channels,
        correlate_by=incidents.correlate_by,
        components=tuple(
            tuple(parse_matcher(text) for text in component.matchers) for component in config.status_page.components
        ),
        watchdog=tuple(parse_matcher(text) for text in watchdog.matchers) if watchdog else (),
        number=number_pattern(incidents.id),
        id_parts=lambda now: id_parts(incidents.id, now),
        lease=config.redis.lease,
        deadline=config.redis.send_deadline,
        emergency_paging=incidents.emergency_paging,
        emergency_after=incidents.emergency_after,
        mention=mention,
        links=links,
        watchdogs_by=watchdog.group_by if watchdog else (),
        silent_after=watchdog.silent_after if watchdog else None,
        silence_is=watchdog.severity if watchdog else Severity.SEV2,
        checks=tuple(
            CheckAsked(
                name=check.name,
                http=check.http,
                expect_status=check.expect_status,
                promql=check.promql,
                below=check.below,
                above=check.above,
            )
            for check in config.verification.checks
        ),
        prometheus=config.verification.prometheus_url,
        alertmanagers=tuple(
            Address(one.url, {name: value.get_secret_value() for name, value in one.headers.items()})
            for one in config.ingest.alertmanagers
        ),
        reconcile=ReconcileTimes(rhythm.every, rhythm.forgotten_after, rhythm.unheard_after),
        history=(kept.keep, kept.size) if kept.keep and kept.size else None,
        maintenance=maintenance,
        heartbeat=(config.heartbeat.url.get_secret_value() if config.heartbeat.url else None, config.heartbeat.every)
        if config.heartbeat.url or config.heartbeat.ntfy
        else None,
        dead_man=(config.heartbeat.ntfy.channel, config.heartbeat.ntfy.topic, config.heartbeat.ntfy.after)
        if config.heartbeat.ntfy
        else None,
        github=(config.links.github.api_url, config.links.github.token) if config.links.github else None,
        runbooks=(config.links.runbooks.channel, config.links.runbooks.label) if config.links.runbooks else None,
        terms=terms_of(config),
        kept_for=incidents.history,
        archive=incidents.archive,
        monthly=(config.reviews.monthly.channel, config.reviews.monthly.wiki) if config.reviews.monthly else None,
        edition=config.hash,
        hooks=f"{base}/hooks" if base else None,
        document=lambda incident, log, now, receipts: Document(
            key=f"{incident.uid}/postmortem",
            title=f"{incident.badge}Post-Incident Review {incident.label}",
            markdown=written(incident, log, now, receipts),
        ),
        postmortem=written,
        url=lambda incident: f"{base}/incidents/{incident.id}" if base and incident.id else None,
    )


def id_parts(form: str, now: datetime) -> tuple[str, int, str]:
    """Return what stands before the number of an id, its width in digits, and what stands behind it.

    The number itself is drawn by the commit, so that two replicas never draw the same.
    """
    before, behind, width, passed = "", "", 1, False
    for literal, name, spec, _ in Formatter().parse(form):
        text = literal
        if name == "year":
            text += format(now.year, spec or "d")
        elif name == "month":
            text += format(now.month, spec or "d")
        if passed:
            behind += text
        else:
            before += text
        if name == "number":
            passed, width = True, int((spec or "1").rstrip("d") or 1)
    return before, width, behind
