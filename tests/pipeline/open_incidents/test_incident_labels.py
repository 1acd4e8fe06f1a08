"""Filters by label: valid matchers, errors in invalid ones, and the incidents that match."""

from __future__ import annotations

import asyncio
import re

import pytest

from receiver.pipeline.open_incidents.incident_labels import (
    LONGEST,
    label_matcher,
    labels_hold,
    labels_match,
    read_label_filter,
)
from receiver.store import cooperative_loop
from receiver.store.incidents.incident_labels import labels_in
from tests.stories.world import World, alert, notification

EU, US = {"zone": "eu-1", "env": "prod"}, {"zone": "us-1"}


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("zone=eu-1", [EU]), ('zone="eu-1"', [EU]), ("zone!=eu-1", [US]), ('zone=~"eu.*"', [EU]), ("zone=~eu", []),
        ('zone!~"eu.*"', [US]), ('zone=~".*", env="prod"', [EU]), ('{zone=~".*", env!="prod"}', [US]),
        ("env=", [US]), ("env!=prod", [US]), ("zone=~eu-1|us-1", [EU, US]), ('"zone"="us-1"', [US]),
        ("zone=a,b", []),
    ],
)  # fmt: skip
def test_matchers_are_those_of_alertmanager(text: str, keeps: list[dict[str, str]]) -> None:
    wanted = read_label_filter([text])
    assert [one for one in (EU, US) if labels_match(wanted, one)] == keeps


def test_all_of_several_must_hold() -> None:
    assert not labels_match(read_label_filter(["zone=eu-1", "env!=prod"]), EU)
    assert labels_match(read_label_filter([]), EU)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["zone"], "no operator"), ([""], "empty matcher"), (["zone==eu"], "equality is written with one ="),
        (["zone=~(eu"], "not a valid RE2"), (["zone=~(?=eu)"], "no look-around"), (["=eu"], "not a matcher"),
        ([f"zone=~{'a' * 1025}"], "1024"), (["zone=" + "a" * LONGEST], "characters"), (["a=b"] * 11, "at most 10"),
        (['zone=~"(((a{100}){100}){100})"'], "not a valid RE2"),
        ([r'zone=~"x1|(\pL|\pN|\pS){300}"'], "too complex"), (['zone=~"(.?){900}"'], "too complex"),
        (["a=" + "b" * 300] * 9, "the matchers together: 2718 characters"), (["a=b" + ",a=b" * 10], "at most 10"),
    ],
)  # fmt: skip
def test_a_wrong_matcher_says_what_would_be_right(texts: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        read_label_filter(texts)


@pytest.mark.parametrize(
    ("name", "value"),
    [("zone", "eu-1"), ("zone", ""), ("zone", 'a "b" \\ c'), ("zone", "a\nb"), ("app.kubernetes.io/name", "x=y,{z}")],
)
def test_a_link_of_a_label_finds_it_again(name: str, value: str) -> None:
    text = label_matcher(name, value)
    assert text is not None
    (matcher,) = read_label_filter([text])
    assert (matcher.name, matcher.operator.value, matcher.value) == (name, "=", value)
    assert label_matcher(name, "x" * 10_000) is None


@pytest.mark.parametrize("state", ["{", "[]", "{}", '{"labels": 3}', '{"labels": {"a": 1}}'])
def test_a_snapshot_of_a_later_version_has_no_labels(state: str) -> None:
    assert labels_in(state) == {}


async def test_patterns_that_take_long_let_other_tasks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    monkeypatch.setattr(cooperative_loop, "LONGEST_STEP", -1)
    asyncio.get_running_loop().call_soon(ran.append, 1)
    assert await labels_hold(read_label_filter(["zone=~eu.*"]), EU, cooperative_loop.TimedSteps())
    assert ran == [1]


async def test_labels_are_read_once_for_each_version(world: World) -> None:
    one = (await world.open()).one
    await world.post(notification(alert(labels=EU)))
    labels, (summary,) = one.work.follower.labels, one.incident_cache.open()
    wanted = read_label_filter(["zone=~eu.*"])
    assert await labels.matching([summary], wanted) == [summary]
    await one.connection.call("HSET", one.incidents.keys.incident(summary.uid), "state", "{}")
    assert await labels.matching([summary], wanted) == [summary], "known"
    assert await labels.matching([summary._replace(version=summary.version + 1)], wanted) == []
