"""The rows about incidents: their number, times compared with the targets, and pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.grafana.panel_builders import HERE, ONE_IS_GOOD, OWNED, SEVERE, ZERO_IS_GOOD, bars, graph, number, steps

WINDOW = "[$__rate_interval]"
SPAN = "[$__range]"
CONSOLE = "${console:raw}/"
TARGETS = {"detect": 300.0, "acknowledge": None, "resolve": 3600.0}
"""Targets in seconds that are the same for each severity; the target for acknowledgement depends on the severity."""


def now() -> Iterator[Any]:
    """Yield the overview panels."""
    each = f'sum by (instance, severity) (receiver_incidents_open{{{OWNED}, state!~"resolved|closed"}})'
    open_now = f"max by (severity) ({each})"
    yield number(
        "Open incidents",
        "Incidents that are neither resolved nor closed.",
        (open_now, "{{severity}}"),
        ZERO_IS_GOOD,
        span=6,
        link=CONSOLE,
    )
    waiting = f'max(sum by (instance) (receiver_incidents_open{{{OWNED}, state="open"}}))'
    said = "Incidents that no one has acknowledged."
    yield number("Unanswered", said, (waiting, "open"), ZERO_IS_GOOD, link=CONSOLE)
    owed = f"max(receiver_outbox_depth{{{HERE}}})"
    yield number("Pending deliveries", "Pages and messages that have not been delivered yet.", (owed, "owed"))
    dead = f"max(receiver_dead_letters{{{HERE}}})"
    said = "Failed deliveries: `receiver dead-letters list`."
    yield number("Dead letters", said, (dead, "dead letters"), ZERO_IS_GOOD)
    store = f"min(receiver_store_up{{{HERE}}})"
    yield number("Store", "1 while every replica can write.", (store, "up"), ONE_IS_GOOD)
    replicas = f"count(receiver_build_info{{{HERE}}}) or vector(0)"
    yield number("Replicas", "Replicas that Prometheus scrapes.", (replicas, "replicas"), ONE_IS_GOOD)
    heard = f"time() - max(receiver_watchdog_last_seen_timestamp_seconds{{{HERE}}} > 0)"
    said = "Time since Alertmanager's last heartbeat."
    yield number("Watchdog", said, (heard, "ago"), steps((None, "green"), (150, "orange"), (300, "red")), unit="s")


def opened() -> Iterator[Any]:
    """Yield the panels with numbers of incidents."""
    expression = f"sum by (severity) (increase(receiver_openings_total{{{SEVERE}}}{WINDOW}))"
    said = "Incidents by their first severity."
    yield graph("Incidents opened", said, (expression, "{{severity}}"), span=12, stacked=True)
    expression = (
        f'max by (severity, state) (sum without (team) (receiver_incidents_open{{{OWNED}, state!~"resolved|closed"}}))'
    )
    said = "Open incidents by state. `open`: not acknowledged yet."
    yield graph("Open incidents by state", said, (expression, "{{severity}} {{state}}"), span=12)


def times() -> Iterator[Any]:
    """Yield the panels with times to detect, acknowledge and resolve, compared with the targets."""
    words = {
        "detect": "From the start of the first alert to the incident.",
        "acknowledge": "From the incident to its acknowledgement.",
        "resolve": "From the incident to its end.",
    }
    for phase, said in words.items():
        name = f"receiver_incident_{phase}_seconds"
        mean = _mean(name)
        most = f"histogram_quantile(0.9, sum by (severity, le) (increase({name}_bucket{{{SEVERE}}}{SPAN})))"
        yield graph(
            f"Time to {phase}", f"{said} Mean and 90th percentile of the chosen time.", (mean, "{{severity}} mean"),
            (most, "{{severity}} p90"), unit="s", limit=TARGETS[phase],
        )  # fmt: skip
    for phase in words:
        name = f"receiver_incident_{phase}_seconds"
        mean = _mean(name)
        target = f'max by (severity) (receiver_target_seconds{{{SEVERE}, phase="{phase}"}})'
        yield bars(
            f"Time to {phase}, relative to target", "1: exactly on target; above 1: too late.",
            (f"({mean}) / {target}", "{{severity}}"), steps((None, "green"), (0.8, "orange"), (1, "red")),
            unit="percentunit",
        )  # fmt: skip
    figures = f"max by (metric) (receiver_review_figure{{{HERE}}})"
    said = "The review's figures for this month: durations in seconds, ratios from 0 to 1."
    yield bars("This month's figures", said, (figures, "{{metric}}"), steps((None, "blue")), unit="short", span=24)


def _mean(name: str) -> str:
    count = f"sum by (severity) (increase({name}_count{{{SEVERE}}}{SPAN}))"
    return f"sum by (severity) (increase({name}_sum{{{SEVERE}}}{SPAN})) / ({count} > 0)"


def people() -> Iterator[Any]:
    """Yield the panels with pages and missed acknowledgements."""
    expression = f"sum by (contact, severity) (increase(receiver_pages_total{{{OWNED}}}{WINDOW})) > 0"
    yield graph("Pages", "Who was paged.", (expression, "{{severity}} {{contact}}"), stacked=True)
    expression = f"sum by (severity, step) (increase(receiver_escalations_total{{{OWNED}}}{WINDOW}))"
    said = "Escalation steps taken because no one acknowledged, or because the incident went on."
    yield graph("Escalations", said, (expression, "{{severity}} step {{step}}"), stacked=True)
    expression = f"sum by (severity) (increase(receiver_response_breaches_total{{{OWNED}}}{WINDOW}))"
    said = "Pages that no one acknowledged in time: the backup was paged."
    yield graph("Breaches", said, (expression, "{{severity}}"), stacked=True)
