"""The graph of an alert's expression in all outputs: with a table, and with labels as text."""

from __future__ import annotations

import pytest

from receiver.sources.http_client import SourceAnswer
from tests.stories.test_expression_graphs import PROMETHEUS, course, rules
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House
from tests.web.test_isolation import asked

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def drawn(house: House) -> House:
    world = house.world
    world.outside.answers = {
        f"{PROMETHEUS}rules": rules("api_errors > 0.05"),
        f"{PROMETHEUS}query_range": course(world, ({"pod": HOSTILE}, 0.12), ({"pod": "b"}, 0.01)),
    }
    await house.post(notification(alert()))
    await house.replica.expressions.run_once()
    return house


async def test_console_and_post_mortem_show_it_with_a_table(drawn: House) -> None:
    path = "/incidents/INC-2026-0001"
    for where, accept in (
        (path, "text/html"), (f"{path}/postmortem", "text/html"), (f"/api/v1{path}/postmortem", "text/html"),
    ):  # fmt: skip
        status, page, headers = await asked(drawn, "GET", where, {**READ, "Accept": accept})
        assert status == 200, where
        section = page[page.casefold().index(">alert expression<") :]
        assert section.index("<polyline") < section.index("<table"), where
        assert "<script>alert" not in page and "&lt;script&gt;" in section, where
        assert "unsafe-inline" not in headers["Content-Security-Policy"], where
    _, text, _ = await asked(drawn, "GET", f"/api/v1{path}/postmortem", {**READ, "Accept": "text/markdown"})
    assert "### Alert Expression" in text and "| 0.12 | 0.12 | 0.12 | 0.12 |" in text
    assert HOSTILE not in text
    _, log, _ = await asked(drawn, "GET", f"/api/v1{path}/timeline", {**READ, "Accept": "text/markdown"})
    assert "expression" not in log.casefold(), "the timeline omits it"


async def test_a_graph_that_was_hidden_is_gone(drawn: House) -> None:
    path = "/api/v1/incidents/INC-2026-0001"
    uid = await drawn.replica.incidents.uid_of("INC-2026-0001")
    assert uid is not None
    entry = (await drawn.replica.incidents.events(uid))[-1]
    assert (await asked(drawn, "PATCH", f"{path}/timeline/{entry.seq}", READ, {"hidden": True}))[0] == 200
    for where in ("/incidents/INC-2026-0001", f"{path}/postmortem"):
        _, page, _ = await asked(drawn, "GET", where, {**READ, "Accept": "text/html"})
        assert "<polyline" not in page, where


async def test_a_page_waits_for_no_prometheus(house: House) -> None:
    house.world.outside.answers = {PROMETHEUS: SourceAnswer(500, b"")}
    await house.post(notification(alert()))
    before = len(house.world.outside.asked)
    assert (await asked(house, "GET", "/incidents/INC-2026-0001", READ))[0] == 200
    assert len(house.world.outside.asked) == before
