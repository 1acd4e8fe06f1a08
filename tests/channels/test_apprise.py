"""Apprise: important events go to every service once, escaped, and no output contains an address."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError
from pytest_aiohttp.plugin import AiohttpServer

from receiver.channels.apprise import Apprise, AppriseSettings, dead
from receiver.channels.base import DeliveryError
from receiver.channels.http_client import Http
from receiver.model.incident.event import Kind
from tests.channels.conftest import Wired
from tests.channels.notices import HOSTILE, ROUTING_KEY, event, incident, notice, tell
from tests.fakes import Site, Vendor

SECRET = "apprise-secret-path"


class FakeService(Vendor):
    """Takes what Apprise posts as JSON."""

    name = "apprise"

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []

    @property
    def seen(self) -> int:
        return len(self.told)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(f"/{SECRET}", self.handle)]

    def check(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        good = isinstance(body, dict) and body.get("message") and request.content_type == "application/json"
        return (200, {}, []) if good else (400, {}, ["not a message"])

    def act(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        status, answer, errors = self.check(request, body, raw)
        self.told += [] if errors else [body]
        return status, answer, errors


VENDOR = FakeService


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake, through the library."""
    assert isinstance(vendor, FakeService)
    settings = AppriseSettings.model_validate({"urls": [f"{site.url.replace('http', 'json', 1)}/{SECRET}"]})
    secrets = (SECRET, ROUTING_KEY)
    sender = Apprise("anything", settings, http)
    return Wired(sender, vendor, site, notice(), secrets, blunt=True)


class Service:
    """Takes what Apprise posts as JSON."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.broken: set[str] = set()
        self.hung: set[str] = set()
        self.released = asyncio.Event()
        self.port = 0

    async def take(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name in self.broken:
            return web.Response(status=503)
        if name in self.hung:
            await self.released.wait()
        self.taken.append((name, await request.json()))
        return web.Response()


@pytest.fixture
async def service(aiohttp_server: AiohttpServer) -> AsyncIterator[Service]:
    made = Service()
    app = web.Application()
    app.router.add_post(f"/{SECRET}/{{name}}", made.take)
    made.port = (await aiohttp_server(app)).port or 0
    yield made
    made.released.set()


def channel(service: Service, *names: str) -> Apprise:
    """Return the channel with a service for each name."""
    urls = [f"json://127.0.0.1:{service.port}/{SECRET}/{name}" for name in names]
    return Apprise("anything", AppriseSettings.model_validate({"urls": urls}), Http(total=5))


async def test_each_service_hears_of_it_in_plain_text(service: Service) -> None:
    receipt = await channel(service, "one", "two").send(notice())
    assert receipt.ref
    assert sorted(name for name, _ in service.taken) == ["one", "two"]
    body = service.taken[0][1]
    assert body["title"] == "(SEV-1) HighErrorRate: Error rate 12% on checkout-api (INC-2026-0042)"
    assert body["message"].endswith("https://incidents.example.com/incidents/INC-2026-0042")


async def test_only_those_that_failed_are_told_again(service: Service) -> None:
    made = channel(service, "one", "two", "three")
    service.broken = {"two"}
    with pytest.raises(DeliveryError) as caught:
        await made.send(notice())
    error = caught.value
    assert (error.reason, error.permanent, error.ambiguous) == ("server_error", False, True)
    assert error.detail == "1 of 3 services did not accept it: json"
    assert SECRET not in f"{error!r} {made!r} {made.settings!r} {made.preview(notice())}"
    service.broken.clear()
    await made.send(notice(memory=error.progress, repeat=True))
    assert sorted(name for name, _ in service.taken[:2]) == ["one", "three"]
    assert [name for name, _ in service.taken[2:]] == ["two"]


async def test_those_that_hang_leave_the_common_threads_alone(service: Service) -> None:
    names = [f"hung{number}" for number in range(40)]
    made = channel(service, *names)
    made.http = Http(total=2)
    service.hung = set(names)
    sending = asyncio.create_task(made.send(notice()))
    await asyncio.sleep(0.3)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "at once"), 1) == "at once"
    service.released.set()
    with contextlib.suppress(DeliveryError):
        await sending


async def test_one_that_hangs_keeps_no_other_waiting_and_nobody_hears_twice(service: Service) -> None:
    made = channel(service, "hung", "two", "hung2", "four")
    made.http = Http(total=0.4)
    service.hung = {"hung", "hung2"}
    with pytest.raises(DeliveryError) as caught:
        await made.send(notice())
    assert caught.value.detail == "2 of 4 services did not accept it: json, json"
    service.released.set()
    service.taken.clear()
    await channel(service, "hung", "two", "hung2", "four").send(notice(memory=caught.value.progress, repeat=True))
    assert sorted(name for name, _ in service.taken if "hung" not in name) == []


async def test_what_does_not_matter_is_not_sent(service: Service) -> None:
    receipt = await channel(service, "one").send(notice(events=(event(2, "a note", Kind.NOTE),)))
    assert receipt.nothing
    await channel(service, "one").send(notice(events=(event(3, "resolved", Kind.RESOLVED),)))
    await channel(service, "one").send(tell("a test"))
    assert len(service.taken) == 2


async def test_what_a_label_says_is_dead(service: Service) -> None:
    await channel(service, "one").send(notice(incident=incident(title=HOSTILE, service=HOSTILE)))
    whole = str(service.taken[0][1]["title"]) + str(service.taken[0][1]["message"])
    for alive in ("<!channel>", "<@U1>", "@here", "https://evil", "*b*", "`c`", "\x1b"):
        assert alive not in whole


@pytest.mark.parametrize("text", ["[a](http://x)", "@everyone", "<b>", "www.evil.example", "~s~"])
def test_marks_are_broken(text: str) -> None:
    assert text not in dead(text)


@pytest.mark.parametrize("url", ["nothing", "unknown-kind://x", "http://", "mailto://"])
def test_an_address_that_apprise_does_not_know_is_refused_without_being_repeated(url: str) -> None:
    secret = f"{url}{SECRET}" if "://" not in url else url
    with pytest.raises(ValidationError) as caught:
        AppriseSettings.model_validate({"urls": [secret]})
    assert "address 1 is not one that Apprise supports" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_without_any_it_is_off() -> None:
    assert Apprise("x", AppriseSettings(), Http()).missing() == "urls is empty"
    assert Apprise("x", AppriseSettings.model_validate({"urls": [""]}), Http()).missing() == "urls is empty"
