"""Whether Alertmanager's file and this configuration fit together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from receiver.config.draft import Draft
from receiver.config.problems import Path, Problem
from receiver.config.upstream import door
from receiver.config.upstream.routing import MUTING, Route, Routing
from receiver.triage.compared import demands
from receiver.triage.conditions import SCOPE
from receiver.triage.correlate import GROUP
from receiver.triage.demand import follows
from receiver.triage.foreign import quoted
from receiver.triage.matchers import parse_matcher

ALL = "..."
"""In `group_by`: every label, so that each alert is a group of its own."""
MOST_NAMED = 8
REGROUP = "write group_by: [alertname, service], or set incidents.correlate_by"


def compare(routing: Routing, draft: Draft) -> tuple[list[Problem], list[Problem]]:
    """Return what cannot work between Alertmanager's file and the configuration, and what is unwise."""
    document = routing.document
    problems, notes = list(routing.problems), list[Problem]()
    ours = door.webhooks(routing)
    if not ours:
        nearly = [
            document.problem(path, f"{quoted(said, 80)} is no path of this service", f"write {door.DOOR}")
            for path, said in door.near(routing)
        ]
        hint = f"write webhook_configs: [{{url: 'http://HOST:8080{door.DOOR}'}}]"
        problems += nearly or [document.problem(("receivers",), "no receiver posts to this service", hint, at_key=True)]
        return problems, notes
    for places in ours.values():
        for place in places:
            problems += door.refused(routing, place, draft)
            notes += door.unwise(routing, place)
    leading = [route for route in routing.taken() if route.receiver in ours]
    for name in ours:
        if name not in {route.receiver for route in leading}:
            said = f"no route leads to {quoted(name, 80)}"
            problem = document.problem((*routing.receivers[name], "name"), said, f"write receiver: {name} at a route")
            (notes if leading else problems).append(problem)
    for route in leading:
        if not _for_watchdog(route, draft):
            notes += _grouping(routing, route, draft)
        notes += _timing(routing, route, draft)
    if leading:
        notes += _watchdog(routing, draft, ours)
        notes += _rules(routing, draft, ours)
    return problems, notes


def _for_watchdog(route: Route, draft: Draft) -> bool:
    watchdog = draft.sections.ingest.watchdog
    return watchdog is not None and all(follows(parse_matcher(text), route.matchers) for text in watchdog.matchers)


def _grouping(routing: Routing, route: Route, draft: Draft) -> Iterator[Problem]:
    by = draft.sections.incidents.correlate_by
    if GROUP in by and not route.group_by:
        said = "without group_by all alerts of this route are one group, and so one incident, whatever they are about"
        yield _at(routing, route, "group_by", said, REGROUP)
    if GROUP in by and ALL in route.group_by:
        said = "each alert is a group of its own, and so an incident and a page of its own"
        yield _at(routing, route, "group_by", said, REGROUP)
    tenant = _counted(draft)
    if tenant is None or not route.group_by:
        return
    alone = (
        "a notification never has two tenants: many_users is never counted, and every problem looks like one tenant's"
    )
    if tenant in route.group_by or ALL in route.group_by:
        index = next(i for i, name in enumerate(route.group_by) if name in (tenant, ALL))
        hint = f"leave {tenant} out of group_by, or let the alerts carry the label scope"
        yield routing.document.problem((*route.places["group_by"], index), alone, hint)
    lacking = [] if GROUP in by or ALL in route.group_by else [name for name in by if name not in route.group_by]
    if lacking:
        names = ", ".join(lacking)
        said = f"{names} of incidents.correlate_by is not in it: tenants of several incidents are counted together"
        yield _at(routing, route, "group_by", said, f"add {names} to group_by")


def _counted(draft: Draft) -> str | None:
    """Return the label whose tenants are counted for some rule; None where no rule looks at the scope."""
    if draft.rules is None:
        return None
    looks = any(condition.name == SCOPE for demand in demands(draft.rules) for condition in demand.compared)
    return draft.rules.scope.tenant_label if looks else None


def _timing(routing: Routing, route: Route, draft: Draft) -> Iterator[Problem]:
    document, ingest = routing.document, draft.sections.ingest
    for key in MUTING:
        if key in route.places and route.places[key][: len(route.path)] == route.path:
            said = "what ends while this route is mute is never told"
            hint = "mute here instead, by maintenance; or list ingest.alertmanagers, so that Alertmanager is asked"
            if not ingest.alertmanagers:
                yield document.problem(route.places[key], said, hint, at_key=True)
    first = route.times["group_wait"] + route.times["group_interval"]
    if ingest.alertmanagers and ingest.reconcile.unheard_after <= first:
        said = f"group_wait + group_interval is {_text(first)}, and ingest.reconcile.unheard_after is"
        said += f" {_text(ingest.reconcile.unheard_after)}: alerts that only wait their turn count as unheard"
        yield _at(routing, route, "group_interval", said, f"let unheard_after be more than {_text(first)}")


def _watchdog(routing: Routing, draft: Draft, ours: dict[str, list[Path]]) -> Iterator[Problem]:
    watchdog, document = draft.sections.ingest.watchdog, routing.document
    if watchdog is None:
        return
    routes = routing.taken([parse_matcher(text) for text in watchdog.matchers])
    here = [route for route in routes if route.receiver in ours]
    hint = "{receiver: %s, group_wait: 0s, group_interval: 1m, repeat_interval: 1m}" % min(ours)  # noqa: UP031
    if not here:
        said = f"no route brings {' '.join(watchdog.matchers)} here: the dead man's switch is never armed"
        where = routes[0].path if routes else ("route",)
        yield document.problem(where, said, f"give it a route with {hint}", at_key=True)
    for route in here:
        longest = route.times["repeat_interval"] + 2 * route.times["group_interval"]
        if watchdog.silent_after < longest:
            said = f"the Watchdog may be silent for {_text(longest)} here (repeat_interval + 2 x group_interval), and"
            said += (
                f" ingest.watchdog.silent_after is {_text(watchdog.silent_after)}: it is called silent while it is not"
            )
            yield _at(routing, route, "repeat_interval", said, f"give it a route of its own with {hint}")


def _rules(routing: Routing, draft: Draft, ours: dict[str, list[Path]]) -> Iterator[Problem]:
    unmet = [
        demand.settings.name
        for demand in (demands(draft.rules) if draft.rules else ())
        if not demand.caps and not any(route.receiver in ours for route in routing.taken(demand.labels))
    ]
    if unmet:
        listed = ", ".join(quoted(name, 80) for name in unmet[:MOST_NAMED])
        more = f" and {len(unmet) - MOST_NAMED} more" if unmet[MOST_NAMED:] else ""
        said = f"no route brings here what these severity rules are for: {listed}{more}"
        hint = "widen the matchers of a route to this service"
        yield routing.document.problem(("route",), said, hint, at_key=True)


def _at(routing: Routing, route: Route, key: str, said: str, hint: str) -> Problem:
    # Where the setting stands, or the route that leaves it out.
    place = route.places.get(key)
    return routing.document.problem(place or route.path, said, hint, at_key=place is None)


def _text(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
