"""The graph of an alert's expression, from Prometheus into the log, the console, the post-mortem and Slack's thread."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from receiver.channels.slack.picture_upload import trusted
from receiver.model.command import CorrectEntry, Resolve, SetVisibility
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.review.expression.graph import newest_graph
from receiver.sources.http_client import SourceAnswer
from receiver.sources.prometheus import RANGE_BYTES
from tests.stories.world import World, alert, notification

PROMETHEUS = "http://prometheus:9090/api/v1/"
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
ALICE = Actor(kind=ActorKind.API, name="alice")


def said(data: Any) -> SourceAnswer:
    return SourceAnswer(200, json.dumps({"status": "success", "data": data}).encode())


def rules(*queries: str, name: str = "HighErrorRate") -> SourceAnswer:
    return said({"groups": [{"rules": [{"name": name, "query": one, "labels": {}} for one in queries]}]})


def course(world: World, *rows: tuple[dict[str, str], float]) -> SourceAnswer:
    now = world.clock.now().timestamp()
    result = [{"metric": labels, "values": [[now - 120, str(value)], [now - 60, str(value)]]} for labels, value in rows]
    return said({"resultType": "matrix", "result": result})


class Asked:
    """The queries to Prometheus."""

    def __init__(self, world: World) -> None:
        self.seen: list[tuple[str, dict[str, str], int]] = []
        before = world.outside.get

        async def get(
            url: str, params: Any = None, limit: Any = None, headers: Any = None, most: int = 0
        ) -> SourceAnswer:
            self.seen.append((url, dict(params or {}), most))
            return await before(url, params)

        world.outside.get = get  # type: ignore[method-assign]

    @property
    def queries(self) -> list[str]:
        return [params["query"] for url, params, _ in self.seen if url.endswith("query_range")]


@pytest.fixture
async def asked(world: World) -> Asked:
    await world.open()
    world.outside.answers = {
        f"{PROMETHEUS}rules": rules("api_errors / api_all > 0.05"),
        f"{PROMETHEUS}query_range": course(world, ({"service": "api"}, 0.12)),
    }
    return Asked(world)


async def look(world: World, png: bytes | None = PNG) -> list[Event]:
    """Let the replica query and show graphs, and return the log of the newest incident."""

    async def draw(graph: Any) -> bytes | None:
        return png

    world.one.expressions.pictures.charts.draw = draw  # type: ignore[method-assign]
    await world.one.expressions.run_once()
    await world.quiet()
    return await world.one.incidents.events((await world.incidents())[0].uid)


def graphs(log: list[Event]) -> list[Event]:
    return [event for event in log if event.kind is Kind.EXPRESSION_READ]


async def test_the_expression_is_drawn_when_it_opens_and_when_it_ends(world: World, asked: Asked) -> None:
    await world.post(notification(alert()))
    log = await look(world)
    (first,) = graphs(log)
    graph = newest_graph(log)
    assert graph is not None and (graph.query, graph.limit) == ("api_errors / api_all", "> 0.05")
    assert "from 0.12 to 0.12, last 0.12" in first.text and first.to == ()
    assert asked.queries == ["api_errors / api_all"]
    ((_, params, most),) = [one for one in asked.seen if one[0].endswith("query_range")]
    assert float(params["end"]) - float(params["start"]) == 3600 and most == RANGE_BYTES
    (file,) = world.slack.files.values()
    (message,) = world.slack.parents
    assert file["shared"] == [(message["channel"], message["ts"])] and file["bytes"] == PNG
    assert file["filename"] == "INC-2026-0001-expression.png"
    assert "0.12" in file["alt_txt"] and file["title"].startswith("HighErrorRate: ")
    await world.forward("20m")
    await world.post(notification(alert(firing=False)))
    await world.forward("30m")
    assert len(graphs(await look(world))) == 2
    assert len(world.slack.files) == 2


async def test_only_the_configured_prometheus_is_asked_and_only_for_its_own_rules(world: World, asked: Asked) -> None:
    world.outside.answers[f"{PROMETHEUS}rules"] = rules("x > 1", "y > 1")
    hostile = {**alert(), "generatorURL": "http://attacker.example/graph?g0.expr=secret_metric"}
    await world.post(notification(hostile))
    assert graphs(await look(world)) == []
    assert asked.queries == [], "it is ambiguous, and the text of an alert is never a query"
    assert f"{PROMETHEUS}rules" in {url for url, _, _ in asked.seen}
    assert not any("attacker" in url or "secret_metric" in str(params) for url, params, _ in asked.seen)


async def test_too_many_series_are_asked_for_those_beyond_the_threshold(world: World, asked: Asked) -> None:
    world.outside.answers[f"{PROMETHEUS}query_range"] = SourceAnswer(200, b"too large to be read, so cut off")
    await world.post(notification(alert()))
    assert graphs(await look(world)) == []
    assert asked.queries == ["api_errors / api_all", "api_errors / api_all > 0.05"]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"rules": SourceAnswer(500, b"x")},
        {"rules": SourceAnswer(200, b'{"status": "success", "data": 3}')},
        {"rules": rules("up == 0"), "query_range": SourceAnswer(422, b'{"status": "error"}')},
        {"rules": rules("up == 0"), "query_range": said({"result": [{"metric": {}, "values": [["x"]]}]})},
        {"rules": rules("up == 0"), "query_range": said({"result": []})},
        {"rules": rules("up == 0"), "query_range": said({"result": [{"metric": {}, "values": [[1, "NaN"]]}]})},
        {"rules": rules("up == 0"), "query_range": said({"result": [{"metric": {}, "values": [["Infinity", "1"]]}]})},
        {"rules": rules(name="Another")},
    ],
)
async def test_without_an_answer_there_is_no_graph_and_nothing_else(
    world: World, asked: Asked, answers: dict[str, SourceAnswer]
) -> None:
    world.outside.answers = {f"{PROMETHEUS}{name}": answer for name, answer in answers.items()}
    await world.post(notification(alert()))
    assert graphs(await look(world)) == []
    assert len(world.slack.parents) == 1, "the message was still sent"
    assert world.slack.files == {}
    await world.one.expressions.run_once()
    assert len(asked.queries) <= 2, "it is not queried repeatedly"


async def test_a_private_incident_has_its_graph_in_the_log_and_in_no_chat(world: World, asked: Asked) -> None:
    await world.post(notification(alert()))
    await world.one.respond.act("INC-2026-0001", SetVisibility(visibility="team"), ALICE, world.clock.now())
    assert len(graphs(await look(world))) == 1
    assert world.slack.files == {}


async def test_without_the_library_and_without_the_scope_the_message_stands(world: World, asked: Asked) -> None:
    world.slack.refused["files.completeUploadExternal"] = "missing_scope"
    await world.post(notification(alert()))
    assert len(graphs(await look(world))) == 1
    assert [file["shared"] for file in world.slack.files.values()] == [[]]
    await world.post(notification(alert("Other", starts="2026-11-23T14:02:00Z"), group="other"))
    world.outside.answers[f"{PROMETHEUS}rules"] = rules("up == 0", name="Other")
    assert len(graphs(await look(world, png=None))) == 1
    assert len(world.slack.files) == 1 and len(world.slack.parents) == 2


async def test_bytes_go_to_slack_and_to_nobody_that_an_answer_names(world: World, asked: Asked) -> None:
    world.slack.uploads_at = "http://127.0.0.1:1/upload"
    await world.post(notification(alert()))
    await look(world)
    assert [file["bytes"] for file in world.slack.files.values()] == [b""]
    real = "https://slack.com/api"
    assert trusted("https://files.slack.com/upload/v1/abc", real)
    for wrong in (
        "http://files.slack.com/upload", "https://files.slack.com.evil.example/x", "https://evilslack.com/x",
        "https://files.slack.com:8443/x", "https://user@evil.example/files.slack.com", "https://[", "file:///etc/passwd",
    ):  # fmt: skip
        assert not trusted(wrong, real), wrong
    assert not trusted("https://files.slack.com/x", "http://127.0.0.1:9000/api"), "a stand-in has its own"


async def test_one_that_flaps_is_not_drawn_for_ever(world: World, asked: Asked) -> None:
    await world.post(notification(alert()))
    uid = (await world.incidents())[0].uid
    for _ in range(9):
        world.one.expressions._changed.append(uid)
        log = await look(world, png=None)
    assert len(graphs(log)) == 6


async def test_who_looks_at_an_open_incident_later_gets_a_newer_graph(world: World, asked: Asked) -> None:
    await world.post(notification(alert()))
    logged = newest_graph(await look(world))
    (incident,) = await world.incidents()
    graphs_of, count = world.one.expressions, len(asked.queries)
    assert graphs_of.newest(incident, logged, world.clock.now()) is logged
    await world.forward("10m")
    world.outside.answers[f"{PROMETHEUS}query_range"] = course(world, ({"service": "api"}, 0.5))
    for _ in range(3):
        assert graphs_of.newest(incident, logged, world.clock.now()) is logged, "nothing waits for it"
    await graphs_of.run_once()
    assert len(asked.queries) == count + 1, "queried once for all viewers"
    newer = graphs_of.newest(incident, logged, world.clock.now())
    assert newer is not None and newer.series[0].known[-1] == 0.5
    assert graphs_of.newest(incident, None, world.clock.now()) is None, "hidden, or never available"
    assert len(graphs(await look(world))) == 1, "the log has the graph from the opening"


async def test_a_graph_that_was_hidden_does_not_come_back_when_it_ends(world: World, asked: Asked) -> None:
    await world.post(notification(alert()))
    (first,) = graphs(await look(world))
    hide = CorrectEntry(seq=first.seq, hidden=True)
    await world.one.respond.act("INC-2026-0001", hide, ALICE, world.clock.now())
    before = list(asked.queries)
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    assert graphs(await look(world)) == [first]
    assert (asked.queries, len(world.slack.files)) == (before, 1), "it is not queried, and chat shows no other"


async def test_a_graph_that_is_hidden_before_chat_has_it_is_not_shown_there(world: World, asked: Asked) -> None:
    world.slack.refused["chat.postMessage"] = "service_unavailable"
    await world.post(notification(alert()))
    (first,) = graphs(await look(world))
    hide = CorrectEntry(seq=first.seq, hidden=True)
    await world.one.respond.act("INC-2026-0001", hide, ALICE, world.clock.now())
    del world.slack.refused["chat.postMessage"]
    await world.forward("30s")
    assert len(world.slack.parents) == 1
    await look(world)
    assert world.slack.files == {}


async def test_each_incident_that_waits_has_a_time_of_its_own(world: World, asked: Asked) -> None:
    """Prometheus may take seconds for each."""
    await world.post(notification(alert()))
    await world.post(notification(alert(labels={"service": "shop"}), group="other"))
    before = world.outside.get

    async def slow(*given: Any, **more: Any) -> SourceAnswer:
        world.clock.forward(timedelta(seconds=4))
        return await before(*given, **more)

    world.outside.get = slow  # type: ignore[method-assign]
    began = world.clock.now()
    await look(world)
    logs = [graphs(await world.one.incidents.events(one.uid)) for one in await world.incidents()]
    assert sorted(event.at - began for log in logs for event in log) == [timedelta(seconds=8), timedelta(seconds=16)]
