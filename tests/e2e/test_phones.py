"""A page on a phone is sent, answered and cleared; the service and the ntfy server are separate processes."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml
from aiontfy import Event, Message, Notification, Ntfy

from tests.fakes.ntfy import TOKEN
from tests.faults.programs import Program, free_port
from tests.faults.waiting import until
from tests.stories.world import ROOT, alert, notification

pytestmark = pytest.mark.e2e
SERVE = "from receiver.cli import main; main()"
TOPIC = "ann-7f3k9qxw2m4d8r"
HEADERS = {"Authorization": "Bearer token-of-the-end-to-end-tests", "Content-Type": "application/json"}


class Phone:
    """Follows a topic like the app, over a WebSocket."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.heard: list[dict[str, Any]] = []

    async def follow(self) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.ws_connect(f"{self.server}/{TOPIC}/ws") as socket,
        ):
            async for message in socket:
                self.heard.append(orjson.loads(message.data))

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.heard if one["event"] == kind]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    """The fake ntfy server in a separate process."""
    port = tmp_path / "port"
    program = Program([sys.executable, "-m", "tests.fakes.ntfy", "--port-file", str(port)], tmp_path / "ntfy.log")
    program.spawn()
    try:
        await until(port.exists, "a port")
        yield f"http://127.0.0.1:{port.read_text('ascii')}"
    finally:
        program.end()


@pytest.fixture
async def service(tmp_path: Path, server: str) -> AsyncIterator[str]:
    """The service with an embedded store, which pages Ann on her phone."""
    shutil.copy(ROOT / "config" / "severity-rules.yaml", tmp_path)
    url = f"http://127.0.0.1:{free_port()}"
    content = {
        "redis": {"data_dir": str(tmp_path / "data")},
        "auth": {"tokens": [{"name": "am", "token": HEADERS["Authorization"][7:], "scopes": ["ingest", "read"]}]},
        "channels": {"push": {"kind": "ntfy", "url": server, "token": TOKEN}},
        "people": {"ann": {"name": "Ann", "push": TOPIC, "page_by": [{"after": "0s", "by": "push"}]}},
        "contacts": {"on-call": {"person": "ann"}},
        "severities": {f"SEV-{n}": {"page": ["on-call"]} for n in (1, 2, 3, 4)},
    }
    (tmp_path / "receiver.yaml").write_text(yaml.safe_dump(content), "utf-8")
    arguments = ["serve", "--config", str(tmp_path / "receiver.yaml"), "--listen", url.removeprefix("http://")]
    program = Program([sys.executable, "-c", SERVE, *arguments], tmp_path / "service.log")
    program.spawn()

    async def ready() -> bool:
        assert program.alive, (tmp_path / "service.log").read_text("utf-8")
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    try:
        await until(ready, "a service that is ready", 90)
        yield url
    finally:
        program.end()


async def test_sent_received_answered_and_cleared(service: str, server: str) -> None:
    phone = Phone(server)
    following = asyncio.create_task(phone.follow())
    try:
        await until(lambda: bool(phone.events("open")), "the topic has a subscriber")
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            async with session.post(f"{service}/webhooks/alertmanager", data=notification(alert())) as answer:
                number = (await answer.json())["incident"]
            await until(lambda: bool(phone.events("message")), "the page")
            (page,) = phone.events("message")
            button = page["actions"][0]
            async with aiohttp.ClientSession() as outside, outside.post(button["url"], data=button["body"]) as taken:
                assert taken.status == 200

            async def acknowledged() -> bool:
                async with session.get(f"{service}/api/v1/incidents/{number}") as shown:
                    return bool((await shown.json())["state"] == "acknowledged")

            await until(acknowledged, "the answer is received")
        await until(lambda: bool(phone.events("message_clear")), "the page is cleared")
        assert phone.events("message_clear")[0]["sequence_id"] == page["sequence_id"]
        assert len(phone.events("message")) == 1
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_aiontfy_follows_the_topic_and_publishes_the_answer(service: str, server: str) -> None:
    heard: list[Notification] = []
    async with aiohttp.ClientSession() as own:
        phone = Ntfy(server, own, token=TOKEN)
        following = asyncio.create_task(phone.subscribe([TOPIC], heard.append))
        try:
            await until(lambda: any(one.event is Event.OPEN for one in heard), "the topic has a subscriber")
            async with aiohttp.ClientSession(headers=HEADERS) as session:
                async with session.post(f"{service}/webhooks/alertmanager", data=notification(alert())) as answer:
                    number = (await answer.json())["incident"]
                await until(lambda: any(one.event is Event.MESSAGE for one in heard), "the page")
                (page,) = [one for one in heard if one.event is Event.MESSAGE]
                assert number in f"{page.title} {page.message}"
                button = await button_of(server, page.id)
                replies = button["url"].removeprefix(f"{server}/")
                await phone.publish(Message(topic=replies, message=button["body"]))

                async def stopped() -> bool:
                    async with session.get(f"{service}/api/v1/incidents/{number}") as shown:
                        stands = await shown.json()
                    return bool(stands["state"] == "acknowledged" and not stands["escalation"]["running"])

                await until(stopped, "the answer is received, and the escalation stopped")
            await until(lambda: any(one.event is Event.MESSAGE_CLEAR for one in heard), "the page is cleared")
            (cleared,) = [one for one in heard if one.event is Event.MESSAGE_CLEAR]
            assert cleared.sequence_id == page.sequence_id
            assert sum(one.event is Event.MESSAGE for one in heard) == 1
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def button_of(server: str, page: str) -> dict[str, Any]:
    """Return the page's first button. aiontfy treats every action as a link and drops the text that it posts."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session,
        session.get(f"{server}/{TOPIC}/json?poll=1&since=all") as answer,
    ):
        lines = [orjson.loads(line) for line in (await answer.read()).splitlines()]
    (found,) = [one for one in lines if one["id"] == page]
    button: dict[str, Any] = found["actions"][0]
    return button
