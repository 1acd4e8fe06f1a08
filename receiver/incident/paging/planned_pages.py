"""Recipients -> the pages to send now, and who is skipped and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from receiver.incident.paging.page_keys import page_key
from receiver.incident.paging.personal_rule_pages import pages_by_rule, rule_of
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import Recipient, pager_addresses
from receiver.model.base import to_ms
from receiver.model.incident.event import Destination
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.severity import Severity


@dataclass(frozen=True)
class SkippedRecipient:
    """A recipient who is not paged, and the reason.

    `already_paged`, `unreachable`, `nobody`, or `unknown_contact` where a reload has removed the contact.
    """

    contact: str
    person: str | None
    reason: str

    @property
    def why(self) -> str:
        """The reason in words."""
        return "no one is on call" if self.reason == "nobody" else self.reason.replace("_", " ")


def episode_of(starts: Iterable[datetime]) -> int:
    """Return the earliest of the startsAt in milliseconds: it distinguishes one outage of a group from the next."""
    first = min(starts, default=None)
    return to_ms(first) if first is not None else 0


def plan_pages(
    policy: Policy,
    wanted: Iterable[Recipient],
    *,
    key: str,
    episode: int,
    ring: int,
    paged: Iterable[Page],
    step: str,
    now: datetime,
    again: Collection[str] = (),
    note: str = "",
    by: str = "",
    severity: Severity | None = None,
    every_step: bool = False,
) -> tuple[list[Page], list[SkippedRecipient]]:
    """Return the pages to send now, and the recipients who are skipped.

    No one is paged twice in one `ring`: `paged` are the pages made so far. The exceptions are people whose page was
    withdrawn, and those in `again`. `severity` selects the personal rules; None: the rules for any severity.
    `every_step`: include the pages of later steps of a rule, for the caller to choose from. `note`: what the pages are
    about beside the incident. `by`: the person who requested them.
    """
    so_far = tuple(paged)
    notified = {page.person for page in so_far if page.ring == ring and not page.withdrawn} - set(again)
    template = partial(Page, step=step, ring=ring, at=now, note=note, by=by)
    planner = _Planner(policy, key, episode, ring, so_far, notified, template, severity, every_step)
    for one in wanted:
        planner.page(one)
    return planner.pages, planner.skipped


@dataclass
class _Planner:
    policy: Policy
    key: str
    episode: int
    ring: int
    paged: tuple[Page, ...]
    notified: set[str]
    """People who are not paged again."""
    template: partial[Page]
    severity: Severity | None
    every_step: bool
    pages: list[Page] = field(default_factory=list)
    skipped: list[SkippedRecipient] = field(default_factory=list)

    def page(self, recipient: Recipient) -> None:
        """Page the people of `recipient`, or those who stand in if none of them can be reached."""
        if recipient.missing:
            self.skipped.append(SkippedRecipient(recipient.contact, None, recipient.missing))
        if not self._page_people(recipient.contact, recipient.people):
            self._page_people(recipient.contact, recipient.standing_in)

    def _page_people(self, contact: str, people: Iterable[str]) -> bool:
        # Whether at least one of them is paged, or already was.
        reached = False
        for person in people:
            addresses = pager_addresses(self.policy, person)
            if person in self.notified:
                self.skipped.append(SkippedRecipient(contact, person, "already_paged"))
            elif not addresses:
                self.skipped.append(SkippedRecipient(contact, person, "unreachable"))
                continue
            else:
                self.notified.add(person)
                self.pages += self._pages(contact, person, addresses)
            reached = True
        return reached

    def _pages(self, contact: str, person: str, addresses: Sequence[tuple[str, str]]) -> list[Page]:
        number = _number(self.paged, person, self.ring)
        base = page_key(self.policy.namespace, self.key, self.episode, person, number)
        page = partial(self.template, person=person, contact=contact, number=number)
        rule = rule_of(self.policy.directory.person(person), addresses, self.policy.pagers, self.severity)
        if rule is None:
            return [page(key=base, channel=channel, address=address) for channel, address in addresses]
        pagers = self.policy.pagers
        return list(pages_by_rule(rule, addresses, pagers, base, page, every_step=self.every_step))


def _number(paged: Iterable[Page], person: str, ring: int) -> int:
    # At least `ring`, as in the keys of earlier releases: the emergency path often knows nothing else.
    return max([ring, *(1 + (page.number or page.ring) for page in paged if page.person == person)])


def page_destination(page: Page) -> Destination:
    """Return where a page goes: a row of its own, so that an invalid key delays no other page."""
    return Destination(channel=page.channel, address=page.key, paging=True)


def pagers_of(incident: Incident) -> tuple[Destination, ...]:
    """Return the destinations of every page that was made: a resolve goes to every key that was attempted."""
    return tuple(page_destination(page) for page in incident.pages)
