"""The query of a request: known parameters are checked, and an unknown one is an error with its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from multidict import MultiMapping

from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.model.visible_text import encodable
from receiver.model.wall_clock import check_when, parse_when
from receiver.pipeline.open_incidents.incident_labels import LabelFilter, labels_hold, labels_match, read_label_filter
from receiver.store.cooperative_loop import TimedSteps
from receiver.web.http.error_responses import Refusal

MOST = 500
USUAL = 100
LONGEST_TEXT = 200
"""Maximum length of a search text."""
LABEL = "label"
KNOWN = ("state", "severity", "service", "team", LABEL, "open", "queue", "q", "limit", "cursor")
"""Parameters of a list of incidents."""
_SPACED = re.compile(r":[0-9]{2} [0-9]{2}:[0-9]{2}$")
_NUMBER = re.compile(r"[0-9]{1,4}")
_PLACE = re.compile(r"[0-9]{15}-[0-9a-f]{12}")
_CURSOR = re.compile(r"(\d{1,15})\.([0-9a-f]{1,64})")


@dataclass(frozen=True)
class Place:
    """The position in a list, newest first: after this incident; the uid orders incidents opened at the same time."""

    opened_ms: int
    uid: str

    def __str__(self) -> str:
        """Return the cursor."""
        return f"{self.opened_ms}.{self.uid}"

    def passed(self, incident: Incident) -> bool:
        """Return whether `incident` is before this position, or at it."""
        return self.behind(to_ms(incident.opened_at), incident.uid)

    def behind(self, opened_ms: int, uid: str) -> bool:
        """Return whether an incident with that opening time and uid is before this position, or at it."""
        return (opened_ms, uid) >= (self.opened_ms, self.uid)


@dataclass(frozen=True)
class Filters:
    """The filters of a list."""

    states: frozenset[State]
    severities: frozenset[Severity]
    services: frozenset[str]
    teams: frozenset[str]
    open: bool | None
    queue: bool
    limit: int
    after: Place | None
    sees: Callable[[Incident | IncidentSummary], bool] = lambda incident: True
    """Whether the caller may see an incident."""
    text: str = ""
    """Words that its id, title or service must contain, ignoring case."""
    labels: LabelFilter = ()
    """Matchers that its labels must satisfy. A summary has no labels, so `keep` ignores them there."""
    opened_from: int | None = None
    """The earliest opening time (ms); if set, drills and merged incidents are left out, as in reports."""
    opened_before: int | None = None

    def keep(self, incident: Incident | IncidentSummary) -> bool:
        """Return whether `incident` matches."""
        return self.keep_unlabeled(incident) and (
            isinstance(incident, IncidentSummary) or labels_match(self.labels, incident.labels)
        )

    async def keep_in_steps(self, incident: Incident, steps: TimedSteps) -> bool:
        """Return the same as `keep`; other tasks can run in between if it takes long."""
        kept = self.keep_unlabeled(incident) and await labels_hold(self.labels, incident.labels, steps)
        await steps.pause()
        return kept

    def keep_unlabeled(self, incident: Incident | IncidentSummary) -> bool:
        """Return whether `incident` matches, ignoring its labels."""
        return (
            self.sees(incident)
            and (not self.states or incident.state in self.states)
            and (not self.severities or incident.severity in self.severities)
            and (not self.services or (incident.service or "") in self.services)
            and (not self.teams or incident.team in self.teams)
            and (self.open is None or self.open is not incident.state.over)
            and (not self.text or _contains(incident, self.text))
            and (self.opened_from is None or not (incident.drill or incident.merged))
        )


def _contains(incident: Incident | IncidentSummary, text: str) -> bool:
    about = f"{incident.id} {incident.title} {incident.service or ''}".casefold()
    return all(word in about for word in text.casefold().split())


def read_filters(request: web.Request) -> Filters:
    """Return the filters in the query of `request`. Raises Refusal (400) with every error.

    `state`, `severity`, `service` and `team` may occur several times: any value matches. Of several `label`, all must.
    """
    return read_filters_of(request.query, USUAL)


def read_filters_of(query: MultiMapping[str], usual: int, also: tuple[str, ...] = ()) -> Filters:
    """Return the filters in `query`, as `read_filters`; `usual` is the default limit, `also` are further parameters."""
    errors = _unknown(query, (*KNOWN, *also))
    states = _words(query, "state", [state.value for state in State], errors)
    severities = _words(query, "severity", [severity.value for severity in Severity], errors)
    given = {name: query.getall(name, []) for name in ("open", "queue", "limit", "cursor", "q")}
    errors += [_error(name, "may be given only once") for name, values in given.items() if len(values) > 1]
    labels: LabelFilter = ()
    try:
        labels = read_label_filter([text for text in query.getall(LABEL, []) if text])
    except ValueError as error:
        errors.append(_error(LABEL, str(error)))
    opened, queue, limit, cursor, words = (values[0] if values else None for values in given.values())
    if queue not in (None, "true"):
        errors.append(_error("queue", "write true"))
    if opened not in (None, "true", "false"):
        errors.append(_error("open", "write true or false"))
    if limit is not None and not (_NUMBER.fullmatch(limit) and 1 <= int(limit) <= MOST):
        errors.append(_error("limit", f"write a number from 1 to {MOST}"))
    place = _CURSOR.fullmatch(cursor) if cursor is not None else None
    if cursor is not None and place is None:
        errors.append(_error("cursor", "write the `next` of the previous page"))
    if words is not None and len(words) > LONGEST_TEXT:
        errors.append(_error("q", f"longer than {LONGEST_TEXT} characters"))
    _raise(errors)
    return Filters(
        states=frozenset(State(word) for word in states), severities=frozenset(Severity(word) for word in severities),
        services=frozenset(query.getall("service", [])), teams=frozenset(query.getall("team", [])),
        queue=queue is not None,
        open=True if queue else None if opened is None else opened == "true",
        limit=int(limit) if limit else usual, after=Place(int(place[1]), place[2]) if place else None,
        text=words or "", labels=labels,
    )  # fmt: skip


def no_query(request: web.Request) -> None:
    """Raise Refusal (400) if the request has any parameter, because this endpoint has none."""
    _raise(_unknown(request.query, ()))


def read_once(request: web.Request, *names: str) -> dict[str, str]:
    """Return the parameters `names` that the request has. Raises Refusal (400) for others, and for one given twice."""
    errors = _unknown(request.query, names)
    errors += [_error(name, "may be given only once") for name in names if len(request.query.getall(name, [])) > 1]
    _raise(errors)
    return {name: request.query[name] for name in names if name in request.query}


def read_moment(name: str, text: str) -> datetime:
    """Return the time of a parameter, in UTC; without an offset it is in UTC. Raises Refusal (400)."""
    try:
        # A plus that is not encoded arrives as a space.
        return parse_when(check_when(text.replace(" ", "+") if _SPACED.search(text) else text), ZoneInfo("UTC"))
    except ValueError as error:
        _raise([_error(name, str(error))])
        raise


def read_place(text: str | None) -> str:
    """Return the cursor of the history; "" without one. Raises Refusal (400)."""
    if text is not None and not _PLACE.fullmatch(text):
        _raise([_error("cursor", "write the `next` of the previous page")])
    return text or ""


def _words(query: MultiMapping[str], name: str, known: list[str], errors: list[dict[str, str]]) -> list[str]:
    given = query.getall(name, [])
    if any(word not in known for word in given):
        errors.append(_error(name, f"write one of {', '.join(known)}"))
    return given


def _unknown(query: MultiMapping[str], known: Iterable[str]) -> list[dict[str, str]]:
    names = list(dict.fromkeys(name for name in query if name not in known))[:20]
    hint = f"one of {', '.join(known)}" if known else "this path has none"
    return [_error(encodable(name[:100]), f"no such parameter ({hint})") for name in names]


def _error(path: str, message: str) -> dict[str, str]:
    return {"path": path, "message": message}


def _raise(errors: list[dict[str, str]]) -> None:
    if errors:
        raise Refusal(400, "bad_query", f"{errors[0]['path']}: {errors[0]['message']}", errors=errors)
