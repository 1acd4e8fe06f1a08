"""Warnings about people to be notified to whom no channel sends messages; a paging channel never notifies."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.channels import discover
from receiver.config.config_errors import Path, Problem
from receiver.config.loader.config_draft import Draft, listed
from receiver.model.severity import Severity


def unwise(draft: Draft) -> Iterator[Problem]:
    """Yield each contact that a severity, step or audience notifies and that has at least one person without messages.

    A contact that no channel reaches at all is reported at the contact itself.
    """
    kinds = discover()
    on = {name: one.kind for name, one in draft.sections.channels.items() if name not in draft.off}
    if any(kinds[kind].informs and kinds[kind].wakes for kind in on.values()):
        return  # such as a Slack channel, which everyone reads
    messages = {name: kind for name, kind in on.items() if kinds[kind].informs or kinds[kind].personal}
    people = draft.sections.people
    for where, contact in _notified(draft):
        cards = {key: people[key] for key in draft.members(contact) if key in people}
        missed = [
            key
            for key, card in cards.items()
            if any(card.address(name, kind) for name, kind in on.items())
            and not any(card.address(name, kind) for name, kind in messages.items())
        ]
        if missed:
            said = f"notifies {', '.join(missed)}, to whom no enabled channel sends messages"
            hint = "add a channel of kind slack or email: a paging channel sends pages only"
            yield draft.document.problem(where, said, hint)


def _notified(draft: Draft) -> Iterator[tuple[Path, str]]:
    used: dict[str, Severity] = {}
    for severity, policy in draft.sections.severities.items():
        yield from listed(("severities", severity.value, "notify"), policy.notify)
        if policy.escalation is not None:
            used.setdefault(policy.escalation, severity)
    for name, escalation in draft.sections.escalations.items():
        if name in used or isinstance(draft.raw.get("escalations"), dict):
            for index, step in enumerate(escalation.steps):
                where = (*draft.escalation(name, used.get(name)), "steps", index, "notify")
                yield from listed(where, step.notify)
    for index, audience in enumerate(draft.sections.audiences if "audiences" in draft.raw else ()):
        yield from listed(("audiences", index, "notify"), audience.notify)
