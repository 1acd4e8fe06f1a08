"""The channels by which each person is paged, and which of them an answered test page has proved. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.model.base import Kept
from receiver.model.oncall.schedule_settings import Person

AHEAD = timedelta(hours=24)
"""How long before a shift its person is sent test pages."""
DAY = (9, 18)
"""Hours in which a scheduled test page is sent, in the person's time zone: a test wakes no one."""
AGAIN = timedelta(hours=20)
"""Minimum time between an unanswered test page and the next scheduled one."""


class Means(NamedTuple):
    """One way to page a person."""

    channel: str
    how: str = ""
    """`sms` or `call`, if a rule requires it."""


class Proof(Kept):
    """The newest test page by one channel to one person, and when such a page was last answered."""

    person: str
    channel: str
    how: str = ""
    key: str
    """The key of the page at the vendor."""
    by: str
    """Who requested it; `schedule` if it was scheduled."""
    asked_at: datetime
    until: datetime
    """Until when it can be answered."""
    proved_at: datetime | None = None
    """When such a test page was last answered; None: never."""
    ended: bool = False
    """Whether the page has been answered, or its time is over."""

    @property
    def means(self) -> Means:
        """The channel that it tests."""
        return Means(self.channel, self.how)

    @property
    def answered(self) -> bool:
        """Whether this page has been answered."""
        return self.proved_at is not None and self.proved_at >= self.asked_at


class Unproved(NamedTuple):
    """A channel by which a person may be paged, without a recent answered test page."""

    person: str
    name: str
    means: Means
    proved_at: datetime | None


Proofs = Mapping[tuple[str, Means], Proof]
"""By person and means."""


def means_of(card: Person, pagers: Iterable[tuple[str, str]]) -> tuple[Means, ...]:
    """Return the channels by which a person may be paged; `pagers`: name and kind of the channels that page."""
    reached = [name for name, kind in pagers if card.address(name, kind)]
    rules = [card.page_by] if isinstance(card.page_by, tuple) else list(card.page_by.values())
    by_rule = [Means(step.by, step.how or "") for steps in rules for step in steps if step.by in reached]
    named = {one.channel for one in by_rule}
    return tuple(dict.fromkeys([*by_rule, *(Means(name) for name in reached if name not in named)]))


def find_unproved(
    directory: ContactDirectory,
    people: Iterable[str],
    pagers: Iterable[tuple[str, str]],
    proofs: Proofs,
    every: timedelta,
    now: datetime,
) -> Iterator[Unproved]:
    """Yield the channels of `people` that were not proved within the last `every`."""
    pagers = tuple(pagers)
    for person in people:
        card = directory.people.get(person)
        for means in means_of(card, pagers) if card else ():
            known = proofs.get((person, means))
            proved_at = known.proved_at if known else None
            if card and (proved_at is None or now - proved_at > every):
                yield Unproved(person, card.name, means, proved_at)


def shifts_ahead(directory: ContactDirectory, now: datetime) -> dict[str, datetime]:
    """Return whose shift begins within the next 24 hours, and when the first one does."""
    found: dict[str, datetime] = {}
    for name in directory.schedules:
        for shift in directory.roster(name).shifts(now, now + AHEAD):
            if shift.person and shift.since is not None and shift.since > now:
                found[shift.person] = min(shift.since, found.get(shift.person, shift.since))
    return found


def is_daytime(card: Person, zone: str, now: datetime) -> bool:
    """Return whether a scheduled test page may be sent to this person now; `zone`: of people without their own."""
    return DAY[0] <= now.astimezone(ZoneInfo(card.timezone or zone)).hour < DAY[1]


def asked_lately(proof: Proof | None, now: datetime) -> bool:
    """Return whether such a test page was sent so recently that no further one is scheduled."""
    return proof is not None and now - proof.asked_at < AGAIN
