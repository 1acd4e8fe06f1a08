"""Escalations in which a step changes nothing: nobody new is in it, or another one comes at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from receiver.config.config_errors import Path, Problem
from receiver.config.loader.config_draft import Draft, listed
from receiver.model.severity import Severity
from receiver.model.severity_policy import EscalationStep, SeveritySettings


def unwise(draft: Draft) -> Iterator[Problem]:
    """Yield each step, and each contact, that is there in vain."""
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
                said = "another step comes at the same time"
                yield document.problem((*path, index, "after"), said, "write both as one step")
            if users and all(_called(draft, policy, before, step) for _, policy in users):
                said = f"everybody in it has been called by then for {_listed(users)}: the step changes nothing"
                hint = "name somebody else, or leave it out: nobody is paged twice for one episode"
                yield document.problem((*path, index), said, hint)
            before.append(step)


def _twice(draft: Draft, path: Path, calls: SeveritySettings | EscalationStep) -> Iterator[Problem]:
    for key, names in (("page", calls.page), ("notify", calls.notify)):
        for place, (where, name) in enumerate(listed((*path, key), names)):
            if name in names[:place]:
                yield draft.document.problem(where, f"{name} is here twice", "name each contact once")
            elif key == "notify" and name in calls.page:
                yield draft.document.problem(where, f"{name} is paged at the same time", "leave it out here")


def _called(draft: Draft, policy: SeveritySettings, before: list[EscalationStep], step: EscalationStep) -> bool:
    """Return whether everybody whom `step` calls has been called so far, as far as that is certain."""
    so_far: list[SeveritySettings | EscalationStep] = [policy, *before]
    paged = _people(draft, (name for calls in so_far for name in calls.page))
    heard = paged | _people(draft, (name for calls in so_far for name in calls.notify))
    return _people(draft, step.page) <= paged and _people(draft, step.notify) <= heard


def _people(draft: Draft, contacts: Iterable[str]) -> set[str]:
    return {key for name in contacts for key in _who(draft, name)}


def _who(draft: Draft, name: str) -> tuple[str, ...]:
    contact = draft.sections.contacts.get(name)
    if contact is not None and contact.schedule is not None:
        # Whoever is on call: the same for every contact of that schedule, except around a hand-off.
        return (f"schedule {contact.schedule}",)
    return tuple(f"person {key}" for key in draft.members(name))


def _listed(users: list[tuple[Severity, SeveritySettings]]) -> str:
    return " and ".join(severity.value for severity, _ in users)
