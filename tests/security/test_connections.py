"""V2 and V3: strangers cannot exhaust the connections of either listener, or those for outgoing pages."""

from __future__ import annotations

import resource
from pathlib import Path

import aiohttp
import pytest

from tests.faults.waiting import until
from tests.security.attacks import HALF_A_HEAD, connected, is_open, pipelined
from tests.security.target import INGEST, Callers, Target
from tests.stories.world import alert, notification


@pytest.mark.parametrize("listener", ["main", "status"])
async def test_eleven_hundred_half_open_connections_lock_nobody_out(target: Target, listener: str) -> None:
    port = target.port if listener == "main" else target.status_port
    async with connected(port, 1100, HALF_A_HEAD) as sockets:
        await Callers(target).watch(3)
        pages = target.pager.rung
        # An outgoing page needs a descriptor as well.
        await target.post_webhook(notification(alert("ApiDown", labels={"severity": "critical"}), group="in the flood"))
        await until(lambda: target.pager.rung > pages, "a page sent during the flood", 10)
        held = sum(is_open(one) for one in sockets)
    assert held < 600, "strangers hold more connections than one peer may"


async def test_a_sender_with_a_token_keeps_its_connection(target: Target) -> None:
    headers = {"Authorization": f"Bearer {INGEST}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as client:

        async def post(name: str) -> aiohttp.ClientResponse:
            body = notification(alert(name), group=name)
            async with client.post(f"{target.url}/webhooks/alertmanager", data=body) as answer:
                await answer.read()
                return answer

        await post("before")
        (connection,) = {one for pool in client.connector._conns.values() for one, _ in pool}  # type: ignore[union-attr]
        async with connected(target.port, 1100, HALF_A_HEAD):
            await Callers(target).watch(0.1)
            assert connection.is_connected(), "the flood has evicted a sender with a valid token"
            assert (await post("within")).status == 200


@pytest.mark.parametrize(("proxies", "capped"), [([], True), (["127.0.0.0/8"], False)])
async def test_one_peer_is_capped_and_a_trusted_proxy_is_not(tmp_path: Path, proxies: list[str], capped: bool) -> None:
    target = Target(tmp_path)
    try:
        await target.open(server={"trusted_proxies": proxies})
        async with connected(target.port, 250, HALF_A_HEAD):
            if capped:
                await until(lambda: target.connections <= 96, "the cap of one peer, a quarter of the listener's 384")
            await Callers(target).watch(1)
            assert capped == (target.connections < 200)
    finally:
        await target.close()


async def test_the_soft_limit_of_descriptors_is_raised(tmp_path: Path) -> None:
    target = Target(tmp_path, hard=4096)
    try:
        await target.open()
        soft, hard = resource.prlimit(target.service.pid, resource.RLIMIT_NOFILE)
        assert (soft, hard) == (4096, 4096)
    finally:
        await target.close()


async def test_an_answer_that_is_not_read_ends_its_connection(target: Target) -> None:
    # 37 KB each: the kernel buffers some megabytes, regardless of the reader's window.
    async with connected(target.port, 20, pipelined("/api/docs", 200), window=2048):
        await until(lambda: target.connections >= 20, "every connection taken")
        await Callers(target).watch(2)
        await until(lambda: target.connections == 0, "the connections that are not read to be closed", 20)
