"""The message for a channel, and the receipt with its vendor's response."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from receiver.model.base import Frozen
from receiver.model.delivery.public_incident import PublicNews
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page


class Action(StrEnum):
    """The action of a channel."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    INFORM = "inform"
    """Post the state of the incident: a first message, or an edit and the new events."""
    TELL = "tell"
    """A message about the service itself, without an incident: only `text` is filled."""
    DOCUMENT = "document"
    """Publish a page, or bring it up to date: `document` is filled."""


class Mention(Frozen):
    """A person whom a channel mentions; `address` comes only from the configuration."""

    name: str
    address: str | None = None


class Link(Frozen):
    """A link that the configuration (or a checked http(s) annotation) allows."""

    text: str
    href: str


class Document(Frozen):
    """The content of a wiki page: a post-mortem, a review."""

    key: str
    """A stable key by which the page is recognized."""
    title: str
    """It contains the incident or the month, so that it is unique."""
    markdown: str
    """Headings, paragraphs, lists, tables, code; untrusted text in it is already escaped."""


class Notice(Frozen):
    """A message to one destination: with the newest state, not that of the event that required it."""

    key: str
    """Stable: the same notice has the same key each time. For a page it is the page key."""
    action: Action
    address: str
    """The address in the channel: a routing key for a page, `#incidents` for a chat."""
    text: str = ""
    """For TELL: the whole message. Otherwise a one-line summary in plain text."""
    incident: Incident | None = None
    page: Page | None = None
    events: tuple[Event, ...] = ()
    """Events that were not sent to this destination yet, oldest first; empty for a page."""
    alerts: tuple[AlertLine, ...] = ()
    """At most 20 of the firing alerts."""
    mentions: tuple[Mention, ...] = ()
    public: PublicNews | None = None
    """For a public channel: all data that may be public."""
    document: Document | None = None
    accounts: dict[str, str] = {}
    """The address in the channel of each owner of an action item in `events`, by name; only known owners."""
    urgent: tuple[Mention, ...] = ()
    """People who are mentioned even if they were mentioned before, because their page was not delivered."""
    asked: tuple[Mention, ...] = ()
    """People who are mentioned again, in the usual order, because they are reminded of something."""
    invited: tuple[Mention, ...] = ()
    """Members of the incident's own channel: people who were paged, have roles, or are part of all hands."""
    paged: tuple[str, ...] = ()
    """Names of the people that this incident has paged."""
    images: tuple[Link, ...] = ()
    """Images at https addresses, which only the reader's client loads."""
    links: tuple[Link, ...] = ()
    url: str | None = None
    """The address of the incident in the console; None without `service.public_url`."""
    answers: dict[str, str] = {}
    """The token for each verb of an answer (model/delivery/phone_answer.py); empty: no answers."""
    hooks: str | None = None
    """Base address for answers from phones; None without `service.public_url`."""
    memory: dict[str, Any] = {}
    """The memory from the channel's last receipt for this destination (such as a message's ts)."""
    repeat: bool = False
    """True if an earlier attempt may have arrived although no response did."""
    now: datetime


class AlertLine(Frozen):
    """One alert for a message: untrusted text, which the channel must escape."""

    name: str
    summary: str
    labels: dict[str, str]
    starts_at: datetime
    fingerprint: str
    description: str = ""
    """Its description, in addition to the summary."""
    differing: dict[str, str] = {}
    """Its labels that differ among the listed alerts."""
    values: dict[str, str] = {}
    """Its other annotations that are not links, usually figures."""

    @property
    def detail(self) -> str:
        """The other texts of the alert on one line: description, labels that differ, values."""
        pairs = [f"{name}={value}" for name, value in {**self.differing, **self.values}.items() if name != "alertname"]
        return "; ".join(part for part in (self.description, ", ".join(pairs)) if part)


class Room(Frozen):
    """A place in a channel for one incident, such as a Slack channel created for it."""

    id: str
    name: str


class Receipt(Frozen):
    """The vendor's response to an accepted notice."""

    ref: str | None = None
    """The vendor's id: a dedup key, a message's ts, a ticket."""
    memory: dict[str, Any] = {}
    """Stored for the next notice to the same destination."""
    warning: str | None = None
    room: Room | None = None
    """The incident's own place, if there is one."""
    nothing: bool = False
    """Whether there was nothing to send to this destination."""


Notice.model_rebuild()
