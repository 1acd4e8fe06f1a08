"""Converts an incident to its summary, and a summary to the partial incident that emergency pages need. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from receiver.incident.paging.acknowledgement_expiry import acknowledgement_expires_at
from receiver.incident.paging.escalation_steps import response_due, step_due
from receiver.incident.paging.page_hours import within_page_hours
from receiver.incident.paging.policy import Policy
from receiver.model.base import from_ms, to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import PAGES, TITLE, IncidentSummary, PageMark
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.model.severity import Decision


def summarize(incident: Incident, policy: Policy) -> IncidentSummary:
    """Return the summary of `incident`; due times follow the plan that it opened under, else `policy`."""
    asked = incident.called
    calls = [
        at
        for at in (step_due(incident, policy), response_due(incident), acknowledgement_expires_at(incident))
        if at is not None
    ]
    answer = None if calls else _answer_due(incident, policy)
    return IncidentSummary(
        uid=incident.uid, id=incident.id, version=incident.version, severity=incident.severity, state=incident.state,
        opened_ms=to_ms(incident.opened_at), title=incident.title[:TITLE], service=incident.service,
        drill=incident.drill, firing=incident.firing, key=incident.key, keys=incident.keys, episode=incident.episode,
        ring=incident.ring,
        pages=_marks(incident),
        held=incident.held, merged=incident.merged, resolved_ms=_ms(incident.resolved_at),
        acknowledged_by=incident.acknowledged_by,
        owned=incident.roles.incident_commander is not None or incident.acknowledged_by is not None,
        queued=asked is not None and (asked.queue or asked.ticket),
        call_ms=_ms(min(calls, default=None)), answer_ms=_ms(answer),
        public=any(update.published_at is not None for update in incident.updates),
        resume=incident.resume, flapping=incident.flapping, team=incident.team,
        private=incident.private, visible_to=incident.visible_to,
    )  # fmt: skip


def _marks(incident: Incident) -> tuple[PageMark, ...]:
    unanswered = {page.key for page in incident.unanswered}
    return tuple(
        PageMark(page.key, page.channel, page.ring, page.person, page.withdrawn, page.key in unanswered)
        for page in incident.pages[-PAGES:]
    )


def remembered(summary: IncidentSummary) -> Incident:
    """Return an incident with the fields of a summary, which has no addresses of pages."""
    opened = summary.opened_at
    pages = tuple(
        Page(
            key=page.key, channel=page.channel, person=page.person, contact="", address="", step="", ring=page.ring,
            at=opened, withdrawn=page.withdrawn, seq=int(page.unanswered),
        )
        for page in summary.pages
    )  # fmt: skip
    return Incident(
        uid=summary.uid, id=summary.id, version=summary.version, key=summary.key, keys=summary.keys,
        episode=summary.episode, ring=summary.ring, title=summary.title, severity=summary.severity, state=summary.state,
        service=summary.service, firing=summary.firing, pages=pages, held=summary.held, merged=summary.merged,
        drill=summary.drill, acknowledged_by=summary.acknowledged_by, resume=summary.resume,
        flapping=summary.flapping, team=summary.team, origin_team=summary.team, private=summary.private,
        visible_to=summary.visible_to, opened_at=opened, started_at=opened,
        resolved_at=from_ms(summary.resolved_ms) if summary.resolved_ms is not None else None,
        decision=Decision(severity=summary.severity, rule="", reasons=()),
    )  # fmt: skip


def _answer_due(incident: Incident, policy: Policy) -> datetime | None:
    # When the last page of this ring has waited longer than the severity allows, and no one is left to page. If no one
    # could be paged although someone should have been, the time counts from when paging began.
    if incident.state is not State.OPEN or incident.held is not None or incident.drill:
        return None
    plan = policy.called(incident)
    rung = [page.at for page in incident.pages if page.ring == incident.ring]
    if not rung and (plan.page or any(step.page for step in plan.steps)):
        rung = [incident.ladder.since or incident.severity_at or incident.opened_at]
    return within_page_hours(plan, max(rung) + timedelta(seconds=plan.respond)) if rung else None


def _ms(at: datetime | None) -> int | None:
    return to_ms(at) if at is not None else None
