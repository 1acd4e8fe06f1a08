"""The whole dashboard: rows, variables, annotations and links."""

from __future__ import annotations

import json
from typing import Any

from grafana_foundation_sdk.builders import dashboard as built
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana import incident_panels, service_panels
from deploy.grafana.panel_builders import HERE, SEVERE, SOURCE

ROWS = (
    ("Now", incident_panels.now),
    ("Incidents", incident_panels.opened),
    ("Response targets", incident_panels.times),
    ("People", incident_panels.people),
    ("Deliveries", service_panels.deliveries),
    ("Incoming alerts", service_panels.noise),
    ("The service", service_panels.health),
)
LINKS = (("Console", ""), ("On call", "oncall"), ("Status page", "status"))
INCIDENTS = f"sum by (severity) (increase(receiver_openings_total{{{SEVERE}}}[1m])) > 0"
"""Annotations from Prometheus; those of the `grafana` channel include the incident's name and its end."""


def text() -> str:
    """Return the dashboard as JSON."""
    made = json.loads(json.dumps(build().build(), cls=JSONEncoder))
    for annotation in made["annotations"]["list"]:
        if annotation.get("expr"):
            annotation |= {"titleFormat": "Incident opened", "textFormat": "{{severity}}", "tagKeys": "severity"}
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def build() -> built.Dashboard:
    """Return the dashboard's builder."""
    board = (
        built.Dashboard("Receiver: incidents")
        .uid("receiver-incidents")
        .description("Incidents and their targets, deliveries, and the health of the service.")
        .tags(["receiver", "incidents"])
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .editable()
    )
    for variable in _variables():
        board = board.with_variable(variable)
    for annotation in _annotations():
        board = board.annotation(annotation)
    for title, path in LINKS:
        where = built.DashboardLink(title).type(model.DashboardLinkType.LINK).url(f"${{console:raw}}/{path}")
        board = board.link(where.icon("external link").target_blank(True))
    number = 0
    for title, panels in ROWS:
        number += 1
        board = board.with_row(built.Row(title).id(number))
        for panel in panels():
            number += 1
            board = board.with_panel(panel.id(number))
    return board


def _variables() -> list[Any]:
    every = model.VariableOption(selected=True, text="All", value="$__all")

    def asked(name: str, label: str, query: str) -> built.QueryVariable:
        made = built.QueryVariable(name).label(label).datasource(SOURCE).query(query)
        return made.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)

    def chosen(name: str, label: str, query: str) -> built.QueryVariable:
        return asked(name, label, query).multi(True).include_all(True).all_value(".*").current(every)

    found = "SEV-1,SEV-2,SEV-3,SEV-4"
    return [
        built.DatasourceVariable("datasource").label("Prometheus").type("prometheus"),
        chosen("namespace", "Namespace", "label_values(receiver_build_info, namespace)"),
        chosen("job", "Job", 'label_values(receiver_build_info{namespace=~"$namespace"}, job)'),
        built.CustomVariable("severity").label("Severity").values(found).multi(True).include_all(True)
        .all_value(".*").current(every),
        chosen("team", "Team", f"label_values(receiver_incidents_open{{{HERE}}}, team)"),
        chosen("channel", "Channel", f"label_values(receiver_circuit_open{{{HERE}}}, channel)"),
        asked("console", "Console", f"label_values(receiver_service_info{{{HERE}}}, url)")
        .hide(model.VariableHide.HIDE_VARIABLE),
    ]  # fmt: skip


def _annotations() -> list[built.AnnotationQuery]:
    by_grafana = model.DataSourceRef(type_val="grafana", uid="-- Grafana --")
    tagged = built.AnnotationTarget().limit(100).match_any(False).tags(["incident"]).type("tags")
    return [
        built.AnnotationQuery().name("Incidents").datasource(by_grafana).enable(True).icon_color("red").target(tagged),
        built.AnnotationQuery().name("Incidents opened (Prometheus)").datasource(SOURCE).enable(True)
        .icon_color("orange").expr(INCIDENTS),
    ]  # fmt: skip
