"""An incident's own Slack channel: created once, with topic, pinned summary and responders, archived at the end.

It is a separate destination, so that a limit on creating channels delays no message. Each completed step is recorded
even if the next one fails.
"""

from __future__ import annotations

import re
from typing import Any

from receiver.channels.delivery_error import DeliveryError
from receiver.channels.safe_text import clean, cut
from receiver.channels.slack import incident_message as message
from receiver.channels.slack.api import A_SECOND, PAGE, TIER_2, TIER_3, SlackApi
from receiver.channels.slack.api_answers import FROZEN, GONE, SlackError
from receiver.channels.slack.mrkdwn import escape, flat
from receiver.model.delivery.notice import Notice, Receipt, Room
from receiver.model.delivery.vendor_quota import Quota
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.model.severity import Severity

ADDRESS = "(own)"
"""The address of this destination; no channel has this name."""
NAME_LIMIT = 80
TOPIC_LIMIT = 250
INVITE_AT_ONCE = 100
TRIES = 4
"""Maximum number of names to try: the plain one, then with a number at the end."""
TAKEN = "name_taken"
INVITED = frozenset({"already_in_channel", "cant_invite_self", "cant_invite", "user_not_found", "user_is_restricted"})
"""Errors that count as done, because a later attempt would not succeed either."""
UNABLE = frozenset({"missing_scope", "restricted_action", "no_permission"})
LEFT = frozenset({"is_archived", "channel_not_found"})
OVER = frozenset({"already_archived", "channel_not_found", "is_archived"})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ADDRESS = re.compile(r":(?=//)|(?<=mailto):")
_USER = re.compile(r"[UW][A-Z0-9]+")


class SlackIncidentChannel:
    """Creates and updates the channels of incidents."""

    def __init__(self, api: SlackApi, severities: tuple[Severity, ...], prefix: str, *, clickable: bool) -> None:
        """`severities`: whose incidents get a channel; `prefix`: that of its name; `clickable`: with buttons."""
        self.clickable = clickable
        self.api = api
        self.severities = severities
        self.prefix = prefix

    async def keep(self, notice: Notice) -> Receipt:
        """Update the incident's channel. Raises DeliveryError with the completed steps in `progress`."""
        memory, incident = dict(notice.memory), notice.incident
        if incident is None or (not memory.get("room") and not self.wanted(incident)):
            return Receipt(nothing=True)
        again = any(event.kind is Kind.REOPENED for event in notice.events)
        if memory.get("left") and not again:
            return Receipt(nothing=True, memory=memory)
        memory |= {"left": False, "archived": True} if memory.get("left") else {}
        try:
            await self._steps(notice, incident, memory)
        except SlackError as error:
            if error.code not in LEFT or not memory.get("room"):
                # A missing permission for channels must not pause messages.
                refused = error.code in UNABLE
                told = DeliveryError("client_error", error.detail, permanent=True) if refused else error
                told.progress = memory
                raise told from None
            # A person archived it; until the incident reopens, updates go only to the common channel.
            memory["left"] = True
            warning = f"slack: {memory['name']} was archived or deleted by someone, and is left alone"
            return Receipt(ref=memory["room"], memory=memory, warning=warning)
        except DeliveryError as error:
            error.progress = memory
            raise
        return Receipt(ref=memory["room"], memory=memory, room=Room(id=memory["room"], name=f"#{memory['name']}"))

    def wanted(self, incident: Incident) -> bool:
        """Return whether `incident` gets its own channel now."""
        # No one works on a held incident yet.
        waits = incident.held is not None or incident.parent is not None or incident.state.over
        return incident.severity in self.severities and not (waits or incident.private)

    def quotas(self, notice: Notice) -> tuple[Quota, ...]:
        """Return the limits of Slack for the steps that `keep` will take. Pure."""
        memory, incident = notice.memory, notice.incident
        if incident is None or (not memory.get("room") and not self.wanted(incident)):
            return ()
        known = str(memory.get("room") or "")
        closed, away = incident.state is State.CLOSED, bool(memory.get("archived"))
        limits = {
            "rooms": not known,
            "topics": memory.get("topic") != topic(incident),
            "invites": bool(_fresh(notice)),
            "edits": bool(known),
            "lookups": notice.repeat,
            "archives": away is not closed,
        }
        wide = ("edits", "invites", "lookups")
        # A storm needs more channels than are allowed per minute; the most severe incidents get theirs first.
        rank = 2 if incident.severity is Severity.SEV1 else 3
        wanted = [Quota(name=known, **A_SECOND, rank=rank)] if known else []
        wanted += [
            Quota(name=name, **(TIER_3 if name in wide else TIER_2), rank=rank)
            for name, counts in limits.items()
            if counts
        ]
        return () if memory.get("left") or (away and closed) else tuple(wanted)

    async def _steps(self, notice: Notice, incident: Incident, memory: dict[str, Any]) -> None:
        if not memory.get("room"):
            memory |= await self._make(notice, incident)
        room = memory["room"]
        closed = incident.state is State.CLOSED
        if memory.get("archived") and closed:
            return
        if memory.get("archived"):
            await self._quietly("conversations.unarchive", {"channel": room}, notice, {"not_archived"})
            memory["archived"] = False
        if not memory.get("ts"):
            memory |= await self._summary(notice, memory)
        else:
            await self._edit(notice, memory)
        if not memory.get("pinned"):
            body = {"channel": room, "timestamp": memory["ts"]}
            await self._quietly("pins.add", body, notice, {"already_pinned", "too_many_pins"})
            memory["pinned"] = True
        if memory.get("topic") != topic(incident):
            body = {"channel": room, "topic": topic(incident)}
            await self._quietly("conversations.setTopic", body, notice, {"too_long"})
            memory["topic"] = topic(incident)
        await self._invite(notice, memory)
        await self._news(notice, memory)
        if closed:
            await self._quietly("conversations.archive", {"channel": room}, notice, OVER)
            memory["archived"] = True

    async def _make(self, notice: Notice, incident: Incident) -> dict[str, Any]:
        name = room_name(self.prefix, incident)
        for number in range(1, TRIES + 1):
            tried = name if number == 1 else f"{name[: NAME_LIMIT - 3]}-{number}"
            try:
                made = await self.api.write("conversations.create", {"name": tried}, notice.now)
            except SlackError as error:
                if error.code != TAKEN:
                    raise
                # The channel may be ours, from an attempt whose response was lost; the name alone does not prove it.
                found = await self._ours(tried, notice) if notice.repeat else None
                if found is not None:
                    return {"room": found, "name": tried}
                continue
            channel = made.get("channel")
            if not isinstance(channel, dict) or not isinstance(channel.get("id"), str):
                raise DeliveryError("bad_answer", "conversations.create did not return a channel", ambiguous=True)
            return {"room": channel["id"], "name": str(channel.get("name") or tried)[:NAME_LIMIT]}
        raise DeliveryError(
            "client_error", f"the {TRIES} names tried for its channel are in use, starting with {name}", permanent=True
        )

    async def _ours(self, name: str, notice: Notice) -> str | None:
        # Created by this bot after the incident began, and empty or with our mark in it.
        me = (await self.api.read("auth.test", {}, notice.now)).get("user_id")
        query = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": "1000"}
        async for item in self.api.items("conversations.list", "channels", query, notice.now):
            if item.get("name") != name or item.get("creator") != me or not isinstance(item.get("id"), str):
                continue
            history = {"channel": item["id"], "include_all_metadata": "true", "limit": str(PAGE)}
            async for found in self.api.items("conversations.history", "messages", history, notice.now):
                marks = found.get("metadata")
                payload = marks.get("event_payload") if isinstance(marks, dict) else None
                uid = notice.incident.uid if notice.incident else ""
                if isinstance(payload, dict) and payload.get("uid") not in (None, uid):
                    return None
            return str(item["id"])
        return None

    async def _summary(self, notice: Notice, memory: dict[str, Any]) -> dict[str, Any]:
        if notice.repeat:
            found = await self._marked(notice, memory)
            if found:
                return found
        said = max((event.seq for event in notice.events), default=0)
        body = {
            "channel": memory["room"], "text": message.summary(notice),
            "blocks": message.message(notice, clickable=self.clickable),
            "metadata": message.metadata(notice, said, []), **message.INERT,
        }  # fmt: skip
        told = await self.api.write("chat.postMessage", body, notice.now)
        if not isinstance(told.get("ts"), str):
            raise DeliveryError("bad_answer", "chat.postMessage did not return ts", ambiguous=True)
        return {"ts": told["ts"], "said": said}

    async def _marked(self, notice: Notice, memory: dict[str, Any]) -> dict[str, Any]:
        # What this channel already shows: its summary, and the last posted event.
        query = {"channel": memory["room"], "include_all_metadata": "true", "limit": str(PAGE)}
        first, said = None, int(memory.get("said", 0))
        async for found in self.api.items("conversations.history", "messages", query, notice.now):
            marks = found.get("metadata")
            payload = marks.get("event_payload") if isinstance(marks, dict) else None
            if isinstance(payload, dict) and notice.incident and payload.get("uid") == notice.incident.uid:
                first = found.get("ts")  # the newest comes first, so that the last one is the summary
                said = max(said, int(payload.get("said") or 0))
        return {"ts": memory.get("ts") or first, "said": said} if first else {}

    async def _edit(self, notice: Notice, memory: dict[str, Any]) -> None:
        body = {
            "channel": memory["room"], "ts": memory["ts"], "text": message.summary(notice),
            "blocks": message.message(notice, clickable=self.clickable), "parse": "none", "link_names": False,
        }  # fmt: skip
        await self._quietly("chat.update", body, notice, {GONE, *FROZEN})

    async def _invite(self, notice: Notice, memory: dict[str, Any]) -> None:
        before, fresh = list(memory.get("invited", [])), _fresh(notice)
        for start in range(0, len(fresh), INVITE_AT_ONCE):
            some = fresh[start : start + INVITE_AT_ONCE]
            body = {"channel": memory["room"], "users": ",".join(some), "force": True}
            await self._quietly("conversations.invite", body, notice, INVITED)
            before += some
            memory["invited"] = before

    async def _news(self, notice: Notice, memory: dict[str, Any]) -> None:
        if notice.repeat:
            memory |= await self._marked(notice, memory)
        news = [event for event in notice.events if event.seq > int(memory.get("said", 0))]
        if not news:
            return
        said = max(event.seq for event in news)
        text, blocks = message.reply(news, (), notice.incident.badge if notice.incident else "")
        body = {
            "channel": memory["room"], "text": text, "blocks": blocks,
            "metadata": message.metadata(notice, said, []), **message.INERT,
        }  # fmt: skip
        await self.api.write("chat.postMessage", body, notice.now)
        memory["said"] = said

    async def _quietly(self, method: str, body: dict[str, Any], notice: Notice, fine: Any) -> None:
        # A step that may be done already, or that this token may not take, does not stop the others.
        try:
            await self.api.write(method, body, notice.now)
        except SlackError as error:
            if error.code not in fine and error.code not in (*UNABLE, "method_deprecated"):
                raise


def room_name(prefix: str, incident: Incident) -> str:
    """Return the name of an incident's channel, such as `inc-2026-0042-api-high-error-rate`: at most 76 characters."""
    numbers = re.findall(r"[0-9]+", incident.id or incident.uid)
    named = incident.names[0] if incident.names else incident.title
    words = [prefix.lower(), *numbers, *_words(incident.badge), *_words(incident.service or ""), *_words(named)]
    name = re.sub(r"[^a-z0-9_-]+", "-", "-".join(words))
    return cut_at_word(name, NAME_LIMIT - 4)


def cut_at_word(name: str, limit: int) -> str:
    """Return `name` with at most `limit` characters, cut between two words."""
    if len(name) <= limit:
        return name.strip("-")
    head = name[:limit]
    return (head.rpartition("-")[0] or head).strip("-")


def topic(incident: Incident) -> str:
    """Return the topic, with data that rarely changes, because each change of it is a message in the channel."""
    commander = incident.roles.incident_commander
    head = f"{incident.badge}[{incident.severity.value}] {incident.label} "
    tail = f" (IC: {clean(commander, 60)})" if commander else ""
    room = TOPIC_LIMIT - len(head) - len(tail)
    # A topic has no `parse: none`: an address in it would be a link.
    title = _ADDRESS.sub(": ", cut(clean(incident.title, 200), 150))
    return head + escape(flat(title), room) + tail


def _fresh(notice: Notice) -> list[str]:
    before = notice.memory.get("invited", [])
    found = [p.address for p in notice.invited if p.address and _USER.fullmatch(p.address)]
    return [address for address in dict.fromkeys(found) if address not in before]


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(clean(text, 80))][:8]
