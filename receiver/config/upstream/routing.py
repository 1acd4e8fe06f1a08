"""Alertmanager's routes: which receivers an alert reaches, and how it is grouped on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from receiver.config.document import Document
from receiver.config.problems import ConfigError, Path, Problem, one_of
from receiver.config.upstream.tree import parse
from receiver.model.units import parse_duration
from receiver.triage.demand import exclude, follows, negated
from receiver.triage.foreign import quoted
from receiver.triage.matchers import Matcher, MatcherError, Operator, parse_matcher

TIMES = {
    "group_wait": timedelta(seconds=30),
    "group_interval": timedelta(minutes=5),
    "repeat_interval": timedelta(hours=4),
}
"""What counts where a route and all above it leave them out (contracts, Alertmanager, Timing)."""
MUTING = ("mute_time_intervals", "active_time_intervals")
_COMMA = re.compile(r',(?=(?:[^"\\]|\\.|"(?:[^"\\]|\\.)*")*$)')
_YES = ("true", "yes", "on", "y")


@dataclass(frozen=True)
class Route:
    """One route, with what it inherits."""

    path: Path
    receiver: str
    places: dict[str, Path]
    """Where each setting in force stands: perhaps at a route above."""
    group_by: tuple[str, ...] = ()
    times: dict[str, timedelta] = field(default_factory=lambda: dict(TIMES))
    matchers: tuple[Matcher, ...] = ()
    sure: bool = True
    """Whether all its matchers could be read."""
    goes_on: bool = False
    """`continue`: the routes behind it are tried too."""
    children: tuple[Route, ...] = ()


@dataclass
class Routing:
    """The routes and receivers of a file, and what is wrong with them."""

    document: Document
    root: Route | None = None
    receivers: dict[str, Path] = field(default_factory=dict)
    """Where each receiver stands, by name."""
    problems: list[Problem] = field(default_factory=list)

    def taken(self, given: Sequence[Matcher] = ()) -> list[Route]:
        """Return the routes that notify of some alert that satisfies all of `given`, as far as that is certain."""
        return list(_taken(self.root, tuple(given))) if self.root else []

    def value(self, path: Path) -> Any:
        """Return what stands at `path`; None where nothing does."""
        found = self.document.value
        for part in path:
            try:
                found = found[part]
            except (LookupError, TypeError):
                return None
        return found


def read(text: str, file: str) -> Routing:
    """Return the routing in `text`; `file` is how messages call it. Raises ConfigError for what is no YAML."""
    document = parse(text, file)
    routing = Routing(document)
    for index, entry in enumerate(_list(routing.value(("receivers",)))):
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            routing.receivers[entry["name"]] = ("receivers", index)
    if not isinstance(routing.value(("route",)), dict):
        hint = "is this an alertmanager.yml? It has route: and receivers:"
        raise ConfigError([document.problem(("route",), "missing", hint)])
    routing.root = _Reader(routing).route(("route",), None)
    return routing


def truth(value: Any, default: bool) -> bool:
    """Return the switch that a text of the file stands for."""
    return default if value is None else str(value).lower() in _YES


class _Reader:
    def __init__(self, routing: Routing) -> None:
        self.routing = routing

    def say(self, path: Path, message: str, hint: str = "") -> None:
        self.routing.problems.append(self.routing.document.problem(path, message, hint))

    def route(self, path: Path, above: Route | None) -> Route:
        given = self.routing.value(path)
        given = given if isinstance(given, dict) else {}
        places = dict(above.places) if above else {}
        places.update({key: (*path, key) for key in given})
        receiver = str(given.get("receiver") or (above.receiver if above else ""))
        if given.get("receiver") is not None and receiver not in self.routing.receivers:
            self.say(
                (*path, "receiver"),
                f"no receiver is called {quoted(receiver)}",
                one_of(receiver, self.routing.receivers),
            )
        matchers, sure = self.matchers(path, given)
        group_by = tuple(str(name) for name in _list(given.get("group_by")))
        route = Route(
            path, receiver, places, group_by if "group_by" in given else above.group_by if above else (),
            {key: self.time((*path, key), given.get(key), above.times[key] if above else TIMES[key]) for key in TIMES},
            matchers, sure, truth(given.get("continue"), False),
        )  # fmt: skip
        children = [self.route((*path, "routes", index), route) for index, _ in enumerate(_list(given.get("routes")))]
        return Route(**{**vars(route), "children": tuple(children)})

    def time(self, path: Path, value: Any, default: timedelta) -> timedelta:
        if value is None:
            return default
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.say(path, str(error).partition(" (")[0], "write it as 30s, 5m or 4h")
            return default

    def matchers(self, path: Path, given: dict[str, Any]) -> tuple[tuple[Matcher, ...], bool]:
        found: list[Matcher] = []
        sure = True
        for index, text in enumerate(_list(given.get("matchers"))):
            for part in _parts(str(text)):
                try:
                    found.append(parse_matcher(part))
                except MatcherError as error:
                    sure = False
                    self.say((*path, "matchers", index), str(error))
        for key, operator in (("match", Operator.EQUAL), ("match_re", Operator.REGEX)):
            pairs = given.get(key)
            for name, value in pairs.items() if isinstance(pairs, dict) else ():
                try:
                    found.append(Matcher(name, operator, "" if value is None else str(value)))
                except MatcherError as error:
                    sure = False
                    self.say((*path, key, name), str(error))
        return tuple(found), sure


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _parts(text: str) -> list[str]:
    # Alertmanager takes several in one text, perhaps in braces.
    body = text.strip()
    body = body[1:-1] if body.startswith("{") and body.endswith("}") else body
    return [part for part in _COMMA.split(body) if part.strip()] or [text]


def _taken(route: Route, given: tuple[Matcher, ...]) -> Iterator[Route]:
    here = (*given, *route.matchers)
    if exclude(here):
        return
    left, itself, caught = here, here, False
    for child in route.children:
        yield from _taken(child, left)
        asked = [matcher for matcher in child.matchers if not follows(matcher, left)]
        surely = child.sure and not asked
        if surely and not child.goes_on:
            return
        caught = caught or surely
        if child.sure and len(asked) == 1:
            # What the child takes is not left for those behind it, and in no case for the route itself.
            without = negated(asked[0])
            itself = (*itself, without)
            left = left if child.goes_on else (*left, without)
    if not caught and not exclude(itself):
        yield route
