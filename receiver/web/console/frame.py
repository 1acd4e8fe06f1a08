"""The frame of every console page: navigation with badges, who is on call, and warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiohttp import web

from receiver.model.incident.state import State
from receiver.pipeline.delivery.dead_letters import DeadLetters
from receiver.pipeline.oncall.on_call_overview import Shift
from receiver.pipeline.status.draft_list import DraftList, WaitingDraft
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import Caller
from receiver.web.html_pages import HtmlPages

COUNTED = 1000
"""Maximum number of open incidents that are searched for unacknowledged ones, most severe first."""
LETTERS_FOR = 10.0
"""Seconds for which the number of dead letters is cached."""
DONE = {
    "acknowledge": "Acknowledged.", "identify": "Marked as identified.", "mitigate": "Marked as mitigated; monitoring.",
    "resolve": "Resolved.", "close": "Closed.", "reopen": "Reopened.", "escalate": "Escalated to the next step.",
    "note": "Note added.", "role": "Role changed.", "checklist": "Checklist updated.", "action": "Action item saved.",
    "mitigation": "Mitigation recorded.", "page": "Page sent.", "silence": "Alerts silenced in Alertmanager.",
    "update": "Status update saved.", "approve": "Published.", "discard": "Draft discarded.", "draft": "Draft saved.",
    "noise": "Noise mark changed.", "severity": "Severity changed.", "edit": "Details saved.", "merge": "Merged.",
    "timer": "Timer changed.", "postmortem": "Post-mortem saved.", "override": "Override saved.",
    "lift": "Override ended.", "accept": "Hand-off accepted.", "retry": "Delivery queued for another attempt.",
    "drop": "Dead letter deleted.", "test": "Test accepted by the vendor.", "window": "Maintenance window created.",
    "end": "Maintenance window ended.", "bulk": "Done for the selected incidents.", "declare": "Incident declared.",
    "correct": "Timeline entry corrected.", "split": "The selected alerts are now a separate incident.",
    "repeated": "This form was sent before; nothing was done twice.",
    "sample": "Test alert sent.", "session": "Session ended.", "team": "Handed over to another team.",
    "visibility": "Visibility changed.", "clock": "Time corrected.", "called": "Page sent.",
    "calendar-end": "Calendar address revoked.",
    "just-called": "You paged this contact less than a minute ago; no one was paged again.",
    "offer": "Shifts offered.", "take": "Shift taken over.", "withdraw": "Offer withdrawn.",
    "prove": "Test pages sent.", "announce": "Announcement published.", "unannounce": "Announcement removed.",
    "subscriber-erase": "Subscriber deleted.", "subscriber-stop": "Mail to this subscriber stopped.",
    "retry-all": "Deliveries queued for another attempt.", "reload": "Configuration reloaded.",
}  # fmt: skip
"""The confirmation after a form, by the key in the address; no text from the address is shown."""


VENDORS = {
    "pagerduty": "PagerDuty", "ntfy": "ntfy", "telegram": "Telegram", "twilio": "Twilio", "pushover": "Pushover",
    "webpush": "Web Push", "gammu": "SMS", "slack": "Slack", "email": "email",
}  # fmt: skip
"""The vendor's name for each kind of channel."""


class PagerLink(NamedTuple):
    """A paging channel for display."""

    text: str
    """Its name with its vendor."""
    address: str | None
    """The address where people open it in a browser; None if its API has not returned one."""


def pagers_of(parts: AppParts) -> list[PagerLink]:
    """Return the active paging channels, each with its vendor and its address in a browser."""
    rows = [row for row in parts.channel_test.channels() if row["on"] and "paging" in row["uses"]]
    addresses = parts.pagerduty_events.addresses
    return [
        PagerLink(f"{row['name']} ({VENDORS.get(row['kind'], row['kind'])})", addresses.account(row["name"]))
        for row in rows
    ]


def vendors_of(parts: AppParts) -> dict[str, str]:
    """Return the display name of each active channel: its vendor, and its name if several have the same vendor."""
    rows = {row["name"]: VENDORS.get(row["kind"]) for row in parts.channel_test.channels() if row["on"]}
    shared = Counter(rows.values())
    return {
        name: vendor if shared[vendor] == 1 else f"{vendor} ({name})"
        for name, vendor in rows.items() if vendor is not None
    }  # fmt: skip


def seen_by(caller: Caller, drafts: Iterable[WaitingDraft]) -> list[WaitingDraft]:
    """Return the drafts of incidents that `caller` may see."""
    return [one for one in drafts if caller.sees(one.incident)]


@dataclass(frozen=True)
class OnCallNow:
    """Who is on call in a schedule now."""

    schedule: str
    person: str
    shift: Shift


class ConsoleFrame:
    """Renders pages of the console."""

    def __init__(self, parts: AppParts, pages: HtmlPages, drafts: DraftList) -> None:
        """Create it; nothing is counted before the first page is shown."""
        self.parts = parts
        self.pages = pages
        self.drafts = drafts
        self.letters = DeadLetters(parts.setting, parts.due, parts.channel_test.off)
        self._letters: tuple[float, int] = (float("-inf"), 0)

    async def show(
        self, name: str, request: web.Request, visitor: SignedInPerson, *, status: int = 200, away: bool = False,
        **values: Any,
    ) -> web.Response:  # fmt: skip
        """Return the page of that template. `away`: the store did not answer, so the page uses data in memory."""
        now = self.parts.clock.now()
        drafts, letters, away = await self._counts(away, visitor.caller)
        open_now = self.unanswered(visitor.caller)
        said = DONE.get(request.query.get("done", ""), "")
        response = self.pages.render(
            f"console/{name}.html", visitor=visitor, now=now, here=name, away=away, product=self.title,
            unanswered=open_now, drafts_waiting=drafts, dead=letters, on_call=self.on_call(), said=said,
            resting=self.resting(), may=visitor.may("respond") and not away, stream=not away,
            admin=visitor.may("admin") and not away, names=self.people, pagers=self.pagers(),
            zone=self.parts.config.service.timezone, **values,
        )  # fmt: skip
        response.set_status(status)
        return response

    @property
    def title(self) -> str:
        """The name of the service."""
        return self.parts.config.service.name

    @property
    def people(self) -> dict[str, str]:
        """The name of each person, by the key in `people`."""
        return self.parts.overrides.schedules.people

    def you(self, visitor: SignedInPerson) -> str | None:
        """Return the key of the person who views the page; None if the token names no one in `people`."""
        name = visitor.caller.person or visitor.caller.name
        return name if name in self.people else None

    def unanswered(self, caller: Caller) -> int:
        """Return the number of open, unacknowledged incidents that `caller` may see."""
        found = 0
        for seen, one in enumerate(self.parts.incident_cache.worst_first()):
            if seen >= COUNTED:
                break
            found += one.state is State.OPEN and one.held is None and caller.sees(one)
        return found

    def on_call(self) -> list[OnCallNow]:
        """Return who is on call in each schedule now."""
        schedules, now = self.parts.overrides.schedules, self.parts.clock.now()
        shifts = [(name, schedules.at(name, now)) for name in schedules.names]
        return [OnCallNow(name, self.people.get(one.person or "", one.person or "no one"), one) for name, one in shifts]

    def resting(self) -> list[str]:
        """Return the paging channels whose vendor does not respond."""
        rows = self.parts.channel_test.channels()
        return [row["name"] for row in rows if row["resting"] and "paging" in row["uses"]]

    def pagers(self) -> list[PagerLink]:
        """Return the paging channels, with their vendors: where people can acknowledge without the store."""
        return pagers_of(self.parts)

    async def _counts(self, away: bool, caller: Caller) -> tuple[int, int, bool]:
        # Drafts and dead letters for the badges; from memory if the store does not answer.
        clock = self.parts.clock.monotonic()
        if not away and not self.parts.monitor.away:
            try:
                drafts = len(seen_by(caller, await self.drafts.waiting()))
                if clock - self._letters[0] > LETTERS_FOR:
                    self._letters = (clock, len(await self.letters.all()))
                return drafts, 0 if caller.teams else self._letters[1], False
            except StoreAway:
                pass
        return len(seen_by(caller, self.drafts.remembered())), 0 if caller.teams else self._letters[1], True

    def forget_letters(self) -> None:
        """Count dead letters again for the next page, because one was retried or deleted."""
        self._letters = (float("-inf"), 0)

    def back(self, path: str, done: str = "", place: str = "") -> web.Response:
        """Return the redirect after a form to `path`, with a confirmation."""
        told = f"?done={done}" if done else ""
        there = f"#{place}" if place else ""
        return web.Response(status=303, headers={"Location": f"{self.pages.root()}{path}{told}{there}"})
