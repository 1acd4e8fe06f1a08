"""What a channel is to say, and the receipt of what its vendor answered."""

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
    """Stable: by it the page is known again."""
    title: str
    """Names the incident or the month, so that no two documents share one."""
    markdown: str
    """Headings, paragraphs, lists, tables, code; foreign text in it is already escaped."""


class Notice(Frozen):
    """What is sent to one destination: the newest state, not that of the event that required it."""

    key: str
    """Stable: the same notice sent twice carries the same key. For a page it is the page key."""
    action: Action
    address: str
    """Where in the channel: a routing key for a page, `#incidents` for a chat."""
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
    """For a channel that tells the public: all that it may know."""
    document: Document | None = None
    accounts: dict[str, str] = {}
    """How the channel calls the owners of the action items in `events`, by their name here; only who is known there."""
    urgent: tuple[Mention, ...] = ()
    """Who is called even if they were mentioned before: their page is not through."""
    asked: tuple[Mention, ...] = ()
    """Who is called by name again, in the usual order: they are reminded of something."""
    invited: tuple[Mention, ...] = ()
    """Who belongs into a place of the incident's own: those who were paged, who have roles, all hands."""
    paged: tuple[str, ...] = ()
    """Names of the people whom this incident has paged."""
    images: tuple[Link, ...] = ()
    """Images at https addresses, which only the reader's client loads."""
    links: tuple[Link, ...] = ()
    url: str | None = None
    """Where the console shows the incident; None without `service.public_url`."""
    answers: dict[str, str] = {}
    """Token of each verb that the person may answer with (model/delivery/phone_answer.py); empty: no answers."""
    hooks: str | None = None
    """Base address for answers from phones; None without `service.public_url`."""
    memory: dict[str, Any] = {}
    """What the channel's last receipt for this destination asked to remember (a message's ts)."""
    repeat: bool = False
    """True when an earlier attempt may have arrived although no answer was seen."""
    now: datetime


class AlertLine(Frozen):
    """One alert as a message shows it: foreign text, to be escaped by the channel."""

    name: str
    summary: str
    labels: dict[str, str]
    starts_at: datetime
    fingerprint: str
    description: str = ""
    """What it says beside its summary."""
    differing: dict[str, str] = {}
    """Those of its labels that not all the alerts shown have alike."""
    values: dict[str, str] = {}
    """Its other annotations that are no links: figures, as a rule."""

    @property
    def detail(self) -> str:
        """What the alert says beside name and summary, on one line: description, labels that differ, values."""
        pairs = [f"{name}={value}" for name, value in {**self.differing, **self.values}.items() if name != "alertname"]
        return "; ".join(part for part in (self.description, ", ".join(pairs)) if part)


class Room(Frozen):
    """A place of an incident's own in a channel, such as a Slack channel made for it."""

    id: str
    name: str


class Receipt(Frozen):
    """What the vendor answered to a notice that it accepted."""

    ref: str | None = None
    """The vendor's id: a dedup key, a message's ts, a ticket."""
    memory: dict[str, Any] = {}
    """Stored for the next notice to the same destination."""
    warning: str | None = None
    room: Room | None = None
    """The incident's own place, once there is one."""
    nothing: bool = False
    """There was nothing to send to this destination."""


Notice.model_rebuild()
