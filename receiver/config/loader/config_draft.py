"""A configuration that has been read but not yet checked: its valid sections, and every name in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from receiver.channels import discover
from receiver.config.config_errors import Path
from receiver.config.loader.channel_entries import made
from receiver.config.settings.whole_config import Sections
from receiver.config.yaml.yaml_document import Document
from receiver.model.oncall.schedule_settings import Target
from receiver.model.severity import Severity
from receiver.triage.rules.rules_file import RulesSettings


@dataclass
class Draft:
    """The valid sections; an entry with an error is absent, but its name is included in `names`."""

    document: Document
    raw: dict[str, Any]
    sections: Sections
    rules: RulesSettings | None

    def names(self, section: str) -> set[str]:
        """Return the names that a section defines, including those of entries with errors."""
        given = self.raw.get(section)
        if isinstance(given, dict):
            return set(given)
        return set(getattr(self.sections, section))

    @cached_property
    def lacking(self) -> dict[str, str | None]:
        """The setting that each channel lacks, by name; None if it is complete."""
        return {name: made(name, settings).missing() for name, settings in self.sections.channels.items()}

    @property
    def off(self) -> dict[str, str]:
        """Channels that are off, and why."""
        return {name: lack for name, lack in self.lacking.items() if lack is not None}

    @cached_property
    def pagers(self) -> dict[str, str]:
        """Kind of each channel that can page a person, by name."""
        kinds = discover()
        given = {name: settings.kind for name, settings in self.sections.channels.items()}
        return {name: kind for name, kind in given.items() if kinds[kind].paging}

    def paged(self) -> Iterator[tuple[Path, str]]:
        """Yield the place where a contact is paged, and its name: in a severity, or in an escalation that one uses."""
        used: dict[str, Severity] = {}
        for severity, policy in self.sections.severities.items():
            yield from listed(("severities", severity.value, "page"), policy.page)
            if policy.escalation is not None:
                used.setdefault(policy.escalation, severity)
        for name, escalation in self.sections.escalations.items():
            if name in used:
                for index, step in enumerate(escalation.steps):
                    yield from listed((*self.escalation(name, used[name]), "steps", index, "page"), step.page)

    def escalation(self, name: str, user: Severity | None) -> Path:
        """Return the place of an escalation; for a default one, the severity that uses it."""
        if isinstance(self.raw.get("escalations"), dict) or user is None:
            return ("escalations", name)
        return ("severities", user.value, "escalation")

    def members(self, contact: str) -> tuple[str, ...]:
        """Return all people of `contact` at any time, without its backup."""
        return self.meant(self.sections.contacts.get(contact))

    def meant(self, target: Target | None) -> tuple[str, ...]:
        """Return all people of `target` at any time."""
        if target is None:
            return ()
        if target.schedule is not None:
            schedule = self.sections.schedules.get(target.schedule)
            return schedule.everybody if schedule else ()
        return target.people or ((target.person,) if target.person else ())


def listed(path: Path, items: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Yield each of `items` with its path."""
    for index, item in enumerate(items):
        yield (*path, index), item
