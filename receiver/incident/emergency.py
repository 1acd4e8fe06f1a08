"""Whom to page while the store is away: decided from the notification, the rules and what this replica remembers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from receiver.incident.audience import Policy, asked, episode_of, pages
from receiver.incident.verdict import Part
from receiver.model.incident import Incident, Page, State
from receiver.model.severity import Severity, worst

PAGED = (Severity.SEV1, Severity.SEV2)
"""The severities that are paged without a store (`incidents.emergency_paging`)."""


def emergency_pages(
    part: Part, known: Incident | None, policy: Policy, now: datetime, sent: Iterable[Page] = ()
) -> list[Page]:
    """Return the pages that a notification calls for although nothing can be stored; nothing ever resolves here.

    `known` is the newest incident of the key that this replica remembers: what it has paged is not paged again, under
    the same key and episode. `sent` are the emergency pages made so far.
    """
    firing = [alert for alert in part.alerts if alert.firing]
    severity = worst(part.decisions[alert.fingerprint].severity for alert in firing)
    if severity not in PAGED:
        return []
    episode, ring, paged = episode_of(alert.starts_at for alert in firing), 1, list(sent)
    before: tuple[Page, ...] = ()
    if known is not None and known.state is State.RESOLVED and known.resolved_at is not None:
        if now - known.resolved_at <= policy.reopen_within:
            episode, ring, before = known.episode, known.ring + 1, known.pages
    elif known is not None and not known.state.over:
        # All its alerts had ended, and nobody has acknowledged: its pages are resolved, and one fires again now.
        quiet = known.calling_state is State.MONITORING and known.resume in (None, State.OPEN) and not known.firing
        if not severity.worse_than(known.severity) and not quiet:
            return []
        episode, ring = known.episode, known.ring
        before = _withdrawn(known) if quiet else known.pages
        paged.extend(before)
    key = known.key if known is not None and (ring > 1 or not known.state.over) else part.key
    made, _ = pages(
        policy,
        asked(policy, policy.directory.severity(severity).page, now),
        key=key,
        episode=episode,
        ring=ring,
        paged=before,
        step="emergency",
        now=now,
    )
    done = {page.key for page in paged}
    return [page for page in made if page.key not in done]


def _withdrawn(known: Incident) -> tuple[Page, ...]:
    keys = {page.key for page in known.unanswered}
    return tuple(page.model_copy(update={"withdrawn": page.withdrawn or page.key in keys}) for page in known.pages)
