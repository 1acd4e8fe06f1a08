"""The list of incidents, with filters, search and actions on several at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from aiohttp import web
from multidict import MultiDict, MultiMapping

from receiver.model.base import from_ms, to_ms
from receiver.model.command import Declare
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.response.command_handler import IdempotencyKeyReused
from receiver.pipeline.response.upcoming_steps import upcoming
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.form_repetition import form_repetition
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import allow_every_team, allow_team
from receiver.web.auth.typed_form import ONCE
from receiver.web.console.filter_chips import chips, hidden_fields, with_parameter
from receiver.web.console.forms.form_values import SENT_BEFORE, marked, text_of
from receiver.web.console.forms.incident_forms import IncidentForms
from receiver.web.console.forms.sample_alert import sample_notification
from receiver.web.console.frame import COUNTED, ConsoleFrame
from receiver.web.console.incident_list_sections import Section, sections
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import LABEL, Filters, Place, read_filters_of
from receiver.web.incident_queries import LOOKED_AT as LABELS_READ
from receiver.web.incident_queries import search_page_of
from receiver.web.report_period import PAGED, PERIOD, paged_in, period_of

LOOKED_AT = 5000
"""Maximum number of open incidents that are searched for cards, most severe first; with labels: LABELS_READ."""
LISTED = 30
"""Number of past incidents per page."""
RECENT, QUIET_RECENT = 5, 10
"""Number of resolved incidents below the open ones, and if none is open."""
NAMED = 20
"""Maximum number of cards with the next contact, because each needs a read of the incident."""
CARD_VERBS = ("acknowledge", "escalate", "resolve")
"""Verbs of the buttons of one card."""
VERBS = ("acknowledge", "resolve", "noise", "merge")
ALSO = ("wall", "done", "mine", "drill", *PERIOD)
"""Parameters of the page that the API's list does not have."""


class NextContact(NamedTuple):
    """The next contact, if known, and the time."""

    at: datetime
    contacts: str


@dataclass
class Listed:
    """The contents of the list."""

    open: list[IncidentSummary] = field(default_factory=list)
    cut: bool = False
    """Whether there may be more open incidents, because not every one was checked."""
    found: list[IncidentSummary] = field(default_factory=list)
    following: Place | None = None
    paged: int = 0
    """The number of incidents that paged the requested person, if only the newest of them are found."""
    away: bool = False


class IncidentsPage:
    """`/`."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame, forms: IncidentForms) -> None:
        """Create it with the reader of incidents."""
        self.parts = parts
        self.frame = frame
        self.forms = forms

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Return the open incidents in sections; with `q`, or a filter for past incidents, a page of the history."""
        query, wrong = request.query, ""
        try:
            filters = self._filters(query, visitor)
        except Refusal as refusal:
            # An invalid filter by label hides no incident: the list is shown without it, with a notice.
            plain = MultiDict([pair for pair in query.items() if pair[0] != LABEL])
            filters, wrong = self._filters(plain, visitor), refusal.detail
        period = filters.opened_from is not None or PAGED in query
        searching = bool(filters.text or filters.open is False or filters.after or period)
        listed = await self._listed(filters, query, visitor, searching=searching)
        cache, now = self.parts.incident_cache, self.parts.clock.now()
        total = sum(map(filters.sees, cache.newest_first())) if visitor.caller.teams else len(cache)
        parts = [] if searching else sections(listed.open, cut=listed.cut)
        counted = [one for _, one in zip(range(COUNTED), cache.worst_first(), strict=False) if filters.sees(one)]
        nothing = not total and not searching
        return await self.frame.show(
            "incidents", request, visitor, status=400 if wrong else 200, total=total, away=listed.away, wrong=wrong,
            loading=not cache.complete, wall=query.get("wall") == "1", sections=parts, found=listed.found,
            searching=searching, query=query, chips=chips(query, counted), text=filters.text,
            unfiltered=listed.away and bool(filters.labels), hidden=hidden_fields(query), label=LABEL,
            paged=listed.paged, asked_label=query.get(LABEL, "") if wrong else "",
            older=with_parameter(query, cursor=str(listed.following)) if listed.following else None,
            severities=list(Severity), teams=self._teams(visitor), quiet=self._quiet(now, filters),
            first_run=not len(cache) and not cache.over(), address=self._address(request),
            last_news=await self._last_news(away=listed.away) if nothing else (None, None),
            next_of=await self._next_of(parts, now, away=listed.away),
        )  # fmt: skip

    def _filters(self, query: MultiMapping[str], visitor: SignedInPerson) -> Filters:
        filters = replace(read_filters_of(query, LISTED, also=ALSO), sees=visitor.caller.sees)
        period = period_of(query, self.parts.reports, self.parts.clock.now())
        return replace(filters, opened_from=period[0], opened_before=period[1]) if period else filters

    async def _listed(
        self, filters: Filters, query: MultiMapping[str], visitor: SignedInPerson, *, searching: bool
    ) -> Listed:
        follower, cache = self.parts.work.follower, self.parts.incident_cache
        listed = Listed()
        try:
            await follower.catch_up()
            if searching:
                paged = await paged_in(query, self.parts, follower, filters, visitor.caller)
                if paged is not None:
                    listed.found, listed.paged = paged
                else:
                    listed.found, listed.following = await search_page_of(follower, filters)
                return listed
            recent = [one for one in await follower.newest_over(LISTED) if filters.keep(one)]
            if filters.labels:
                recent = await follower.labels.matching(recent, filters.labels)
            listed.found = recent[: RECENT if len(cache) else QUIET_RECENT]
            listed.open, listed.cut = self._open(filters, query, visitor)
            listed.open = await follower.labels.matching(listed.open, filters.labels)
        except StoreAway:
            if PAGED in query:
                raise Refusal(
                    503, "away", "the incident store is unavailable; this list needs it, try again later"
                ) from None
            # The data in memory has no labels: all open incidents are shown rather than none.
            listed.away, listed.following = True, None
            listed.found = [one for one in cache.over()[:LISTED] if filters.keep(one)]
            listed.open, listed.cut = self._open(filters, query, visitor)
        return listed

    def _open(
        self, filters: Filters, query: MultiMapping[str], visitor: SignedInPerson
    ) -> tuple[list[IncidentSummary], bool]:
        kept: list[IncidentSummary] = []
        mine, drill, most = query.get("mine"), query.get("drill"), LABELS_READ if filters.labels else LOOKED_AT
        you = visitor.caller.person or visitor.caller.name
        for seen, one in enumerate(self.parts.incident_cache.worst_first()):
            if seen >= most:
                return kept, True
            if filters.keep(one) and (not mine or one.acknowledged_by == you) and (not drill or one.drill):
                kept.append(one)
        return kept, False

    async def _next_of(self, parts: list[Section], now: datetime, *, away: bool) -> dict[str, NextContact]:
        waiting = [one for part in parts for one in part.cards if one.state is State.OPEN and one.call_ms]
        found = {one.uid: NextContact(from_ms(one.call_ms), "") for one in waiting if one.call_ms}
        try:
            incidents = [] if away else await self.parts.incidents.many([one.uid for one in waiting[:NAMED]])
        except StoreAway:
            return found
        for incident in incidents:
            following = upcoming(incident, self.parts.setting(), now)
            if following is not None:
                found[incident.uid] = NextContact(following.at, ", ".join(following.contacts))
        return found

    async def _last_news(self, *, away: bool) -> tuple[datetime | None, datetime | None]:
        # The times of the last notification and the last Watchdog show whether an empty list is good news.
        try:
            told = [] if away else [await self.parts.history.store.last_ms()]
            beat = None if away else await self.parts.intake.watchdogs.last_ms()
        except StoreAway:
            return None, None
        repeated = self.parts.reports.absorbed_at
        known = [from_ms(at) for at in told if at] + ([repeated] if repeated else [])
        return max(known, default=None), from_ms(beat) if beat else None

    async def take(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /`: act on one card or on the selected ones, or declare an incident. Raises Refusal."""
        for verb in CARD_VERBS:
            if fields.get(verb):
                return await self._card(request, visitor, verb, fields)
        if fields.get("declare"):
            return await self._declare(visitor, fields)
        if fields.get("sample"):
            return await self._send_sample(visitor)
        verb = fields.get("verb", "")
        chosen = marked(fields, "id.")
        if verb not in VERBS:
            raise Refusal(400, "bad_form", "choose what to do with the selected incidents")
        if not chosen:
            raise Refusal(400, "bad_form", "no incident is selected")
        if verb in ("resolve", "merge") and fields.get("confirmed") != "yes":
            kept = {name: value for name, value in fields.items() if name != "word"}
            known = await self._chosen(chosen, visitor)
            firing = sum(one.firing for one in known)
            return await self.frame.show(
                "confirm", request, visitor, verb=verb, fields=kept, incident=None, chosen=chosen, draft=None, back="/",
                told=list(dict.fromkeys(line for one in known for line in self.forms.told(one, verb, fields))),
                fires=self.parts.respond.still_firing(firing) if verb == "resolve" else None,
            )  # fmt: skip
        return await self._several(visitor, verb, chosen, fields)

    async def _card(
        self, request: web.Request, visitor: SignedInPerson, verb: str, fields: dict[str, str]
    ) -> web.Response:
        # One form serves all cards, so the button names the incident and, where it matters, the version it shows.
        number, _, shown = fields[verb].partition(" ")
        said = {name: fields[name] for name in (ONCE, "text") if name in fields} | ({ONCE: shown} if shown else {})
        if verb == "resolve" and fields.get("confirmed") != "yes":
            kept = {verb: number, ONCE: said.get(ONCE, "")}
            return await self.forms.ask(request, visitor, number, verb, kept, back="/")
        done = await self.forms.run(number, verb, said, visitor)
        place = "" if verb == "resolve" else f"card-{done.incident.id}"
        return self.frame.back("/", "repeated" if done.repeated else verb, place)

    async def _chosen(self, numbers: list[str], visitor: SignedInPerson) -> list[Incident]:
        wanted = set(numbers)
        uids = [one.uid for one in self.parts.incident_cache.open() if one.id in wanted and visitor.caller.sees(one)]
        return [one for one in await self.parts.incidents.many(uids) if visitor.caller.sees(one)]

    async def _several(
        self, visitor: SignedInPerson, verb: str, chosen: list[str], fields: dict[str, str]
    ) -> web.Response:
        failed = []
        for number in chosen:
            if verb == "merge" and number == text_of(fields, "into"):
                continue
            try:
                await self.forms.run(number, verb, fields, visitor)
            except Refusal as refusal:
                failed.append(f"{number}: {refusal.detail}")
        if failed:
            raise Refusal(409, "illegal", "; ".join(failed))
        return self.frame.back("/", "bulk")

    def _teams(self, visitor: SignedInPerson) -> list[str]:
        # Those that may own a declared incident; "" is the top level.
        mine = visitor.caller.teams
        return [one for one in ("", *self.parts.config.teams_in_order) if not mine or one in mine]

    async def _declare(self, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        try:
            asked = Declare.model_validate(
                {"title": text_of(fields, "title"), "severity": fields.get("severity"),
                 "service": text_of(fields, "service"), "drill": fields.get("drill") == "yes",
                 "summary": text_of(fields, "summary"), "team": fields.get("team", "")}
            )  # fmt: skip
        except ValueError:
            raise Refusal(400, "bad_form", "write a title of up to 300 characters and choose a severity") from None
        teams = visitor.caller.teams
        if len(teams) == 1 and not asked.team:
            asked = asked.model_copy(update={"team": next(iter(teams))})
        allow_team(visitor.caller, asked.team)
        if asked.team and asked.team not in self.parts.config.teams:
            raise Refusal(409, "unknown_team", "no such team; it may have been removed from the configuration")
        once, what = form_repetition(fields, visitor, "declare")
        now = self.parts.clock.now()
        try:
            done = await self.parts.respond.declare(asked, visitor.actor, now, once=once, what=what)
        except IdempotencyKeyReused:
            raise Refusal(409, "reused_key", SENT_BEFORE) from None
        return self.frame.back(f"/incidents/{done.incident.id}", "repeated" if done.repeated else "declare")

    async def _send_sample(self, visitor: SignedInPerson) -> web.Response:
        # It is processed like every notification, with the configured rules and contacts.
        allow_every_team(visitor.caller)
        now = self.parts.clock.now()
        said = await self.parts.intake.accept(sample_notification(now), now)
        opened = next((part.incident for part in said.parts if part.incident), None)
        return self.frame.back(f"/incidents/{opened}" if opened else "/", "sample")

    def _quiet(self, now: datetime, filters: Filters) -> float | None:
        # Seconds since the end of the last known incident; None if one is open, or if there never was one.
        cache = self.parts.incident_cache
        ends = [one.resolved_ms for one in cache.over()[:100] if one.resolved_ms and filters.sees(one)]
        return (to_ms(now) - max(ends)) / 1000 if ends and not len(cache) else None

    def _address(self, request: web.Request) -> str:
        service = self.parts.config.service
        return (service.public_url or f"{request.scheme}://{request.host}").rstrip("/") + self.frame.pages.root()
