"""Events -> who hears of it, where: pages to people, messages to the channels that inform."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial

from receiver.incident.oncall.contact_directory import ContactDirectory, UnknownName
from receiver.incident.paging.page_keys import page_key
from receiver.incident.paging.personal_rule_pages import pages_by_rule, rule_of
from receiver.incident.paging.policy_snapshot import take_policy_snapshot
from receiver.incident.service_name import SERVICE_FROM
from receiver.incident.title import Named
from receiver.model.base import to_ms
from receiver.model.delivery.public_incident import UNNAMED_PRODUCT
from receiver.model.incident.event import Destination
from receiver.model.incident.incident import Incident, Page
from receiver.model.incident.policy_snapshot import Plan, SeverityPlan
from receiver.model.severity import Severity
from receiver.model.severity_policy import CustomerVisible, NewAlert

HOLD = timedelta(seconds=60)
"""How long an alert that fires again with the startsAt of its own end is held (architecture.md, Identities)."""


@dataclass(frozen=True)
class Policy:
    """The configuration as decisions need it."""

    namespace: str
    directory: ContactDirectory
    pagers: tuple[tuple[str, str], ...]
    """Name and kind of the complete channels that can ring a person."""
    informs: tuple[Destination, ...]
    """Where incidents are told of."""
    monitor_for: timedelta
    auto_resolve: bool
    reopen_within: timedelta
    keyed: frozenset[str] = frozenset()
    """Those of them whose vendor takes a page with a known key for the page that it has."""
    mute: frozenset[str] = frozenset()
    """Those of them that wake nobody: the log."""
    zone: str = "UTC"
    """The zone of business hours."""
    calm_for: timedelta = timedelta(minutes=15)
    """How long every firing alert is milder before a lower severity is proposed."""
    visible: Callable[[Mapping[str, str], str | None], bool | None] = lambda labels, scope: None
    """(labels, scope) -> whether customers see it; None: nothing says so."""
    listeners: tuple[Listener, ...] = ()
    """Who else hears of some incidents (`audiences`)."""
    windows: Callable[[Mapping[str, str], datetime], tuple[str, datetime] | None] = lambda labels, now: None
    """(labels, now) -> name and end of the maintenance window that an alert falls into; None: of none."""
    storm: tuple[int, timedelta] | None = None
    """More new incidents than this within that time are a storm."""
    tickets: tuple[Destination, ...] = ()
    """Where tickets are made."""
    public: tuple[Destination, ...] = ()
    """Where status updates go once they are let out, beside the built-in page."""
    documents: tuple[Destination, ...] = ()
    """Where documents are kept as pages."""
    marks: tuple[Destination, ...] = ()
    """Where the time of an incident is marked."""
    repositories: Mapping[str, str] = field(default_factory=dict)
    """The repository of each service that has one, where what was changed is asked for."""
    support: tuple[Destination, ...] = ()
    """Who hears of each update that is let out: the support team."""
    components: Callable[[Mapping[str, str]], tuple[tuple[str, str], ...]] = lambda labels: ()
    """(labels) -> id and name of the components of the status page that they belong to."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Id and name of every component of the status page."""
    product: str = UNNAMED_PRODUCT
    """What is named where no component is."""
    letters: tuple[tuple[str, str], ...] = ()
    """Name and kind of the channels that write to each person at their own address."""
    verify_every: timedelta | None = None
    """How often the checks of `verification` run while an incident is watched; None: there are none."""

    asked_budgets: frozenset[Severity] = frozenset()
    """Severities that spend an error budget which Prometheus is asked about."""
    rules_known: bool = False
    """Whether there is a Prometheus that can be asked about its alert rules."""
    new_alert: NewAlert | None = None
    """What becomes of a new alert that joins an acknowledged incident; None: by its severity."""
    service_from: tuple[str, ...] = SERVICE_FROM
    """Labels that may name the service of an incident, the foremost first."""
    detect_at_most: timedelta = timedelta(hours=1)
    """How long an alert may have fired when its receiver is first heard of, and still say how long detection took."""
    title: Callable[[Named], str] = lambda named: named.title
    """What an incident is called."""
    measures: bool = False
    """Whether some measurement is asked for by a query."""

    @cached_property
    def plan(self) -> Plan:
        """The policy as an incident that opens now keeps it."""
        return take_policy_snapshot(self.directory, self.zone, self.marks)

    def joining(self, severity: Severity) -> NewAlert:
        """Return what becomes of a new alert that joins an acknowledged incident of `severity`."""
        urgent = severity in (Severity.SEV1, Severity.SEV2)
        return self.new_alert or (NewAlert.PAGE if urgent else NewAlert.NOTIFY)

    def person_called(self, name: str | None) -> str | None:
        """Return the key of the person of that key or name; None: nobody of the configuration."""
        people = self.directory.people
        return name if name in people else next((one for one, card in people.items() if card.name == name), None)

    def called(self, incident: Incident) -> SeverityPlan:
        """Return what the incident's severity asks for: by the plan it opened under, else by the one in force."""
        kept = incident.called
        return kept if kept is not None else self.plan.severities[incident.severity]


@dataclass(frozen=True)
class Listener:
    """An entry of `audiences`, its matchers compiled."""

    severities: tuple[Severity, ...]
    matches: Callable[[Mapping[str, str]], bool]
    when: CustomerVisible | None
    notify: tuple[str, ...]


@dataclass(frozen=True)
class SkippedRecipient:
    """Somebody who was to be called and is not, and why.

    `already_paged`, `unreachable`, `nobody`, or `unknown_contact` where a reload has removed the contact.
    """

    contact: str
    person: str | None
    reason: str


def episode_of(starts: Iterable[datetime]) -> int:
    """Return the earliest of the startsAt in milliseconds: what tells one outage of a group from its next."""
    return min((to_ms(moment) for moment in starts), default=0)


@dataclass(frozen=True)
class Recipient:
    """A contact that is to be paged: its people, and who stands in when none of them can be reached."""

    contact: str
    people: tuple[str, ...]
    standing_in: tuple[str, ...] = ()
    missing: str | None = None
    """Why there are no people: `nobody` or `unknown_contact`."""


def find_recipients(
    policy: Policy, contacts: Iterable[str], now: datetime, fallback: Iterable[str] = ()
) -> list[Recipient]:
    """Return who is meant by `contacts` at `now`.

    One that the configuration has no more gives way to `fallback`, the contacts of the severity.
    """
    found = []
    for contact in contacts:
        people, gone = people_of(policy, contact, now)
        standing_in = backup_of(policy, contact, now)
        if gone:
            standing_in = tuple(p for other in fallback for p in people_of(policy, other, now)[0])
        missing = None if people else "unknown_contact" if gone else "nobody"
        found.append(Recipient(contact, people, standing_in, missing))
    return found


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
    """Return the pages that are called for now, and who is passed over.

    `severity`: whose personal rules count; None: those for any. `every_step`: those of later steps too, to choose from.

    `paged` are the pages made so far: nobody is paged twice in one ring, unless the first page was withdrawn or that
    person is to be paged `again`. `note`: what they are about beside the incident; `by`: who has called for them.
    """
    paged = tuple(paged)
    rung = {page.person for page in paged if page.ring == ring and not page.withdrawn} - set(again)
    made: list[Page] = []
    passed: list[SkippedRecipient] = []

    def call(contact: str, people: Iterable[str]) -> bool:
        reached = False
        for person in people:
            roads = _roads(policy, person)
            if person in rung:
                passed.append(SkippedRecipient(contact, person, "already_paged"))
            elif not roads:
                passed.append(SkippedRecipient(contact, person, "unreachable"))
                continue
            else:
                rung.add(person)
                number = _number(paged, person, ring)
                frozen = page_key(policy.namespace, key, episode, person, number)
                page = partial(
                    Page, person=person, contact=contact, step=step, ring=ring, at=now, number=number, note=note, by=by
                )
                rule = rule_of(policy.directory.person(person), roads, policy.pagers, severity)
                if rule is None:
                    made.extend(page(key=frozen, channel=channel, address=address) for channel, address in roads)
                else:
                    made.extend(pages_by_rule(rule, roads, policy.pagers, frozen, page, every_step=every_step))
            reached = True
        return reached

    for one in wanted:
        if one.missing:
            passed.append(SkippedRecipient(one.contact, None, one.missing))
        if not call(one.contact, one.people):
            call(one.contact, one.standing_in)
    return made, passed


def _number(paged: Iterable[Page], person: str, ring: int) -> int:
    # At least the ring, as in the keys of earlier releases: the emergency path often knows nothing but that.
    return max([ring, *(1 + (page.number or page.ring) for page in paged if page.person == person)])


def people_of(policy: Policy, contact: str, now: datetime) -> tuple[tuple[str, ...], bool]:
    """Return the people of `contact` at `now`, and whether the configuration has no such contact (any more)."""
    try:
        return policy.directory.people_of(contact, now), False
    except UnknownName:
        return (), True


def backup_of(policy: Policy, contact: str, now: datetime) -> tuple[str, ...]:
    """Return the people who back `contact` up at `now`; nobody where there is no such contact or backup."""
    try:
        return policy.directory.backup_of(contact, now)
    except UnknownName:
        return ()


def _roads(policy: Policy, person: str) -> list[tuple[str, str]]:
    try:
        card = policy.directory.person(person)
    except UnknownName:
        return []
    found = ((channel, card.address(channel, kind)) for channel, kind in policy.pagers)
    return [(channel, address) for channel, address in found if address]


def address_of(policy: Policy, person: str, channel: str) -> str | None:
    """Return where `person` is paged by `channel`; None where the configuration has no such person or address."""
    return dict(_roads(policy, person)).get(channel)


def find_informed(policy: Policy, contacts: Iterable[str], incident: Incident, now: datetime) -> tuple[str, ...]:
    """Return the people of `contacts` and of the audiences (never the pager) who have not heard of it yet."""
    known = set(incident.notified) | {page.person for page in incident.pages if page.ring == incident.ring}
    people: dict[str, None] = {}
    for contact in (*contacts, *_listening(policy, incident)):
        found, _ = people_of(policy, contact, now)
        people.update(dict.fromkeys(person for person in found if person not in known))
    return tuple(people)


def _listening(policy: Policy, incident: Incident) -> list[str]:
    visible = policy.visible(incident.labels, incident.decision.scope)
    return [
        contact
        for listener in policy.listeners
        if incident.severity in listener.severities
        and listener.matches(incident.labels)
        and (listener.when is None or visible is True)
        for contact in listener.notify
    ]


def email_destinations(policy: Policy, people: Iterable[str]) -> tuple[Destination, ...]:
    """Return where `people` are written to, one destination an address; who has no address there is left out."""
    found: dict[Destination, None] = {}
    for person in people:
        try:
            card = policy.directory.person(person)
        except UnknownName:
            continue
        for channel, kind in policy.letters:
            address = card.address(channel, kind)
            if address:
                found[Destination(channel=channel, address=address, personal=True)] = None
    return tuple(found)


def page_destination(page: Page) -> Destination:
    """Return where a page goes: its own row, so that one bad key holds up nobody else."""
    return Destination(channel=page.channel, address=page.key, paging=True)


def pagers_of(incident: Incident) -> tuple[Destination, ...]:
    """Return the destinations of every page that was made: a resolve goes to every key that was attempted."""
    return tuple(page_destination(page) for page in incident.pages)
