"""Configuration -> the active configuration that the pipeline works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from string import Formatter
from typing import Any

from receiver.active_config_builder.incident_texts import IncidentTexts
from receiver.active_config_builder.policy_builder import build_policy
from receiver.channels.base import Channel
from receiver.config import Config
from receiver.config.settings.feature_settings import Verification
from receiver.decision_policies import recurring, terms_of
from receiver.incident.name_lookup import number_pattern
from receiver.model.incident.runbook import Runbook
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig, CheckAsked, ReconcileTimes
from receiver.pipeline.shared_documents import NOTHING, Documents, posted_announcements, posted_windows
from receiver.sources.alertmanager import Address
from receiver.triage.matchers import parse_matcher
from receiver.triage.rules.rule_set import RuleSet
from receiver.triage.team_ownership import Owners


def build_active_config(
    config: Config,
    channels: Mapping[str, Channel[Any]],
    posted: Documents = NOTHING,
    guides: Callable[[], Sequence[Runbook]] = tuple,
) -> ActiveConfig:
    """Return the active configuration for `config`, its complete `channels`, and the documents `posted` at run time.

    `guides` returns the runbooks that are known when it is called.
    """
    rules = RuleSet(config.rules)
    maintenance = (*(recurring(one) for one in config.maintenance if one.enabled), *posted_windows(posted))
    incidents, watchdog = config.incidents, config.ingest.watchdog
    texts = IncidentTexts(config, channels, guides)
    active = ActiveConfig(
        rules=rules,
        policy=build_policy(config, channels, rules, maintenance, posted),
        channels=channels,
        correlate_by=incidents.correlate_by,
        owners=Owners(config.teams),
        watchdog=tuple(parse_matcher(text) for text in watchdog.matchers) if watchdog else (),
        number=number_pattern(incidents.id),
        id_parts=lambda now: id_parts(incidents.id, now),
        lease=config.redis.lease,
        deadline=config.redis.send_deadline,
        emergency_paging=incidents.emergency_paging,
        emergency_after=incidents.emergency_after,
        mention=texts.mention,
        links=texts.links,
        url=texts.url,
        document=texts.document,
        postmortem=texts.postmortem,
        maintenance=maintenance,
        announcements=posted_announcements(posted),
        kept_for=incidents.history,
        compress_after=incidents.compress_after,
        archive=incidents.archive,
        edition=config.hash,
    )
    return _with_outside(_with_review(_with_ingest(active, config), config), config)


def _with_ingest(active: ActiveConfig, config: Config) -> ActiveConfig:
    watchdog, rhythm, kept = config.ingest.watchdog, config.ingest.reconcile, config.ingest.history
    return replace(
        active,
        components=tuple(
            tuple(parse_matcher(text) for text in component.matchers) for component in config.status_page.public
        ),
        watchdogs_by=watchdog.group_by if watchdog else (),
        silent_after=watchdog.silent_after if watchdog else None,
        silence_is=watchdog.severity if watchdog else Severity.SEV2,
        alertmanagers=tuple(
            Address(one.url, {name: value.get_secret_value() for name, value in one.headers.items()})
            for one in config.ingest.alertmanagers
        ),
        reconcile=ReconcileTimes(rhythm.every, rhythm.forgotten_after, rhythm.unheard_after),
        history=(kept.keep, kept.size) if kept.keep and kept.size else None,
    )


def _with_review(active: ActiveConfig, config: Config) -> ActiveConfig:
    links, monthly = config.links, config.reviews.monthly
    return replace(
        active,
        checks=_checks(config.verification),
        prometheus=config.verification.prometheus_url,
        github=(links.github.api_url, links.github.token) if links.github else None,
        runbooks=(links.runbooks.channel, links.runbooks.label) if links.runbooks else None,
        terms=terms_of(config),
        monthly=(monthly.channel, monthly.wiki) if monthly else None,
    )


def _checks(verification: Verification) -> tuple[CheckAsked, ...]:
    return tuple(
        CheckAsked(
            name=check.name,
            http=check.http,
            expect_status=check.expect_status,
            promql=check.promql,
            below=check.below,
            above=check.above,
        )
        for check in verification.checks
    )


def _with_outside(active: ActiveConfig, config: Config) -> ActiveConfig:
    heartbeat, base = config.heartbeat, config.base_url
    url, ntfy = heartbeat.url, heartbeat.ntfy
    return replace(
        active,
        heartbeat=(url.get_secret_value() if url else None, heartbeat.every) if url or ntfy else None,
        dead_man=(ntfy.channel, ntfy.topic, ntfy.after) if ntfy else None,
        prove_every=config.reachability.prove_every,
        prove_within=config.reachability.within,
        hooks=f"{base}/hooks" if base else None,
    )


def id_parts(form: str, now: datetime) -> tuple[str, int, str]:
    """Return the prefix of an id made by the pattern `form` at `now`, the width of its number, and the suffix.

    The commit assigns the number, so that two replicas never assign the same one.
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
