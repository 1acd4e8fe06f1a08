"""The message about an incident and its thread: the contents of each request, and the memory of the receipts."""

from __future__ import annotations

from typing import Any

from receiver.channels.slack import incident_message as message
from receiver.channels.slack.api import Body
from receiver.channels.slack.message_metadata import last_posted
from receiver.model.delivery.notice import Action, Mention, Notice
from receiver.model.incident.event import Kind

MENTIONED_KEPT = 100
"""Maximum number of people in the memory."""
CALLING = frozenset({Kind.SECOND_ROAD, Kind.REMINDER, Kind.STATUS_DUE, Kind.ACTION_DUE, Kind.LETTER})
"""Events that mention people by name every time."""


def first(notice: Notice, place: str, *, clickable: bool = False, said: int | None = None) -> Body:
    """Return the body of the message that starts an incident's thread, or of a message without a thread.

    `said`: the last event that was posted before it.
    """
    return {
        "channel": place,
        "text": message.summary(notice),
        "blocks": message.message(notice, clickable=clickable),
        "metadata": message.metadata(notice, **posted_at_start(notice, said)),
        **message.INERT,
    }


def update(notice: Notice, memory: dict[str, Any], *, clickable: bool = False) -> Body:
    """Return the body of the edit, without metadata, so that those of the first post stay."""
    return {
        "channel": memory["channel"],
        "ts": memory["ts"],
        "text": message.summary(notice),
        "blocks": message.message(notice, clickable=clickable),
        "parse": "none",
        "link_names": False,
    }


def thread(notice: Notice, memory: dict[str, Any]) -> Body | None:
    """Return the body of the reply with everything that was not posted yet; None if there is nothing."""
    news = [event for event in notice.events if event.seq > last_posted(memory)]
    called = set(memory.get("mentioned", []))
    newly = [person for person in notice.mentions if mention_key(person) not in called]
    again = dict.fromkeys((*notice.urgent, *notice.asked)) if news else {}
    newly += [person for person in again if person not in newly]
    if not news and not newly:
        return None
    text, blocks = message.reply(news, newly, notice.incident.badge if notice.incident else "")
    return {
        "channel": memory["channel"],
        "thread_ts": memory["ts"],
        "text": text,
        "blocks": blocks,
        "metadata": message.metadata(notice, **posted_after(notice, memory)),
        **message.INERT,
    }


def message_memory(notice: Notice) -> dict[str, Any] | None:
    """Return the memory of the message about the incident; None if there is no message yet."""
    memory = notice.memory
    known = notice.action is Action.INFORM and memory.get("channel") and memory.get("ts")
    return dict(memory) if known else None


def posted_after(notice: Notice, memory: dict[str, Any]) -> dict[str, Any]:
    """Return what will have been posted after `notice`: it goes into the metadata, and later into the memory."""
    mentioned = [*memory.get("mentioned", []), *map(mention_key, notice.mentions)]
    said = max([last_posted(memory), *(event.seq for event in notice.events)])
    return {"said": said, "mentioned": list(dict.fromkeys(mentioned))[-MENTIONED_KEPT:]}


def posted_at_start(notice: Notice, said: int | None) -> dict[str, Any]:
    """Return what the first message will have posted: the state, and therefore the events before it.

    It mentions no one: an event that does (a page was not delivered), and later ones, are posted in a reply.
    """
    calls = [event.seq for event in notice.events if event.kind in CALLING]
    if said is None and calls:
        said = min(calls) - 1
    begun = posted_after(notice, {})
    return begun if said is None else {**begun, "said": said}


def mention_key(person: Mention) -> str:
    """Return the key of a mentioned person in the memory."""
    return person.address or person.name
