"""The console's page about the service itself: channels, failed deliveries, rules, windows, version."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson
from aiohttp import web

from receiver import __version__
from receiver.model.alert.alert import BadNotification, parse_notification
from receiver.pipeline.intake.rule_hits import RuleHits
from receiver.pipeline.whatif.dry_run import dry_run
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.console.archive_page import ArchivePage
from receiver.web.console.forms.admin_forms import AdminForms
from receiver.web.console.forms.maintenance_forms import refuse_unknown_form, take_window
from receiver.web.console.frame import COUNTED, ConsoleFrame, vendors_of
from receiver.web.http.error_responses import Refusal
from receiver.web.http.thread_offload import Offload

LETTERS, UNKNOWNS, HITS = 30, 30, 30
"""Maximum number of rows on the page; the API has all of them."""


def _timed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**row, "last_success": datetime.fromisoformat(at) if (at := row["last_success"]) else None} for row in rows
    ]


class SystemPage:
    """`/system`."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame) -> None:
        """Create it with the readers of deliveries and rules."""
        self.parts = parts
        self.frame = frame
        self.admin = AdminForms(parts, frame)
        self.archive = ArchivePage(parts)
        self._threads = Offload("console-simulate", at_once=1, waiting=4, wait=10)

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Return channels, dead letters, missing inputs of severity decisions, and maintenance windows."""
        return await self._show(request, visitor)

    async def _show(
        self, request: web.Request, visitor: SignedInPerson, simulated: list[dict[str, Any]] | None = None,
        payload: str = "", imported: dict[str, Any] | None = None,
    ) -> web.Response:  # fmt: skip
        away, letters, unknowns = False, list[dict[str, Any]](), list[dict[str, Any]]()
        hits, now = list[RuleHits](), self.parts.clock.now()
        # Dead letters and rules concern the incidents of every team.
        limited = bool(visitor.caller.teams)
        try:
            letters = [] if limited else [letter for _, letter in await self.frame.letters.all()]
            unknowns = [] if limited else await self.parts.unknowns.listing()
            hits = [] if limited else await self.parts.rule_hits.listing(now)
        except StoreAway:
            away = True
        windows = [(one, one.holds(now), one.next(now)) for one in self.parts.maintenance_windows.windows()]
        return await self.frame.show(
            "system", request, visitor, away=away, channels=_timed(self.parts.channel_test.channels()),
            letters=letters[:LETTERS], more_letters=max(0, len(letters) - LETTERS), unknowns=unknowns[:UNKNOWNS],
            letter_channels=sorted({one["channel"] for one in letters}),
            windows=windows, components=self.parts.setting().policy.parts, version=__version__,
            edition=self.parts.setting().edition[:12], durability=self.parts.connection.server.level,
            simulated=simulated, payload=payload, imported=imported, people=sorted(self.frame.people),
            hits=hits[:HITS], more_hits=max(0, len(hits) - HITS), vendors=vendors_of(self.parts),
            addresses=self._addresses(),
            grouped=sum(one.held == "storm" for one in islice(self.parts.incident_cache.worst_first(), COUNTED)),
            storm=self.parts.config.ingest.storm,
            reloaded=self._reloaded(),
        )  # fmt: skip

    def _addresses(self) -> dict[str, str]:
        told = self.parts.pagerduty_events.addresses.account
        return {name: address for name in self.parts.setting().channels if (address := told(name))}

    def _reloaded(self) -> datetime | None:
        at = self.parts.metrics.registry.get_sample_value("receiver_config_last_reload_timestamp_seconds")
        return datetime.fromtimestamp(at, UTC) if at else None

    async def take(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /system`: act on a dead letter, test a channel, try a payload, or change a window. Raises Refusal."""
        if "payload" in fields:
            return await self._show(request, visitor, await self._simulated(fields["payload"]), fields["payload"])
        if "archive" in fields:
            said = await self.archive.take(request, visitor, fields["archive"])
            return await self._show(request, visitor, imported=said)
        done = await take_window(self.parts, visitor, fields)
        if done is None:
            done = await self.admin.take(request, visitor, fields)
        return self.frame.back("/system", done) if done else refuse_unknown_form()

    async def _simulated(self, payload: str) -> list[dict[str, Any]]:
        setting, now = self.parts.setting(), self.parts.clock.now()
        try:
            notification = parse_notification(payload.encode("utf-8", "replace"), in_part=False)
        except BadNotification as bad:
            raise Refusal(400, "bad_notification", bad.detail) from None
        raw = await self._threads.run(lambda: orjson.dumps(dry_run(setting, notification, now)))
        found: list[dict[str, Any]] = orjson.loads(raw)["incidents"]
        return found
