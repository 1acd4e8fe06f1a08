"""Warnings about contacts that no channel reaches, and contacts that are their own backup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from receiver.channels import discover
from receiver.config.config_errors import Problem
from receiver.config.loader.config_draft import Draft
from receiver.model.oncall.schedule_settings import Person, Target


def unwise(draft: Draft) -> Iterator[Problem]:
    """Yield each contact, and each backup, that no enabled channel reaches."""
    kinds = discover()
    every = {name: settings.kind for name, settings in draft.sections.channels.items()}
    on = {
        name: kind
        for name, kind in every.items()
        if name not in draft.off and (kinds[kind].paging or kinds[kind].informs or kinds[kind].personal)
    }
    people = draft.sections.people
    for name, contact in draft.sections.contacts.items():
        targets: list[tuple[tuple[str, ...], Target | None]] = [((), contact), (("backup",), contact.backup)]
        for below, target in targets:
            missed = [key for key in draft.meant(target) if key in people and not _roads(people[key], on)]
            if missed:
                said = f"no enabled channel can reach {', '.join(missed)}"
                off = {road for key in missed for road in _roads(people[key], every)}
                hint = f"complete {' or '.join(sorted(off))}" if off else f"write an address of {_any(on)}"
                yield draft.document.problem(("contacts", name, *below), said, hint, at_key=True)
        backup = contact.backup
        # A schedule may have a backup schedule with the same people, who take turns.
        if backup is None or contact.schedule is not None or backup.schedule is not None:
            continue
        if set(draft.meant(backup)) <= set(draft.meant(contact)):
            said, hint = "the backup is the person who did not respond", "name someone else"
            yield draft.document.problem(("contacts", name, "backup"), said, hint, at_key=True)


def _roads(person: Person, channels: Mapping[str, str]) -> list[str]:
    return [name for name, kind in channels.items() if person.address(name, kind)]


def _any(names: Iterable[str]) -> str:
    return " or ".join(sorted(names)) or "some channel"
