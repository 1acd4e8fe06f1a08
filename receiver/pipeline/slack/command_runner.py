"""Runs slash commands with the same handlers as the API, and answers them with text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import structlog

from receiver.channels.base import DeliveryError
from receiver.channels.safe_text import clean
from receiver.channels.slack import command_reply as reply
from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.paging.page_hours import queued_until
from receiver.incident.response.slash_arguments import SlashCommand, SlashCommandError, Words, made
from receiver.incident.response.slash_commands import COMMANDS, PAGE, USAGE
from receiver.model.base import rfc3339
from receiver.model.command import ApproveUpdate, Command, PageContact
from receiver.model.incident.incident import Incident
from receiver.pipeline.oncall.overrides import Overrides
from receiver.pipeline.oncall.shift_offers import ShiftOffers
from receiver.pipeline.outbox.page_delivery import delivery_lines
from receiver.pipeline.response.adhoc_pages import AdhocPages
from receiver.pipeline.response.command_handler import CommandHandler, CommandResult
from receiver.pipeline.response.silences import Silences
from receiver.pipeline.response.upcoming_steps import upcoming
from receiver.pipeline.slack.requests import SlackRequests, SlackUser

LISTED = 25
READS = ("help", "list", "show", "oncall", "checklist", "options", "postmortem")
"""Commands that change nothing; everyone in the workspace may use them."""

log = structlog.get_logger("receiver.slack")

Body = dict[str, Any]


class SlackCommandRunner:
    """The endpoints at `/slack/commands`, behind the signature."""

    def __init__(
        self, desk: SlackRequests, respond: CommandHandler, calls: AdhocPages, overrides: Overrides, silences: Silences
    ) -> None:
        """The handlers carry out the commands."""
        self.desk = desk
        self.respond = respond
        self.calls = calls
        self.overrides = overrides
        self.silences = silences
        self._does: dict[str, Callable[[SlashCommand, SlackUser, datetime], Awaitable[Body | None]]] = {
            "help": self._help, "list": self._list, "show": self._show, "create": self._create, "act": self._act,
            "merge": self._merge, "silence": self._silence, "page": self._page, "oncall": self._on_call,
            "accept": self._accept, "offer": self._offer, "approve": self._approve, "form": self._form,
            "checklist": self._checklist, "options": self._options, "postmortem": self._postmortem,
        }  # fmt: skip

    async def take(self, channel: str, form: Mapping[str, str], once: str, now: datetime) -> Body | None:
        """Run a command and return the answer; None: an empty one.

        Raises ForeignWorkspace and the errors that `error_reply` has texts for.
        """
        user = {"id": form.get("user_id"), "name": form.get("user_name")}
        asker = self.desk.asker(
            channel, user, form.get("channel_id", ""), once,
            team=form.get("team_id", ""), app=form.get("api_app_id", ""), trigger=form.get("trigger_id", ""),
        )  # fmt: skip
        command = form.get("command", "")
        if command not in COMMANDS:
            known = ", ".join(COMMANDS)
            raise SlashCommandError(f"{clean(command, 50)} is not a supported command: write one of {known}")
        words = Words(
            form.get("text", ""), self.desk.setting().number, lambda user, name: self._name(asker, user, name)
        )
        wish = COMMANDS[command](words, now)
        if wish.verb not in READS:
            await self.desk.allow(asker, now)
        asker = await self.desk.known(asker, now, acts=wish.verb not in READS)
        log.info("slash_command_received", command=command, verb=wish.verb, by=asker.name)
        return await self._does[wish.verb](wish, asker, now)

    async def act(self, incident: Incident, command: Command, asker: SlackUser, now: datetime) -> CommandResult:
        """Run one command on one incident, once per request. Raises as CommandHandler.act does."""
        what = type(command).__name__
        once = f"{asker.once} {what}"
        return await self.respond.act(incident.uid, command, asker.actor, now, once=once, what=what)

    def _name(self, asker: SlackUser, user: str, name: str) -> str:
        return self.desk.person(asker.channel, user, name)

    async def _help(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        lines = [*USAGE.values(), '/page @CONTACT "TEXT"', '/status update STATUS "TEXT"', "/status approve", "/oncall"]
        return reply.said("In an incident's own channel, its id is optional.\n" + "\n".join(lines))

    async def _list(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        shown = [one for one in self.desk.incident_cache.worst_first(oldest=True) if self.desk.sees(asker, one)]
        if not shown:
            return reply.said("No incident is open.")
        more = f"\n{len(shown) - LISTED} more" if len(shown) > LISTED else ""
        return reply.said(reply.listing(shown[:LISTED]) + more)

    async def _show(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        incident = await self.desk.meant(asker, wish.number)
        roles = [f"{name.replace('_', ' ')}: {who}" for name, who in incident.roles.model_dump().items() if who]
        lines = [
            f"{incident.label}  {incident.severity}  {incident.state}  {incident.badge}{incident.title}",
            f"opened {rfc3339(incident.opened_at)}, {incident.firing} firing, {incident.resolved} resolved",
            *([f"team: {incident.team} ({incident.team_reason})"] if incident.team else []),
            f"why: {incident.decision.rule}; {'; '.join(incident.decision.reasons)}",
            *roles,
            *(f"action {one.n}: {one.title} ({one.owner}, {one.status})" for one in incident.actions),
        ]
        receipts = await self.desk.incidents.receipts(incident.uid)
        lines += [clean(line, 200) for line in delivery_lines(incident, receipts)]
        following = upcoming(incident, self.desk.setting(), now)
        lines += [f"next: {', '.join(following.contacts)} at {rfc3339(following.at)}"] if following else []
        url = self.desk.setting().url(incident)
        return reply.said("\n".join([*lines, *([url] if url else [])]))

    async def _postmortem(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        incident = await self.desk.meant(asker, wish.number)
        log = await self.desk.incidents.events(incident.uid)
        receipts = await self.desk.incidents.receipts(incident.uid)
        text = self.desk.setting().postmortem(incident, log, now, receipts, None)
        known = incident.review
        state = f"version {known.version}, {known.status}" if known else "the generated draft"
        write = f"receiver postmortem {incident.label} --edit FILE"
        return reply.said(f"Post-mortem of {incident.label}: {state}. It is written with `{write}`.\n\n{text}")

    async def _create(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        if wish.declare is None:
            raise SlashCommandError(f"write {USAGE['create']}")
        done = await self.respond.declare(wish.declare, asker.actor, now, once=asker.once, what="create")
        paged = ", ".join(dict.fromkeys(page.person for page in done.incident.pages))
        text = f"{done.incident.label} is open as {done.incident.severity}: {done.incident.title}"
        waits = queued_until(done.incident)
        nobody = f"Pages wait until {rfc3339(waits)}" if waits else "No one is paged for this severity"
        return reply.said(f"{text}. {f'Paged: {paged}' if paged else nobody}.")

    async def _act(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        incident = await self.desk.meant(asker, wish.number)
        if wish.command is None:
            raise SlashCommandError("the command is incomplete")
        return told(await self.act(incident, wish.command, asker, now))

    async def _merge(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        into = wish.more["into"]
        await self.desk.perhaps(asker, into)
        incident = await self.desk.perhaps(asker, wish.number)
        if incident is None or incident.id == into:
            raise SlashCommandError(f"name both incidents: write {USAGE['merge']}")
        done = await self.respond.merge(incident.uid, into, asker.actor, now, once=asker.once, what="merge")
        return reply.said(f"{incident.label} was merged into {done.incident.label}.")

    async def _silence(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        incident = await self.desk.meant(asker, wish.number)
        span, text = wish.more["seconds"], wish.more["text"]
        return told(await self.silences.silence(incident.uid, span, text, asker.actor, now))

    async def _page(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        contact, text = wish.more["contact"], wish.more["text"]
        incident = await self.desk.perhaps(asker, wish.number)
        if incident is not None and (wish.number is not None or not incident.state.over):
            command = made(PageContact, PAGE, contact=contact, text=text)
            return told(await self.act(incident, command, asker, now))
        called = await self.calls.page(contact, text, asker.actor, now, once=asker.once)
        paged = ", ".join(dict.fromkeys(page.person for page in called.pages))
        soon = ", ".join(called.just_paged)
        said = [f"Paged: {paged}."] if paged else []
        said += [f"You paged {soon} less than a minute ago: not paged again."] if soon else []
        return reply.said(" ".join(said))

    async def _on_call(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        schedules, lines = self.overrides.schedules, []
        for name in schedules.names:
            shift = schedules.at(name, now)
            who = schedules.people.get(shift.person or "", shift.person or "no one")
            line = f"{name}: {who} until {shift.until:%a %Y-%m-%d %H:%M} UTC"
            handing = schedules.handing(name, now)
            if handing is not None and schedules.accepted(handing) is None:
                line += " (the hand-off has not been accepted yet)"
            lines.append(line)
        return reply.said("\n".join(lines) or "No schedule is configured.")

    async def _accept(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        schedules = self.overrides.schedules
        named = wish.more["schedule"]
        if named is not None and named.startswith("offer-"):
            taken = await ShiftOffers(self.overrides).accept(named, asker.actor, now)
            return reply.said(f"You take over {taken.schedule} until {taken.until:%a %Y-%m-%d %H:%M} UTC.")
        waiting = [
            name
            for name in schedules.names
            if (handing := schedules.handing(name, now)) is not None
            and handing.incoming == asker.name
            and schedules.accepted(handing) is None
        ]
        if named is None and not waiting:
            raise ImpossibleCommand(
                "no hand-off is waiting for you: to accept another's, write /oncall accept SCHEDULE"
            )
        done = [await self.overrides.accept(name, asker.actor, now) for name in ([named] if named else waiting)]
        lines = [f"{one.handing.schedule}: accepted by {one.by} at {one.at:%H:%M} UTC" for one in done]
        return reply.said("\n".join(lines))

    async def _offer(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        made = await ShiftOffers(self.overrides).offer(wish.more["days"], None, asker.actor, now)
        lines = [
            f"{one.id}: {one.schedule}, {one.begins:%a %Y-%m-%d %H:%M} to {one.until:%a %Y-%m-%d %H:%M} UTC"
            for one in made
        ]
        return reply.said("\n".join([*lines, "A colleague takes over with /oncall accept OFFER."]))

    async def _approve(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        incident = await self.desk.meant(asker, wish.number)
        command = wish.command
        if command is None:
            drafts = [update.n for update in incident.updates if update.waits]
            if not drafts:
                raise ImpossibleCommand(f"{incident.label} has no draft waiting for approval")
            command = ApproveUpdate(n=drafts[-1])
        return told(await self.act(incident, command, asker, now))

    async def _form(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> None:
        await self.form(await self.desk.meant(asker, wish.number), asker, now)

    async def form(self, incident: Incident, asker: SlackUser, now: datetime) -> None:
        """Open the form for a status update. Raises ImpossibleCommand if Slack does not open it."""
        try:
            view = reply.form(incident)
            await asker.channel.api.write("views.open", {"trigger_id": asker.trigger, "view": view}, now)
        except DeliveryError as error:
            raise ImpossibleCommand(f"Slack did not open the form: {error.detail}") from None

    async def _checklist(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        incident = await self.desk.meant(asker, wish.number)
        return reply.said(f"Investigation checklist of {incident.label}", blocks=reply.checklist(incident))

    async def _options(self, wish: SlashCommand, asker: SlackUser, now: datetime) -> Body:
        incident = await self.desk.meant(asker, wish.number)
        return reply.said(f"Mitigation options for {incident.label}", blocks=reply.options(incident))


def told(done: CommandResult) -> Body:
    """Return the answer for the result of a command."""
    if done.repeated:
        return reply.said(f"{done.incident.label}: that was already done.")
    if not done.events:
        return reply.said(f"{done.incident.label}: no change; it is {done.incident.state}.")
    text = f"{done.incident.label}: {'; '.join(event.text for event in done.events[:5])}"
    return reply.said(f"{text}\nWarning: {done.warning}." if done.warning else text)
