"""Buttons, checkboxes, selections and forms in Slack, and messages that people pin to the timeline."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog

from receiver.channels.base import DeliveryError
from receiver.channels.slack.command_reply import FORM, LATER
from receiver.channels.slack.incident_message import stage
from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.response.slash_arguments import SlashCommandError, made, severity
from receiver.model.command import (
    Acknowledge,
    AddNote,
    Assign,
    CheckOff,
    Choose,
    Close,
    Command,
    Edit,
    Escalate,
    Reopen,
    Resolve,
    UpdateStatusPage,
)
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import CHECKLIST, Role
from receiver.pipeline.slack.command_runner import Body, SlackCommandRunner, told
from receiver.pipeline.slack.requests import EXCUSED, SlackRequests, SlackUser, error_reply

PUSHPINS = ("pushpin", "round_pushpin")
BUTTONS: dict[str, type[Command]] = {
    "incident_ack": Acknowledge, "incident_resolve": Resolve, "incident_reopen": Reopen, "incident_close": Close,
}  # fmt: skip
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|([^>]*))?>")

log = structlog.get_logger("receiver.slack")


class SlackInteractions:
    """The endpoints at `/slack/interactions` and `/slack/events`, behind the signature."""

    def __init__(self, desk: SlackRequests, commands: SlackCommandRunner) -> None:
        """A button runs the same command as its slash command."""
        self.desk = desk
        self.commands = commands

    async def take(self, channel: str, payload: Mapping[str, Any], once: str, now: datetime) -> Body | None:
        """Run a click; return the errors of an invalid form, or the text for the person who clicked.

        Raises ForeignWorkspace and the errors that `error_reply` has texts for.
        """
        asker = self.desk.asker(
            channel, _object(payload.get("user")), str(_object(payload.get("channel")).get("id") or ""), once,
            team=str(_object(payload.get("team")).get("id") or ""), app=str(payload.get("api_app_id") or ""),
            trigger=str(payload.get("trigger_id") or ""),
        )  # fmt: skip
        kind = payload.get("type")
        if kind == "view_submission":
            return await self._form(_object(payload.get("view")), asker, now)
        answer = None
        if kind == "block_actions":
            actions = payload.get("actions")
            for action in actions[:10] if isinstance(actions, list) else []:
                answer = await self._action(_object(action), asker, now) or answer
        return answer

    async def _action(self, action: Mapping[str, Any], asker: SlackUser, now: datetime) -> Body | None:
        name = str(action.get("action_id") or "")
        if not name.startswith("incident_") or action.get("url"):
            return None
        _, number, shown = (*str(action.get("block_id") or "").split(" "), "", "")[:3]
        number = str(action.get("value") or number)[:60]
        await self.desk.allow(asker, now)
        asker = await self.desk.known(asker, now, acts=True)
        incident = await self.desk.meant(asker, number or None)
        if name == "incident_update":
            await self.commands.form(incident, asker, now)
            return None
        if name == "incident_checklist":
            return await self._tick(action, shown, incident, asker, now)
        if name == "incident_mitigate":
            option = str(_object(action.get("selected_option")).get("value") or "")
            chosen = made(Choose, '/incident mitigate OPTION "TEXT"', option=option)
            return told(await self.commands.act(incident, chosen, asker, now))
        if name == "incident_take_ic":
            await self.commands.act(incident, Assign(role=Role.IC, person=asker.name), asker, now)
        elif name == "incident_escalate":
            await self._escalate(str(action.get("block_id") or "").partition(" ")[2], incident, asker, now)
        elif name in BUTTONS:
            done = await self.commands.act(incident, BUTTONS[name](), asker, now)
            # The message itself shows the result, but not what happens to alerts that still fire.
            return told(done) if done.warning else None
        return None

    async def _escalate(self, shown: str, incident: Incident, asker: SlackUser, now: datetime) -> None:
        # Every step pages other people, so a second click on the same message must not take the next step.
        if shown and shown != stage(incident):
            raise ImpossibleCommand(
                f"{incident.label} has been escalated since this was shown: to escalate again, use the "
                f"current message, or write /incident escalate {incident.label}"
            )
        # Two simultaneous clicks see the same version.
        once = f"slack escalate {incident.uid} {incident.version}"
        await self.commands.act(incident, Escalate(), replace(asker, once=once), now)

    async def _tick(
        self, action: Mapping[str, Any], shown: str, incident: Incident, asker: SlackUser, now: datetime
    ) -> Body | None:
        chosen = action.get("selected_options")
        wanted = {str(_object(one).get("value")) for one in (chosen if isinstance(chosen, list) else [])}
        ticked = {str(tick.item): tick.by for tick in incident.checklist}
        # Boxes that another person has checked since then are empty here, although no one has unchecked them.
        seen = {item for item, by in ticked.items() if item in shown.split(",") or by == asker.name}
        for item in range(1, len(CHECKLIST) + 1):
            if (str(item) in wanted - ticked.keys()) or (str(item) in seen - wanted):
                command = CheckOff(item=item, done=str(item) in wanted)
                once = f"{asker.once} {item}"
                await self.commands.respond.act(incident.uid, command, asker.actor, now, once=once, what="tick")
        return None

    async def _form(self, view: Mapping[str, Any], asker: SlackUser, now: datetime) -> Body | None:
        if view.get("callback_id") != FORM:
            return None
        try:
            await self.desk.allow(asker, now)
            asker = await self.desk.known(asker, now, acts=True)
            about = _object(_json(view.get("private_metadata")))
            incident = await self.desk.meant(asker, str(about.get("incident") or "")[:60] or None)
            values = _object(_object(view.get("state")).get("values"))
            # The same form with the same input is one command, even if Slack repeats it because the answer was late.
            once = _form_key(view.get("id"), values) if view.get("id") else asker.once
            for command in filled(values, now):
                await self.commands.act(incident, command, replace(asker, once=once), now)
        except EXCUSED as error:
            why = error_reply(error)
            return {"response_action": "errors", "errors": {"msg": str(why["blocks"][0]["text"]["text"])[:2000]}}
        return None

    async def event(self, channel: str, payload: Mapping[str, Any], now: datetime) -> None:
        """Add a message that was pinned, or marked with a pushpin, to the timeline of the channel's incident.

        Raises ForeignWorkspace, StoreAway.
        """
        event = _object(payload.get("event"))
        item = _object(event.get("item"))
        pinned = event.get("type") == "pin_added"
        if not pinned and not (event.get("type") == "reaction_added" and event.get("reaction") in PUSHPINS):
            return
        place = str(event.get("channel_id") or item.get("channel") or "")
        asker = self.desk.asker(
            channel, {"id": event.get("user")}, place, "",
            team=str(payload.get("team_id") or ""), app=str(payload.get("api_app_id") or ""),
        )  # fmt: skip
        asker = await self.desk.known(asker, now, acts=True)
        incident = await self.desk.perhaps(asker, None)
        if incident is None:
            return
        found = _object(item.get("message")) or await self._message(asker, place, str(item.get("ts") or ""), now)
        stamp, text = str(found.get("ts") or ""), str(found.get("text") or "")
        # The timeline already has the content of our own messages.
        if not stamp or not text.strip() or found.get("bot_id"):
            return
        await self.desk.allow(asker, now)
        author = self.desk.person(asker.channel, str(found.get("user") or ""), "")
        said = _MENTION.sub(lambda match: f"@{self.desk.person(asker.channel, match[1], match[2] or '')}", text)
        note = AddNote(text=f"{author}: {html.unescape(said)}"[:9000], at=_moment(stamp, now))
        once = f"slack message {place} {stamp}"
        await self.commands.respond.act(incident.uid, note, asker.actor, now, once=once, what="pin")

    async def _message(self, asker: SlackUser, place: str, stamp: str, now: datetime) -> Mapping[str, Any]:
        if not stamp:
            return {}
        query = {"channel": place, "latest": stamp, "oldest": stamp, "inclusive": "true", "limit": "1"}
        try:
            # The history has no replies in threads; a reply is found by its own timestamp.
            for method, more in (("conversations.history", {}), ("conversations.replies", {"ts": stamp})):
                async for found in asker.channel.api.items(method, "messages", query | more, now):
                    if found.get("ts") == stamp:
                        return found
        except DeliveryError as error:
            log.warning("slack_message_read_failed", reason=error.reason)
        return {}


def _form_key(number: Any, values: Mapping[str, Any]) -> str:
    """Return the idempotency key of a form with these values. Raises SlashCommandError for values that no form has."""
    try:
        content = orjson.dumps([number, values], option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # Nested more deeply than it can be written.
        raise SlashCommandError("this form is not one of this service") from None
    return f"slack form {hashlib.sha256(content).hexdigest()}"


_MINUTES = frozenset(minutes for minutes, _ in LATER)


def filled(values: Mapping[str, Any], now: datetime) -> list[Command]:
    """Return the command of a form. Raises SlashCommandError with the missing input. Pure."""
    status = _object(_object(_object(values.get("status")).get("status_select")).get("selected_option")).get("value")
    text = _object(_object(values.get("msg")).get("msg_input")).get("value")
    level = _object(_object(_object(values.get("sev")).get("sev_select")).get("selected_option")).get("value")
    cause = _object(_object(values.get("cause")).get("cause_input")).get("value")
    commands: list[Command] = []
    if level:
        commands.append(Edit(severity=severity(str(level))))
    words = str(text or "").strip()
    if status:
        if not words:
            raise SlashCommandError("write the text for customers")
        said = {
            "status": status, "text": words, "next_update": _in_minutes(values, "next", now),
            "cause": str(cause or "").strip() or None, "expected_resolution": _in_minutes(values, "expected", now),
        }  # fmt: skip
        commands.append(made(UpdateStatusPage, '/status update STATUS "TEXT"', **said))
    elif words:
        commands.append(made(AddNote, '/incident note "TEXT"', text=words))
    return commands


def _in_minutes(values: Mapping[str, Any], name: str, now: datetime) -> datetime | None:
    chosen = _object(_object(_object(values.get(name)).get(f"{name}_select")).get("selected_option")).get("value")
    return now + timedelta(minutes=int(chosen)) if isinstance(chosen, str) and chosen in _MINUTES else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(text: Any) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None


def _moment(stamp: str, now: datetime) -> datetime | None:
    try:
        return min(datetime.fromtimestamp(float(stamp), UTC), now)
    except (ValueError, OverflowError, OSError):
        return None
