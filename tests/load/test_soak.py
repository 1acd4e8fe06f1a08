"""The soak test reports values that grow, and knows which keys of the store may not."""

from __future__ import annotations

import os
import socket

import pytest
from redis.asyncio import Redis

from bench.descriptors import descriptors, held_by_peers
from bench.soak import Sample, slope, verdict
from bench.store_keys import read_keys

STEADY = {
    "rss_mib": 150.0, "fds": 40.0, "keys_each": 8.5, "singles": 12.0, "open": 70.0, "keys": 1000.0, "beat_age": 0.2,
    "each:row": 0.1, "fds_out": 4.0,
}  # fmt: skip


def samples(**rise: float) -> list[Sample]:
    """Return an hour of samples with noise, in which the named values rise by these amounts."""
    made = []
    for at in range(0, 3601, 30):
        noise = at % 60 / 30 * 0.02
        values = {name: value + rise.get(name, 0.0) * at / 3600 + noise for name, value in STEADY.items()}
        made.append(Sample(at, values | {"ended": 0.0}))
    return made


def test_what_is_flat_is_said_to_be() -> None:
    assert verdict(samples()) == []


@pytest.mark.parametrize(
    ("name", "rise", "limit_kept"),
    [
        ("rss_mib", 40, 4),
        ("fds", 30, 3),
        ("fds_out", 30, 3),
        ("keys_each", 1, 0.01),
        ("singles", 30, 1),
        ("open", 300, 15),
        ("each:row", 1, 0.01),
    ],
)
def test_what_rises_is_not_flat(name: str, rise: float, limit_kept: float) -> None:
    found = verdict(samples(**{name: rise}))
    assert [text.partition(" ")[0] for text in found] == [name]
    assert verdict(samples(**{name: limit_kept})) == []


def test_history_may_grow() -> None:
    assert verdict(samples(keys=1_000_000)) == []


def test_a_task_that_ended_and_a_loop_that_stands_still_are_said() -> None:
    made = samples()
    made[-1].values |= {"ended": 1.0, "beat_age": 60.0}
    found = verdict(made)
    assert found[0] == "1 supervised tasks ended"
    assert "1 of 121 times" in found[1]


def test_a_slope_is_that_of_the_line() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == pytest.approx(2.0)
    assert slope([(1.0, 5.0)]) == 0.0


async def test_keys_are_told_apart_by_what_they_may_do(store_url: str) -> None:
    client = Redis.from_url(store_url)
    try:
        for uid in ("u1", "u2"):
            for kind in ("inc", "log", "alerts", "bodies"):
                await client.set(f"{{r}}:{kind}:{uid}", "1")
            await client.zadd("{r}:index", {uid: 1})
        await client.zadd("{r}:open", {"u1": 1})
        await client.hset("{r}:owner", mapping={"f1": "u1", "f2": "u1"})
        await client.zadd("{r}:due:timer", {"u1 escalate": 1, "sys archive": 1})
        await client.hset("{r}:children:u9", mapping={"u1": 2})
        await client.set("{r}:op:1", "x")
        await client.set("{r}:commits", "2")
        await client.set("{r}:replica:a", "1")
        await client.set("{r}:replica:b", "1")
        found = await read_keys(client, "r")
    finally:
        await client.aclose()
    assert (found.total, found.incidents, found.each) == (17, 2, 4.0)
    assert found.flat == {
        "open": 1, "owner": 2, "held": 0, "dead": 0, "due:timer": 2, "children": 1, "quotas": 0,
    }  # fmt: skip
    assert (found.each_kind["inc"], found.each_kind["row"]) == (1.0, 0.0)
    assert found.single_kinds == {"index", "open", "owner", "commits", "replica"}
    assert found.singles == 6, "index, open, owner, commits, and two replicas"


def test_descriptors_are_told_apart_by_where_they_lead() -> None:
    before = descriptors(os.getpid(), 0)
    pair = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), listener.accept()[0], pair[0], pair[1]:
            found = descriptors(os.getpid(), port)
            found.subtract(before)
            assert found == {"in": 1, "out": 1, "store": 2, "other": 1}, "a unix socket belongs to the store"
            assert held_by_peers(os.getpid(), port) == 1
