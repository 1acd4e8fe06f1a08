"""Queried measurements: the incident opens with the known data, and a raised severity follows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from receiver.config import Config
from receiver.sources.http_client import SourceAnswer
from receiver.triage.rules.rules_file import RulesSettings
from tests.stories.world import World, alert, notification

PROMETHEUS = "http://prometheus:9090/api/v1/query"
QUERY = 'sum(rate(errors_total{service="{{ service }}"}[5m])) / sum(rate(all_total{service="{{ service }}"}[5m]))'


def rate(*values: str) -> SourceAnswer:
    series = [{"metric": {"n": str(number)}, "value": [1, value]} for number, value in enumerate(values)]
    return SourceAnswer(
        200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()
    )


def asking(config: Config) -> Config:
    content = config.rules.model_dump(mode="json", by_alias=True)
    content["measurements"]["error_rate"]["promql"] = QUERY
    return config.model_copy(update={"rules": RulesSettings.model_validate(content)})


@pytest.fixture
async def asked(world: World) -> World:
    await world.open()
    world.one.apply(asking(world.one.config))
    return world


async def last(world: World) -> tuple[str, str, list[str]]:
    (incident,) = await world.incidents()
    log = await world.one.incidents.events(incident.uid)
    return incident.severity, incident.decision.rule, [event.reason for event in log]


async def test_what_is_measured_raises_it_and_pages(asked: World) -> None:
    asked.outside.answers = {PROMETHEUS: rate("0.12")}
    answer = await asked.post(notification(alert("Slow")))
    assert answer.foremost.severity == "SEV-3", "the webhook is answered with the known data"
    severity, rule, reasons = await last(asked)
    assert (severity, rule) == ("SEV-2", "high-error-rate")
    assert "measured" in reasons
    assert asked.rung() == ["alice"]
    (incident,) = await asked.incidents()
    assert "error_rate 12% > 5%" in incident.decision.reasons


async def test_the_query_is_about_the_alerts_service(asked: World) -> None:
    seen: list[str] = []
    ask = asked.outside.get

    async def get(url: str, params: Any = None, limit: float | None = None) -> SourceAnswer:
        seen.append((params or {}).get("query", ""))
        return await ask(url, params, limit)

    asked.outside.get = get  # type: ignore[method-assign]
    asked.outside.answers = {PROMETHEUS: rate("0.01")}
    await asked.post(notification(alert("Slow", labels={"service": 'x"} or vector(1) #'})))
    assert seen == [QUERY.replace("{{ service }}", r"x\"} or vector(1) #")]
    assert (await last(asked))[0] == "SEV-3"


@pytest.mark.parametrize(
    ("said", "why"),
    [(rate(), "returned no value"), (rate("NaN"), "returned no value"), (rate("+Inf"), "infinity"),
     (rate("7"), "above 1"), (rate("-1"), "negative"), (SourceAnswer(500, b"x"), "other than JSON"),
     (SourceAnswer(400, b'{"status":"error"}'), "returned 400"),
     (None, "nobody answers")],
)  # fmt: skip
async def test_a_query_that_fails_is_said_once_and_changes_nothing(
    asked: World, said: SourceAnswer | None, why: str
) -> None:
    asked.outside.answers = {PROMETHEUS: said} if said else {}
    await asked.post(notification(alert("Slow")))
    await asked.forward("5m")
    (incident,) = await asked.incidents()
    log = await asked.one.incidents.events(incident.uid)
    failed = [event.text for event in log if event.reason == "query_failed"]
    assert len(failed) == 1
    assert why in failed[0]
    assert incident.severity == "SEV-3"
    assert (asked.one.metrics.registry.get_sample_value("receiver_severity_unknowns_total", {"kind": "query"}) or 0) > 0


async def test_of_several_series_the_worst_counts(asked: World) -> None:
    asked.outside.answers = {PROMETHEUS: rate("0.01", "0.3", "0.02")}
    await asked.post(notification(alert("Slow")))
    assert (await last(asked))[0] == "SEV-2"


async def test_what_gets_worse_later_raises_it_then(asked: World) -> None:
    asked.outside.answers = {PROMETHEUS: rate("0.01")}
    await asked.post(notification(alert("Slow")))
    await asked.forward("3m")
    assert asked.rung() == []
    asked.outside.answers = {PROMETHEUS: rate("0.2")}
    await asked.forward("2m")
    assert (await last(asked))[0] == "SEV-2"
    asked.outside.answers = {PROMETHEUS: rate("0.001")}
    await asked.forward("5m")
    assert (await last(asked))[0] == "SEV-2", "a measurement lowers nothing"
    assert asked.rung() == ["alice"]


async def test_an_alert_that_says_it_itself_is_not_asked_about(asked: World) -> None:
    asked.outside.answers = {PROMETHEUS: rate("0.9")}
    await asked.post(notification(alert(annotations={"error_rate": "7%"})))
    await asked.forward("2m")
    assert PROMETHEUS not in asked.outside.asked


async def test_one_question_for_many_alerts_and_incidents(asked: World) -> None:
    asked.outside.answers = {PROMETHEUS: rate("0.01")}
    for number in range(5):
        await asked.post(notification(alert("Slow", labels={"n": str(number)}), group=f"g{number}"))
    assert asked.outside.asked.count(PROMETHEUS) == 1
