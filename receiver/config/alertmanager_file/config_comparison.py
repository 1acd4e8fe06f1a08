"""Whether Alertmanager's file and this configuration fit together."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.config.alertmanager_file import heartbeat_routes, webhook_receivers
from receiver.config.alertmanager_file.prometheus_durations import duration_text
from receiver.config.alertmanager_file.routes import MUTING, Route, Routing, at
from receiver.config.config_errors import Path, Problem
from receiver.config.loader.config_draft import Draft
from receiver.triage.correlation import GROUP
from receiver.triage.lint.rule_conflicts import demands
from receiver.triage.matchers import Operator
from receiver.triage.rules.conditions import SCOPE
from receiver.triage.safe_text import quoted

ALL = "..."
"""In `group_by`: every label, so that each alert is its own group."""
ALERTNAME = "alertname"
MOST_NAMED = 8
REGROUP = "write group_by: [alertname, service], or set incidents.correlate_by"


def compare_all(routings: list[Routing], draft: Draft) -> tuple[list[Problem], list[Problem]]:
    """Return the errors in the parts of one file compared with the configuration, and the warnings."""
    # If a file has several objects, it is enough that one of them points here.
    leading = [routing for routing in routings if webhook_receivers.webhooks(routing)] or routings[:1]
    problems = [problem for routing in routings if routing not in leading for problem in routing.problems]
    notes: list[Problem] = []
    for routing in leading:
        more, unwise = compare(routing, draft)
        problems += more
        notes += unwise
    return problems, notes


def compare(routing: Routing, draft: Draft) -> tuple[list[Problem], list[Problem]]:
    """Return what cannot work between Alertmanager's file and the configuration, and what is unwise.

    An error is what Alertmanager refuses, and what this service would refuse of what is sent to it. A file that sends
    nothing here is valid: it may belong to another Alertmanager.
    """
    document = routing.document
    problems, notes = list(routing.problems), list(routing.notes)
    ours = webhook_receivers.webhooks(routing)
    unsure = _unsure(routing, draft, ours)
    if not ours.keys() - unsure:
        return problems, [*notes, *_nothing_sent(routing)]
    for name in ours.keys() - unsure:
        for place in ours[name]:
            problems += webhook_receivers.refused(routing, place, draft)
            notes += webhook_receivers.unwise(routing, place, draft)
    leading = [route for route in routing.taken() if route.receiver in ours]
    for name in ours.keys() - unsure:
        if name not in {route.receiver for route in leading}:
            said = f"no route leads to {quoted(name, 80)}"
            hint = f"write receiver: {name} in a route, before any route that matches every alert"
            notes.append(document.problem((*routing.receivers[name], "name"), said, hint))
    for route in leading:
        if route.receiver in unsure:
            continue
        if not heartbeat_routes.is_for_heartbeats(route, draft):
            notes += _grouping(routing, route, draft)
            notes += _wide(routing, route, draft)
        notes += _timing(routing, route, draft)
    if leading:
        notes += heartbeat_routes.unwise(routing, draft, ours, unsure)
        notes += _rules(routing, draft, ours) if routing.whole else ()
    return problems, notes


def _nothing_sent(routing: Routing) -> list[Problem]:
    """Return what to write so that a receiver sends to this service: none does."""
    document, path = routing.document, webhook_receivers.WEBHOOK_PATH
    nearly = [
        document.problem(at, f"{quoted(said, 80)} is not a path of this service", f"write {path}")
        for at, said in webhook_receivers.near(routing)
    ]
    hint = f"write webhook_configs: [{{url: 'http://HOST:8080{path}'}}]"
    return nearly or [document.problem(("receivers",), "no receiver sends to this service", hint, at_key=True)]


def _unsure(routing: Routing, draft: Draft, ours: dict[str, list[Path]]) -> set[str]:
    """Return the receivers that may post to another service: their address is secret, and another receiver posts here.

    If no receiver is known to post here, return those that get only heartbeats, for another monitoring service.
    """
    hidden = {name for name, places in ours.items() if not webhook_receivers.named(routing, places)}
    if len(hidden) < len(ours):
        return hidden
    alarmed = {route.receiver for route in routing.taken() if not heartbeat_routes.is_for_heartbeats(route, draft)}
    return hidden - alarmed


def _wide(routing: Routing, route: Route, draft: Draft) -> Iterator[Problem]:
    by = draft.sections.incidents.correlate_by
    if GROUP not in by or not route.group_by or ALL in route.group_by or ALERTNAME in route.group_by:
        return
    if any(matcher.name == ALERTNAME and matcher.operator is Operator.EQUAL for matcher in route.matchers):
        return
    names = ", ".join(route.group_by)
    said = f"alerts with different names but the same {names} form one group: such an alert joins the open incident"
    said += " and does not open its own"
    yield at(routing, route, "group_by", said, f"write group_by: [{ALERTNAME}, {names}]")


def _grouping(routing: Routing, route: Route, draft: Draft) -> Iterator[Problem]:
    by = draft.sections.incidents.correlate_by
    if GROUP in by and not route.group_by:
        said = "without group_by, all alerts of this route form one group, and so one incident"
        yield at(routing, route, "group_by", said, REGROUP)
    if GROUP in by and ALL in route.group_by:
        said = "each alert forms its own group, and so opens its own incident and pages"
        yield at(routing, route, "group_by", said, REGROUP)
    tenant = _counted(draft)
    if tenant is None or not route.group_by:
        return
    if tenant in route.group_by:
        said = "each notification has alerts of one tenant only, so the scope is never many_users"
        hint = f"remove {tenant} from group_by, or set the label scope on the alerts"
        yield routing.document.problem((*route.places["group_by"], route.group_by.index(tenant)), said, hint)
    lacking = [] if GROUP in by or ALL in route.group_by else [name for name in by if name not in route.group_by]
    if lacking:
        names = ", ".join(lacking)
        said = f"{names} of incidents.correlate_by is missing: tenants of several incidents are counted together"
        yield at(routing, route, "group_by", said, f"add {names} to group_by")


def _counted(draft: Draft) -> str | None:
    """Return the label whose tenants some rule counts; None if no rule uses the scope."""
    if draft.rules is None:
        return None
    looks = any(condition.name == SCOPE for demand in demands(draft.rules) for condition in demand.compared)
    return draft.rules.scope.tenant_label if looks else None


def _timing(routing: Routing, route: Route, draft: Draft) -> Iterator[Problem]:
    document, ingest = routing.document, draft.sections.ingest
    for key in MUTING:
        own = key in route.places and route.places[key][: len(route.path)] == route.path
        # An empty list mutes nothing.
        if own and routing.value(route.places[key]) and not ingest.alertmanagers:
            said = "Alertmanager never reports an alert that resolves while this route is muted"
            hint = "use a maintenance window instead, or set ingest.alertmanagers so that receiver polls Alertmanager"
            yield document.problem(route.places[key], said, hint, at_key=True)
    first = route.times["group_wait"] + route.times["group_interval"]
    if ingest.alertmanagers and ingest.reconcile.unheard_after <= first:
        said = f"group_wait + group_interval is {duration_text(first)}, and ingest.reconcile.unheard_after is"
        said += f" {duration_text(ingest.reconcile.unheard_after)}: alerts that are not sent yet count as missing"
        yield at(routing, route, "group_interval", said, f"set unheard_after above {duration_text(first)}")


def _rules(routing: Routing, draft: Draft, ours: dict[str, list[Path]]) -> Iterator[Problem]:
    unmet = [
        demand.settings.name
        for demand in (demands(draft.rules) if draft.rules else ())
        if not demand.caps and not any(route.receiver in ours for route in routing.taken(demand.labels))
    ]
    if unmet:
        listed = ", ".join(quoted(name, 80) for name in unmet[:MOST_NAMED])
        more = f" and {len(unmet) - MOST_NAMED} more" if unmet[MOST_NAMED:] else ""
        said = f"no route sends the alerts of these severity rules here: {listed}{more}"
        hint = "widen the matchers of a route that leads to this service"
        yield routing.document.problem(("route",), said, hint, at_key=True)
