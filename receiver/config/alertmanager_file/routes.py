"""Alertmanager's routes: the receivers that an alert reaches, and how it is grouped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from receiver.config.alertmanager_file import nested_documents
from receiver.config.alertmanager_file.matchers import explained, refuses, upstream_matchers
from receiver.config.alertmanager_file.prometheus_durations import parse_upstream_duration
from receiver.config.alertmanager_file.prometheus_operator import KINDS, of_operator
from receiver.config.alertmanager_file.upstream_yaml import parse_all
from receiver.config.config_errors import ConfigError, Path, Problem, one_of
from receiver.config.yaml.yaml_document import Document
from receiver.triage.lint.rule_requirements import exclude, follows, negated
from receiver.triage.matchers import Matcher, MatcherError, Operator
from receiver.triage.safe_text import quoted

TIMES = {
    "group_wait": timedelta(seconds=30),
    "group_interval": timedelta(minutes=5),
    "repeat_interval": timedelta(hours=4),
}
"""Defaults of settings that a route and all its parents omit (contracts, Alertmanager, Timing)."""
MUTING = ("mute_time_intervals", "active_time_intervals")
_YES = ("true", "yes", "on", "y")


@dataclass(frozen=True)
class Route:
    """One route, with its inherited settings."""

    path: Path
    receiver: str
    places: dict[str, Path]
    """The place of each setting in effect, possibly at a parent route."""
    group_by: tuple[str, ...] = ()
    times: dict[str, timedelta] = field(default_factory=lambda: dict(TIMES))
    matchers: tuple[Matcher, ...] = ()
    sure: bool = True
    """Whether all its matchers could be read."""
    goes_on: bool = False
    """`continue`: the following routes are tried as well."""
    children: tuple[Route, ...] = ()


@dataclass
class Routing:
    """The routes and receivers of a file, and the errors in them."""

    document: Document
    root: Route | None = None
    receivers: dict[str, Path] = field(default_factory=dict)
    """The place of each receiver, by name."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    whole: bool = True
    """Whether it is Alertmanager's whole configuration: an AlertmanagerConfig is one part of several."""

    def reached(self, labels: Mapping[str, str]) -> list[Route]:
        """Return the routes that notify of an alert with exactly these labels."""
        return list(_reached(self.root, labels)) if self.root else []

    def taken(self, given: Sequence[Matcher] = ()) -> list[Route]:
        """Return the routes that certainly notify of some alert that matches all of `given`."""
        return list(_taken(self.root, tuple(given))) if self.root else []

    def value(self, path: Path) -> Any:
        """Return the value at `path`; None if there is none."""
        found = self.document.value
        for part in path:
            try:
                found = found[part]
            except (LookupError, TypeError):
                return None
        return found


def read(text: str, file: str) -> Routing:
    """Return the first routing in `text`; see read_all."""
    return read_all(text, file)[0]


def read_all(text: str, file: str) -> list[Routing]:
    """Return every routing in `text`, at least one; `file` is its name in messages.

    The text may be an alertmanager.yml, or have one in a Secret, a ConfigMap, the values of a Helm chart or Mimir's
    format, or as objects of kind AlertmanagerConfig. Raises ConfigError if none is found.
    """
    documents = parse_all(text, file)
    if _is_config(documents[0].value):
        routing = _routing(documents[0])
        if more := [one for one in documents[1:] if one.value is not None]:
            said = "Alertmanager reads only the first document; everything after this line is ignored"
            line, column = more[0].begins
            routing.notes.append(Problem(file, line, column, "", said, "remove the ---, or everything after it"))
        return [routing]
    objects = list(_objects(documents))
    found = [_routing(of_operator(one), whole=False) for one in objects if nested_documents.kind_of(one) in KINDS]
    others = [one for one in objects if nested_documents.kind_of(one) not in KINDS]
    found += [_routing(part) for part in nested_documents.parts(others, _is_config, "route")]
    if not found:
        raise ConfigError([_missing(documents)])
    return found


def _objects(documents: list[Document]) -> Iterator[Document]:
    """Yield the documents, those of a Kubernetes List one by one."""
    for document in documents:
        if nested_documents.kind_of(document).endswith("List"):
            yield from nested_documents.parts([document], _is_object, "apiVersion")
        else:
            yield document


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and "apiVersion" in value and not str(value.get("kind")).endswith("List")


def _is_config(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("route"), dict) and "receivers" in value


def _missing(documents: list[Document]) -> Problem:
    hidden = nested_documents.unreadable(documents, "alertmanager.yaml")
    if hidden is not None:
        document, path, said, hint = hidden
        return document.problem(path, said, hint)
    if (kind := nested_documents.kind_of(documents[0])) and kind not in ("List", "Secret", "ConfigMap"):
        said = f"an object of kind {kind[:60]} has no Alertmanager configuration and no alert rules"
        hint = "check the Secret, AlertmanagerConfig, PrometheusRule or Helm values that do, or extract that part"
        return documents[0].problem(("kind",), said, hint)
    chart = documents[0].value if isinstance(documents[0].value, dict) else {}
    above = next((key for key in ("alertmanager", "kube-prometheus-stack") if isinstance(chart.get(key), dict)), None)
    if above is not None:
        said = "no alertmanager.config in these Helm values: the chart's default applies, which sends nothing here"
        hint = "write alertmanager: {config: {route: ..., receivers: ...}}"
        return documents[0].problem((above,), said, hint, at_key=True)
    hint = "is this an alertmanager.yml? It needs route: and receivers:; from a larger file, extract that part"
    document = next((one for one in documents if one.value is not None), documents[0])
    value = document.value
    at = "receivers" if isinstance(value, dict) and isinstance(value.get("route"), dict) else "route"
    return document.problem((at,), "missing", hint)


def _routing(document: Document, *, whole: bool = True) -> Routing:
    routing = Routing(document, whole=whole)
    for index, entry in enumerate(_list(routing.value(("receivers",)))):
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            routing.receivers[entry["name"]] = ("receivers", index)
    routing.root = _Reader(routing).route(("route",), None)
    return routing


def at(routing: Routing, route: Route, key: str, message: str, hint: str) -> Problem:
    """Return a problem at the setting `key` of `route`, or at the route if it has no such setting."""
    place = route.places.get(key)
    return routing.document.problem(place or route.path, message, hint, at_key=place is None)


def truth(value: Any, default: bool) -> bool:
    """Return the boolean in a text of the file."""
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
        places.update({key: (*path, key) for key, value in given.items() if value is not None})
        receiver = str(given.get("receiver") or (above.receiver if above else ""))
        if given.get("receiver") is not None and receiver not in self.routing.receivers:
            self.say(
                (*path, "receiver"),
                f"no receiver is named {quoted(receiver)}",
                one_of(receiver, self.routing.receivers),
            )
        matchers, sure = self.matchers(path, given)
        own = given.get("group_by")
        group_by = tuple(str(name) for name in _list(own))
        route = Route(
            path, receiver, places, above.group_by if own is None and above else group_by,
            {key: self.time((*path, key), given.get(key), above.times[key] if above else TIMES[key]) for key in TIMES},
            matchers, sure, truth(given.get("continue"), False),
        )  # fmt: skip
        children = [self.route((*path, "routes", index), route) for index, _ in enumerate(_list(given.get("routes")))]
        return Route(**{**vars(route), "children": tuple(children)})

    def time(self, path: Path, value: Any, default: timedelta) -> timedelta:
        if value is None:
            return default
        try:
            found = parse_upstream_duration(str(value))
            if not found and path[-1] != "group_wait":
                raise ValueError(f"{path[-1]} cannot be zero")
            return found
        except ValueError as error:
            self.say(path, str(error), "write it as 30s, 5m or 1h30m")
            return default

    def matchers(self, path: Path, given: dict[str, Any]) -> tuple[tuple[Matcher, ...], bool]:
        found: list[Matcher] = []
        sure = True
        for index, text in enumerate(_list(given.get("matchers"))):
            matchers, wrong, odd = upstream_matchers("" if text is None else str(text))
            found += matchers
            sure = sure and not wrong and not odd
            for said in wrong:
                self.say((*path, "matchers", index), said)
            for said in odd:
                self.routing.notes.append(self.routing.document.problem((*path, "matchers", index), said))
        for key, operator in (("match", Operator.EQUAL), ("match_re", Operator.REGEX)):
            pairs = given.get(key)
            for name, value in pairs.items() if isinstance(pairs, dict) else ():
                text = "" if value is None else str(value)
                try:
                    found.append(Matcher(name, operator, text))
                except MatcherError as error:
                    sure = False
                    note = self.routing.document.problem((*path, key, name), explained(error, text))
                    (self.routing.problems if refuses(error, text) else self.routing.notes).append(note)
        return tuple(found), sure


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _reached(route: Route, labels: Mapping[str, str]) -> Iterator[Route]:
    if not all(matcher.matches(labels) for matcher in route.matchers):
        return
    caught = False
    for child in route.children:
        below = list(_reached(child, labels))
        yield from below
        caught = caught or bool(below)
        if below and not child.goes_on:
            return
    if not caught:
        yield route


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
            # Alerts of the child do not reach the following routes, and never the parent itself.
            without = negated(asked[0])
            itself = (*itself, without)
            left = left if child.goes_on else (*left, without)
    if not caught and not exclude(itself):
        yield route
