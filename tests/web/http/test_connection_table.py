"""Which connection is closed to make room for another one, their limits, and the peer behind a proxy."""

from __future__ import annotations

import resource

import pytest
from aiohttp.test_utils import make_mocked_request

from receiver.web.http.client_address import client_of, peer_of
from receiver.web.http.connection_table import ConnectionState, ConnectionTable
from receiver.web.http.file_descriptors import BACKLOG, KEPT, KEPT_AT_MOST, MOST, STREAMS, Caps, caps_for


def table(listener: int = 4, peer: int = 2) -> ConnectionTable[str]:
    return ConnectionTable(Caps(listener, peer, 1))


def test_the_oldest_idle_one_of_the_peer_with_most_ends_first() -> None:
    made = table()
    for item, peer in (("a1", "a"), ("b1", "b"), ("b2", "b"), ("c1", "c")):
        assert made.add(item, peer) is None
    made.move("b1", ConnectionState.STRANGER_BUSY)
    made.move("b1", ConnectionState.STRANGER_IDLE)  # it was used most recently
    assert made.add("c2", "c") == "b2"
    assert len(made) == 4


def test_a_busy_stranger_ends_before_whoever_has_a_token() -> None:
    made = table()
    for item, standing in (
        ("stranger", ConnectionState.STRANGER_BUSY), ("caller", ConnectionState.CALLER_IDLE),
        ("sender", ConnectionState.SENDER_IDLE),
        ("busy", ConnectionState.SENDER_BUSY),
    ):  # fmt: skip
        made.add(item, item)
        made.move(item, standing)
    victims = []
    for number in range(4):
        victims.append(made.add(f"new{number}", "new"))
        made.move(f"new{number}", ConnectionState.CALLER_BUSY)
    assert victims == ["stranger", "caller", "sender", "new3"], "ingest last, and none with an active request"


def test_many_connections_with_a_token_are_no_reason_to_end_the_newest_of_that_peer() -> None:
    made = table(listener=6)
    for number in range(3):
        made.add(f"am{number}", "alertmanager")
        made.move(f"am{number}", ConnectionState.SENDER_IDLE)
    made.add("am new", "alertmanager")
    made.add("x1", "stranger")
    made.add("x2", "stranger")
    assert made.add("x3", "stranger") == "x1"


def test_a_peer_above_its_cap_gives_up_its_oldest_idle_ones() -> None:
    made = table(listener=100)
    for number in range(5):
        made.add(f"x{number}", "x")
    made.move("x0", ConnectionState.STRANGER_BUSY)
    made.move("x1", ConnectionState.SENDER_IDLE)
    assert made.crowded("x")
    assert made.excess("x") == ["x2", "x3"]
    assert not made.crowded("x")
    for number in range(5):
        made.add(f"proxy{number}", "proxy", capped=False)
    assert made.excess("proxy") == [], "a trusted proxy has many clients"


def test_what_has_ended_is_forgotten() -> None:
    made = table()
    made.add("a", "x")
    made.remove("a")
    made.remove("a")
    made.move("a", ConnectionState.CALLER_IDLE)
    assert len(made) == 0
    assert made.excess("x") == []


def test_an_event_stream_takes_the_place_of_no_other_connection() -> None:
    made = table(listener=2)
    for item in "abc":
        made.add(item, "x")
        made.move(item, ConnectionState.STREAMING)
    assert made.streams == 3
    assert made.add("d", "y") is None
    made.move("d", ConnectionState.SENDER_BUSY)
    assert made.add("e", "z") is None
    made.move("a", ConnectionState.CALLER_IDLE)
    made.remove("b")
    assert (made.streams, len(made)) == (1, 4)
    assert made.add("f", "z") == "e", "a stream is never ended for another connection"


@pytest.mark.parametrize(("limit", "listeners"), [(128, 1), (256, 2), (1024, 1), (1024, 2), (20_000, 2)])
def test_descriptors_are_kept_for_pages_and_the_store(limit: int, listeners: int) -> None:
    caps = caps_for(limit, listeners)
    left = limit - listeners * caps.listener - caps.streams
    assert left >= min(KEPT, limit // 2)
    assert 1 <= caps.peer <= caps.listener <= MOST
    assert listeners * caps.backlog <= left, "new connections fit before the others are closed"


def test_without_a_limit_there_are_caps_all_the_same() -> None:
    assert caps_for(resource.RLIM_INFINITY, 2) == Caps(MOST, MOST // 4, KEPT_AT_MOST // 4, STREAMS)
    assert caps_for(10**9, 1).backlog == BACKLOG


@pytest.mark.parametrize(
    ("remote", "forwarded", "client"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # not a trusted proxy: the header is ignored
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.7, 10.0.0.2", "198.51.100.7"),  # the first from the right that is not a proxy
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_client_behind_a_trusted_proxy(remote: str, forwarded: str | None, client: str) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=remote)
    assert client_of(request, ("10.0.0.0/8",)) == client


def test_a_peer_is_an_address_or_the_network_of_a_subscriber() -> None:
    assert peer_of("2001:db8::1") == peer_of("2001:db8::ffff") != peer_of("2001:db8:0:1::1")
    assert (peer_of("192.0.2.1"), peer_of("::ffff:192.0.2.1"), peer_of("")) == ("192.0.2.1", "192.0.2.1", "")
