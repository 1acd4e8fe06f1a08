"""Alerts that make their incident private, when it opens or when they join later. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.model.alert.alert import Alert
from receiver.model.incident.event import Kind

PRIVATE_ALERT = "private_alert"
"""Why an open incident becomes private: an alert that matches `incidents.private` has joined it."""


def guarded_by_any(
    policy: Policy, labels: Iterable[Mapping[str, str]], team: str
) -> tuple[bool, tuple[str, ...]]:  # fmt: skip
    """Return whether an incident with alerts of these `labels` is private, and which other teams can see it.

    One private alert is enough, because everyone who sees an incident sees all of its alerts.
    """
    return next((found for one in labels if (found := policy.guarded(one, team))[0]), (False, ()))


def make_private_for(draft: Transition, policy: Policy, fresh: Iterable[Alert]) -> None:
    """Make the incident private if one of the `fresh` alerts matches `incidents.private`.

    A public incident whose own labels or team require privacy stays public: a person decided that, or it opened before
    the configuration required it.
    """
    incident = draft.incident
    if incident.private or policy.guarded(incident.labels, incident.team)[0]:
        return
    private, visible_to = guarded_by_any(policy, (alert.labels for alert in fresh), incident.team)
    if not private:
        return
    who = f"team {incident.team} and callers without a team limit" if incident.team else "callers without a team limit"
    places = (*policy.informs, *incident.ticketed, *incident.documented, *incident.written)
    posted = sorted({to.channel for to in places})
    told = f"; earlier messages remain in: {', '.join(posted)}" if posted else ""
    text = f"an alert that matches incidents.private has joined: only {who} see the incident now{told}"
    data = {"by": draft.actor.name, "private": True, "visible_to": list(visible_to), "posted": posted}
    draft.add(Kind.VISIBILITY, PRIVATE_ALERT, text, data)
