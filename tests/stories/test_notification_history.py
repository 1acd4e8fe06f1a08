"""Notifications are stored within limits, and new rules are tested on them."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.active_config_builder import build_active_config
from receiver.model.alert.alert import Notification, parse_notification
from receiver.pipeline.intake import notification_history
from receiver.pipeline.intake.notification_history import notification_document
from receiver.pipeline.whatif.dry_run import replay_history
from receiver.store.notification_history import HistoryList, packed, unpacked
from receiver.triage.rules.rules_file import RulesSettings
from tests.stories.world import ROOT, START, World, alert, notification, reference
from tests.triage.strategies import ALERTS, DOCUMENT

SAMPLES = sorted((ROOT / "tests" / "samples").glob("alertmanager-*.json"))


def written(said: Notification) -> bytes:
    return orjson.dumps(notification_document(said), option=orjson.OPT_UTC_Z)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_what_is_written_down_reads_as_the_same(file: Path) -> None:
    said = parse_notification(file.read_bytes())
    assert parse_notification(written(said)) == said


async def kept(world: World, since: datetime | None = None) -> list[dict[str, Any]]:
    """Return every stored notification, from all pages."""
    found: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        items, after = await world.one.history.page(since, after)
        found += items
    return found


async def test_what_is_new_is_kept_and_a_repetition_is_not(world: World) -> None:
    await world.open()
    body = notification(alert(annotations={"error_rate": "7.3%"}))
    await world.post(body)
    await world.post(body)
    await world.post(notification(alert("Watchdog"), group="watchdog"))
    world.clock.forward(timedelta(minutes=5))
    await world.post(notification(alert(firing=False)))
    found = await kept(world)
    assert [item["at"] for item in found] == ["2026-11-23T14:02:20.000Z", "2026-11-23T14:07:20.000Z"]
    assert parse_notification(json.dumps(found[0]["notification"]).encode()) == parse_notification(body)
    assert [item["at"] for item in await kept(world, START + timedelta(minutes=1))] == ["2026-11-23T14:07:20.000Z"]


async def test_age_and_size_have_an_end(world: World) -> None:
    await world.open()
    store = HistoryList(world.one.connection)
    texts = [packed([json.dumps({"n": n, "pad": "x" * 50}).encode()]) for n in range(40)]
    day = 86_400_000
    for n, text in enumerate(texts):
        await store.keep([(n * day, text)], n * day, 30 * day, 10**9)
    batches, more = await store.read(0)
    assert [json.loads(batch.lines)["n"] for batch in batches] == list(range(9, 40))
    assert not more
    await store.keep([(40 * day, texts[0])], 40 * day, 30 * day, 3 * max(map(len, texts)))
    batches, _ = await store.read(0)
    assert [json.loads(batch.lines)["n"] for batch in batches] == [38, 39, 0]
    assert int(await world.one.connection.client.get(store.size)) == sum(len(texts[n]) for n in (38, 39, 0))


async def test_a_page_is_small_and_the_next_goes_on(world: World) -> None:
    await world.open()
    store = HistoryList(world.one.connection)
    text = packed([b'{"n": 1}'])
    await store.keep([(1000, text)] * 120, 1000, 10**9, 10**9)
    seen, after, more = 0, "", True
    while more:
        batches, more = await store.read(0, after, 30 * len(text))
        assert len(batches) <= 31
        seen, after = seen + len(batches), batches[-1].place if batches else after
    assert seen == 120


async def test_a_store_that_is_away_loses_nothing_of_it(world: World) -> None:
    await world.open()
    await world.post(notification(alert()))
    good = world.one.history.store.connection
    other = World("redis://127.0.0.1:1/0")
    await other.site.start()
    replica = await other.replica()
    world.one.history.store = replica.history.store
    await world.one.history.flush()
    world.one.history.store = HistoryList(good)
    assert len(await kept(world)) == 1
    await other.close()


async def test_off_is_off(world: World) -> None:
    await world.open()
    config = world.one.config
    ingest = config.ingest.model_copy(
        update={"history": config.ingest.history.model_copy(update={"keep": timedelta()})}
    )
    world.one.apply(config.model_copy(update={"ingest": ingest}))
    await world.post(notification(alert()))
    assert await kept(world) == []


def test_lines_survive_their_packing() -> None:
    assert unpacked(packed([b"one", b"two"])) == b"one\ntwo"


def rules(**changed: Any) -> RulesSettings:
    """Return the reference rules with some of them changed by name."""
    made = [{**rule, **changed.get(rule["name"].replace("-", "_"), {})} for rule in DOCUMENT["rules"]]
    return RulesSettings.model_validate({**DOCUMENT, "rules": made})


def tried(came: list[tuple[datetime, Notification]], new: RulesSettings) -> dict[str, Any]:
    config = reference("http://127.0.0.1:1")
    return replay_history(
        came, build_active_config(config, {}), build_active_config(config.model_copy(update={"rules": new}), {})
    )


def came(*bodies: tuple[float, bytes]) -> list[tuple[datetime, Notification]]:
    return [(START + timedelta(minutes=minute), parse_notification(body)) for minute, body in bodies]


async def test_other_rules_are_tried_on_what_came(world: World) -> None:
    await world.open()
    await world.post(notification(alert(annotations={"error_rate": "7.3%"}), group="a"))
    await world.post(notification(alert("UiGlitch", labels={"category": "ui"}), group="b"))
    said = [
        (datetime.fromisoformat(item["at"]), parse_notification(json.dumps(item["notification"]).encode()))
        for item in await kept(world)
    ]
    setting, config = world.one.setting, world.one.config
    changed = config.model_copy(update={"rules": rules(high_error_rate={"severity": "SEV-1"})})
    found = replay_history(said, setting, build_active_config(changed, setting.channels))
    (one,) = found["changed"]
    assert (one["old"]["severity"], one["new"]["severity"]) == ("SEV-2", "SEV-1")
    assert one["new"]["reasons"] == ["error_rate 7.3% > 5%"]
    assert one["old"]["pages"] == ["alice"]
    assert one["paged_too"] == ["eng-lead"]
    assert found["pages"] == {"old": 1, "new": 2, "more": 1, "fewer": 0}
    assert (found["incidents"], found["notifications"]) == (2, 2)
    assert found["old_rules"] != found["new_rules"]


def test_a_rule_that_gave_way_is_counted() -> None:
    said = came((0, notification(alert(annotations={"error_rate": "7.3%"}, labels={"severity": "critical"}))))
    found = tried(said, rules(high_error_rate={"when": ["error_rate > 10%"]}))
    assert found["rules"] == {"high-error-rate": {"old": 1, "new": 0}, "otherwise": {"old": 0, "new": 1}}


def test_an_incident_ends_and_the_next_is_another() -> None:
    firing = notification(alert(annotations={"error_rate": "7.3%"}))
    again = notification(alert(annotations={"error_rate": "7.3%"}, starts="2026-11-23T20:00:00Z"))
    over = notification(alert(firing=False))
    worse = rules(high_error_rate={"severity": "SEV-1"})
    assert tried(came((0, firing), (10, over), (400, again)), worse)["incidents"] == 2
    # Fired again while it is monitored: the same incident.
    assert tried(came((0, firing), (10, over), (12, again)), worse)["incidents"] == 1


def test_what_was_held_counts_in_the_end() -> None:
    firing, over = notification(alert()), notification(alert(firing=False))
    found = tried(came((0, firing), (1, over), (1.5, firing), (90, over)), rules())
    assert (found["incidents"], found["changed"]) == (1, [])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ALERTS, st.integers(0, 3), st.integers(0, 40)), max_size=12))
def test_the_same_rules_never_differ(steps: list[tuple[Any, int, int]]) -> None:
    said, minute = [], 0
    for one, group, later in steps:
        minute += later
        body = alert(one.labels.get("alertname", "x"), firing=later % 3 > 0, annotations=dict(one.annotations))
        body["labels"] = dict(one.labels)
        body.pop("fingerprint")
        said.append((START + timedelta(minutes=minute), parse_notification(notification(body, group=str(group)))))
    found = tried(said, rules())
    assert found["changed"] == []
    assert found["pages"]["more"] == found["pages"]["fewer"] == 0


async def test_ended_in_the_middle_of_a_write_it_is_written_at_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    await world.post(notification(alert()))
    keep, begun = HistoryList.keep, asyncio.Event()

    async def slow(*given: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(HistoryList, "keep", slow)
    writing = asyncio.create_task(world.one.history.flush())
    await begun.wait()
    writing.cancel()
    monkeypatch.setattr(HistoryList, "keep", keep)
    assert len(await kept(world)) == 1


def test_a_receiver_of_any_name_reads_as_the_same() -> None:
    said = parse_notification(notification(alert(), receiver=r"a\\b\.c"))
    assert said.receiver == r"a\b.c"
    assert parse_notification(written(said)) == said


async def test_a_notification_that_cannot_be_written_is_dropped_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    await world.post(notification(alert(), group="good"))
    await world.post(notification(alert(), group="bad"))
    monkeypatch.setattr(
        notification_history,
        "notification_document",
        lambda said: notification_document(said) if "good" in said.group_key else {"n": 2**64},
    )
    await world.one.history.flush()
    monkeypatch.undo()
    await world.post(notification(alert(), group="good too"))
    assert len(await kept(world)) == 2
