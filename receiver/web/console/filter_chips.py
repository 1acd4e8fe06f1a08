"""The filters of the list as links: each chip adds or removes one filter, and the address has all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlencode

from multidict import MultiMapping

from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.web.http.query_parameters import LABEL
from receiver.web.report_period import ANYONE, NIGHT, PAGED, PERIOD, QUARTER

FACETS = 6
"""Maximum number of chips for services and for teams: those with the most open incidents."""
GIVEN = 10
"""Maximum number of chips for one parameter that occurs several times."""
_LEFT_OUT = ("done", "cursor")
_PERIOD_NAMES = {QUARTER: "quarter to the end of"}
_PERIOD_WORDS = {(NIGHT, "1"): "at night", (PAGED, ANYONE): "paged anyone"}


class Chip(NamedTuple):
    """One filter."""

    text: str
    address: str
    """The address of the same list with this filter added or removed."""
    on: bool


def chips(query: MultiMapping[str], open_now: Iterable[IncidentSummary]) -> list[Chip]:
    """Return the chips of the list for `query`; services and teams come from `open_now`."""
    rows = [(one.value, "severity", one.value) for one in Severity]
    rows += [(one.value, "state", one.value) for one in State if not one.over]
    rows += [("mine", "mine", "1"), ("drills", "drill", "1"), ("resolved", "open", "false")]
    services, teams = Counter[str](), Counter[str]()
    for one in open_now:
        services[one.service or ""] += 1
        teams[one.team] += 1
    for name, counts in (("service", services), ("team", teams)):
        given = query.getall(name, [])
        known = [value for value, _ in counts.most_common(FACETS + 1) if value][:FACETS] if len(counts) > 1 else []
        rows += [(f"{name} {value}", name, value) for value in dict.fromkeys([*given[:GIVEN], *known])]
    found = [_chip(query, *row) for row in rows]
    found += [Chip(text, without(query, LABEL, text), True) for text in query.getall(LABEL, [])[:GIVEN]]
    for name in PERIOD:
        found += [_period_chip(query, name, text) for text in query.getall(name, [])[:1]]
    return found


def hidden_fields(query: MultiMapping[str]) -> list[tuple[str, str]]:
    """Return the hidden fields of a form that adds another filter."""
    return [(name, value) for name, value in query.items() if name not in _LEFT_OUT]


def with_parameter(query: MultiMapping[str], **more: str) -> str:
    """Return the address of the same list with these parameters."""
    kept = [(name, value) for name, value in query.items() if name not in more and name != "done"]
    return "?" + urlencode([*kept, *more.items()])


def without(query: MultiMapping[str], name: str, value: str) -> str:
    """Return the address of the same list without one parameter."""
    return "?" + urlencode([pair for pair in query.items() if pair != (name, value) and pair[0] not in _LEFT_OUT])


def _period_chip(query: MultiMapping[str], name: str, text: str) -> Chip:
    # The month is what the others are about, and they are nothing without it.
    gone = PERIOD if name == "month" else (PAGED, NIGHT) if name == PAGED else (name,)
    kept = [pair for pair in query.items() if pair[0] not in (*gone, *_LEFT_OUT)]
    said = _PERIOD_WORDS.get((name, text)) or f"{_PERIOD_NAMES.get(name, name)} {text}"
    return Chip(said, "?" + urlencode(kept), True)


def _chip(query: MultiMapping[str], text: str, name: str, value: str) -> Chip:
    if (name, value) in query.items():
        return Chip(text, without(query, name, value), True)
    return Chip(text, "?" + urlencode([*hidden_fields(query), (name, value)]), False)
