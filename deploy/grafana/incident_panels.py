"""The rows about incidents: how many, how fast against the targets, and who was called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.grafana.panel_builders import HERE, ONE_IS_GOOD, SEVERE, ZERO_IS_GOOD, bars, graph, number, steps

WINDOW = "[$__rate_interval]"
SPAN = "[$__range]"
CONSOLE = "${console:raw}/"
TARGETS = {"detect": 300.0, "acknowledge": None, "resolve": 3600.0}
"""Seconds, where it is the same for each severity; how soon to acknowledge is each severity's own."""


def now() -> Iterator[Any]:
    """Yield what is to be seen at a glance."""
    each = f'sum by (instance, severity) (receiver_incidents_open{{{SEVERE}, state!~"resolved|closed"}})'
    open_now = f"max by (severity) ({each})"
    yield number(
        "Open incidents", "Incidents that are not over.", (open_now, "{{severity}}"), ZERO_IS_GOOD, span=6, link=CONSOLE
    )
    waiting = f'max(sum by (instance) (receiver_incidents_open{{{SEVERE}, state="open"}}))'
    said = "Incidents that nobody has acknowledged."
    yield number("Unanswered", said, (waiting, "open"), ZERO_IS_GOOD, link=CONSOLE)
    owed = f"max(receiver_outbox_depth{{{HERE}}})"
    yield number("Deliveries owed", "Pages and messages that are not through yet.", (owed, "owed"))
    dead = f"max(receiver_dead_letters{{{HERE}}})"
    said = "Deliveries that gave up: `receiver dead-letters list`."
    yield number("Dead letters", said, (dead, "dead letters"), ZERO_IS_GOOD)
    store = f"min(receiver_store_up{{{HERE}}})"
    yield number("Store", "1 while every replica can write.", (store, "up"), ONE_IS_GOOD)
    replicas = f"count(receiver_build_info{{{HERE}}}) or vector(0)"
    yield number("Replicas", "Replicas that are scraped.", (replicas, "replicas"), ONE_IS_GOOD)
    heard = f"time() - max(receiver_watchdog_last_seen_timestamp_seconds{{{HERE}}} > 0)"
    said = "How long ago Alertmanager's heartbeat was heard."
    yield number("Watchdog", said, (heard, "ago"), steps((None, "green"), (150, "orange"), (300, "red")), unit="s")


def opened() -> Iterator[Any]:
    """Yield how many there are."""
    expression = f"sum by (severity) (increase(receiver_openings_total{{{SEVERE}}}{WINDOW}))"
    said = "Incidents by the severity that they opened with."
    yield graph("Incidents opened", said, (expression, "{{severity}}"), span=12, stacked=True)
    expression = f'max by (severity, state) (receiver_incidents_open{{{SEVERE}, state!~"resolved|closed"}})'
    said = "How they stand. `open`: nobody has answered yet."
    yield graph("Incidents that are not over", said, (expression, "{{severity}} {{state}}"), span=12)


def times() -> Iterator[Any]:
    """Yield time to detect, acknowledge and resolve, against the targets."""
    words = {
        "detect": "From the beginning of the first alert to the incident.",
        "acknowledge": "From the incident to somebody's acknowledgement.",
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
            f"Time to {phase}, of its target", "1: just in time; above, too late.",
            (f"({mean}) / {target}", "{{severity}}"), steps((None, "green"), (0.8, "orange"), (1, "red")),
            unit="percentunit",
        )  # fmt: skip
    figures = f"max by (metric) (receiver_review_figure{{{HERE}}})"
    said = "The figures of the review, for this month: durations in seconds, shares from 0 to 1."
    yield bars("This month's figures", said, (figures, "{{metric}}"), steps((None, "blue")), unit="short", span=24)


def _mean(name: str) -> str:
    count = f"sum by (severity) (increase({name}_count{{{SEVERE}}}{SPAN}))"
    return f"sum by (severity) (increase({name}_sum{{{SEVERE}}}{SPAN})) / ({count} > 0)"


def people() -> Iterator[Any]:
    """Yield who was called, and who did not come."""
    expression = f"sum by (contact, severity) (increase(receiver_pages_total{{{SEVERE}}}{WINDOW})) > 0"
    yield graph("Pages", "Who was rung.", (expression, "{{severity}} {{contact}}"), stacked=True)
    expression = f"sum by (severity, step) (increase(receiver_escalations_total{{{SEVERE}}}{WINDOW}))"
    said = "Steps taken because nobody answered, or it lasted."
    yield graph("Escalations", said, (expression, "{{severity}} step {{step}}"), stacked=True)
    expression = f"sum by (severity) (increase(receiver_response_breaches_total{{{SEVERE}}}{WINDOW}))"
    said = "Pages that nobody acknowledged in time: the backup was called."
    yield graph("Breaches", said, (expression, "{{severity}}"), stacked=True)
