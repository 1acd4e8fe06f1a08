"""The routes of two kube-prometheus alerts that report no problem: Watchdog, which must arrive, and InfoInhibitor."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from receiver.config.alertmanager_file.prometheus_durations import duration_text
from receiver.config.alertmanager_file.routes import Route, Routing, at
from receiver.config.config_errors import Problem
from receiver.config.loader.config_draft import Draft
from receiver.triage.lint.rule_requirements import follows
from receiver.triage.matchers import Matcher, Operator, parse_matcher

WATCHDOG_LABELS = {"alertname": "Watchdog", "severity": "none"}
"""The labels of kube-prometheus' Watchdog: its expression is vector(1), so it has no others."""
INHIBITOR_LABELS = {"alertname": "InfoInhibitor", "severity": "none", "namespace": "default"}
"""The labels of kube-prometheus' InfoInhibitor for some namespace."""


def is_for_heartbeats(route: Route, draft: Draft) -> bool:
    """Return whether `route` matches only the Watchdog, or only InfoInhibitor."""
    inhibitor = Matcher("alertname", Operator.EQUAL, INHIBITOR_LABELS["alertname"])
    watching = _matchers(draft)
    return follows(inhibitor, route.matchers) or bool(
        watching and all(follows(matcher, route.matchers) for matcher in watching)
    )


def unwise(routing: Routing, draft: Draft, ours: Collection[str], unsure: Collection[str] = ()) -> Iterator[Problem]:
    """Yield warnings about the routes of Watchdog and InfoInhibitor.

    `ours` are the receivers that post here; those in `unsure` may post to another service.
    """
    yield from _watchdog(routing, draft, ours, unsure)
    for route in routing.reached(INHIBITOR_LABELS):
        if route.receiver in ours and route.receiver not in unsure and routing.whole:
            said = "InfoInhibitor is routed here: it only inhibits other alerts and opens no incident"
            hint = "give it a route {matchers: ['alertname=\"InfoInhibitor\"'], receiver: NAME} that posts nowhere"
            yield routing.document.problem(route.path, said, hint, at_key=True)


def _watchdog(routing: Routing, draft: Draft, ours: Collection[str], unsure: Collection[str]) -> Iterator[Problem]:
    watchdog, document = draft.sections.ingest.watchdog, routing.document
    if watchdog is None:
        return
    routes = _routes(routing, draft, ours)
    here = [route for route in routes if route.receiver in ours]
    if not here and routing.whole:
        said = f"no route sends {' '.join(watchdog.matchers)} here: the dead man's switch is never armed"
        where = routes[0].path if routes else ("route",)
        yield document.problem(
            where, said, f"give it a route with {_advised(min(set(ours) - set(unsure)))}", at_key=True
        )
    for route in here:
        if route.receiver in unsure:
            continue
        if not routing.whole and not is_for_heartbeats(route, draft):
            continue
        longest = route.times["repeat_interval"] + 2 * route.times["group_interval"]
        if watchdog.silent_after < longest:
            said = f"the Watchdog may be silent for {duration_text(longest)} here (repeat_interval + 2 x"
            said += f" group_interval), and ingest.watchdog.silent_after is {duration_text(watchdog.silent_after)}:"
            said += " it would be reported as silent although it is not"
            if is_for_heartbeats(route, draft) and "repeat_interval" in route.places:
                own = route.places["repeat_interval"][: len(route.path)] == route.path
                hint = "write repeat_interval: 1m and group_interval: 1m"
                if own:
                    yield at(routing, route, "repeat_interval", said, hint)
                else:
                    yield document.problem(route.path, said, hint + " at this route", at_key=True)
            else:
                yield document.problem(
                    route.path, said, f"give it its own route with {_advised(route.receiver)}", at_key=True
                )


def _advised(receiver: str) -> str:
    return f"{{receiver: {receiver}, group_wait: 0s, group_interval: 1m, repeat_interval: 1m}}"


def _matchers(draft: Draft) -> list[Matcher]:
    watchdog = draft.sections.ingest.watchdog
    return [] if watchdog is None else [parse_matcher(text) for text in watchdog.matchers]


def _labels(matchers: list[Matcher]) -> Mapping[str, str]:
    equal = {matcher.name: matcher.value for matcher in matchers if matcher.operator is Operator.EQUAL}
    return {**WATCHDOG_LABELS, **equal}


def _routes(routing: Routing, draft: Draft, ours: Collection[str]) -> list[Route]:
    """Return the routes that match the Watchdog.

    Routes that match its known labels count, unless it may have more labels (external labels of its Prometheus) that
    select its own route.
    """
    labels = _labels(_matchers(draft))
    possible = routing.taken([Matcher(name, Operator.EQUAL, value) for name, value in labels.items()])
    own = [route for route in possible if route.receiver in ours and is_for_heartbeats(route, draft)]
    return own or routing.reached(labels) or possible
