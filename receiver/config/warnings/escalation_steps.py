"""Escalation steps without effect: they page no one new, or another step has the same time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from receiver.config.config_errors import Path, Problem
from receiver.config.loader.config_draft import Draft, listed
from receiver.model.severity import Severity
from receiver.model.severity_policy import EscalationStep, SeveritySettings


def unwise(draft: Draft) -> Iterator[Problem]:
    """Yield each step and each contact that has no effect."""
    sections, document = draft.sections, draft.document
    for severity, policy in sections.severities.items():
        yield from _twice(draft, ("severities", severity.value), policy)
    given = draft.raw.get("escalations")
    for name, escalation in sections.escalations.items() if isinstance(given, dict) else ():
        path: Path = ("escalations", name, "steps")
        users = [(sev, policy) for sev, policy in sections.severities.items() if policy.escalation == name]
        before: list[EscalationStep] = []
        for index, step in enumerate(escalation.steps):
            yield from _twice(draft, (*path, index), step)
            if before and step.after == before[-1].after:
                said = "another step has the same time"
                yield document.problem((*path, index, "after"), said, "combine both into one step")
            if users and all(_called(draft, policy, before, step) for _, policy in users):
                said = f"everyone in it has already been paged by then for {_listed(users)}: the step has no effect"
                hint = "name someone else, or remove it: each person is paged once per episode"
                yield document.problem((*path, index), said, hint)
            before.append(step)


def _twice(draft: Draft, path: Path, calls: SeveritySettings | EscalationStep) -> Iterator[Problem]:
    for key, names in (("page", calls.page), ("notify", calls.notify)):
        for place, (where, name) in enumerate(listed((*path, key), names)):
            if name in names[:place]:
                yield draft.document.problem(where, f"{name} is listed twice", "list each contact once")
            elif key == "notify" and name in calls.page:
                yield draft.document.problem(where, f"{name} is paged at the same time", "remove it here")


def _called(draft: Draft, policy: SeveritySettings, before: list[EscalationStep], step: EscalationStep) -> bool:
    """Return whether all people of `step` have certainly been paged before it."""
    so_far: list[SeveritySettings | EscalationStep] = [policy, *before]
    paged = _people(draft, (name for calls in so_far for name in calls.page))
    heard = paged | _people(draft, (name for calls in so_far for name in calls.notify))
    return _people(draft, step.page) <= paged and _people(draft, step.notify) <= heard


def _people(draft: Draft, contacts: Iterable[str]) -> set[str]:
    return {key for name in contacts for key in _who(draft, name)}


def _who(draft: Draft, name: str) -> tuple[str, ...]:
    contact = draft.sections.contacts.get(name)
    if contact is not None and contact.schedule is not None:
        # The person on call is the same for every contact of that schedule, except around a hand-off.
        return (f"schedule {contact.schedule}",)
    return tuple(f"person {key}" for key in draft.members(name))


def _listed(users: list[tuple[Severity, SeveritySettings]]) -> str:
    return " and ".join(severity.value for severity, _ in users)
