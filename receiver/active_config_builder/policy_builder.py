"""Configuration -> the policy that decisions about incidents read, for the service and for each team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from receiver.channels.base import Channel
from receiver.config import Config
from receiver.config.settings.team_directories import team_directory
from receiver.decision_policies import guarding, listener, titles, touching, visibility, windows_of
from receiver.incident.alerts.maintenance_windows import Window
from receiver.incident.paging.policy import Policy
from receiver.model.incident.event import Destination
from receiver.pipeline.shared_documents import Documents, overrides_of
from receiver.triage.rules.rule_set import RuleSet

Channels = Mapping[str, Channel[Any]]

CHECK_EVERY = timedelta(seconds=10)
"""How often the checks of `verification` run while an incident is monitored."""


def build_policy(
    config: Config, channels: Channels, rules: RuleSet, maintenance: tuple[Window, ...], posted: Documents
) -> Policy:
    """Return the policy of the top level, which has those of the teams in `teams`.

    `channels`: the complete ones. `maintenance`: every window. `posted`: the documents changed at run time.
    """
    incidents, storm = config.incidents, config.ingest.storm
    policy = Policy(
        namespace=config.redis.namespace,
        directory=replace(config.directory, overrides=overrides_of(posted)),
        pagers=tuple((name, channel.kind) for name, channel in channels.items() if channel.paging),
        informs=_destinations(channels, "informs"),
        monitor_for=incidents.monitor_for,
        calm_for=incidents.monitor_for,
        auto_resolve=incidents.auto_resolve,
        detect_at_most=incidents.detect_at_most,
        service_from=incidents.service_from,
        title=titles(config.texts),
        reopen_within=incidents.reopen_within,
        new_alert=incidents.new_alert_while_acknowledged,
        zone=config.service.timezone,
        guarded=guarding(config),
        listeners=tuple(listener(audience) for audience in config.audiences),
        windows=windows_of(maintenance),
        storm=(storm.incidents, storm.within),
        measures=rules.asks,
        asked_budgets=frozenset(level for one in config.objectives if one.promql for level in one.severities),
        rules_known=config.verification.prometheus_url is not None,
        verify_every=CHECK_EVERY if config.verification.checks else None,
    )
    return _with_teams(_with_public(_with_channels(policy, config, channels), config, channels), config, channels)


def _destinations(channels: Channels, ability: str) -> tuple[Destination, ...]:
    able = ((name, channel) for name, channel in channels.items() if getattr(channel, ability))
    return tuple(Destination(channel=name, address=one) for name, channel in able for one in channel.addresses())


def _with_channels(policy: Policy, config: Config, channels: Channels) -> Policy:
    return replace(
        policy,
        keyed=frozenset(name for name, channel in channels.items() if channel.paging and channel.keyed),
        mute=frozenset(name for name, channel in channels.items() if channel.paging and not channel.wakes),
        tickets=_destinations(channels, "tickets"),
        documents=_destinations(channels, "documents"),
        marks=_destinations(channels, "marks"),
        letters=tuple((name, channel.kind) for name, channel in channels.items() if channel.personal),
        repositories=dict(config.links.github.repositories) if config.links.github else {},
    )


def _with_public(policy: Policy, config: Config, channels: Channels) -> Policy:
    return replace(
        policy,
        public=_destinations(channels, "publishes"),
        support=tuple(
            Destination(channel=name, address=config.service.support_email, personal=True)
            for name, channel in channels.items()
            if channel.personal and config.service.support_email
        ),
        components=touching(config.status_page.public),
        parts={one.id: one.name for one in config.status_page.public},
        product=config.service.product,
        visible=visibility(config.incidents.customer_visible),
    )


def _with_teams(policy: Policy, config: Config, channels: Channels) -> Policy:
    if not config.teams:
        return policy
    views: dict[str, Policy] = {}
    for name, team in config.teams.items():
        informs = tuple(
            to.model_copy(update={"address": team.chat}) if team.chat and channels[to.channel].groups else to
            for to in policy.informs
        )
        directory = team_directory(config, name, policy.directory)
        views[name] = replace(
            policy, directory=directory, informs=tuple(dict.fromkeys(informs)), team=name, teams=views
        )
    views[""] = replace(policy, teams=views)
    return views[""]
