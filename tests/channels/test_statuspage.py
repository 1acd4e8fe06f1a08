"""Statuspage: one incident there for each of ours; incidents that people ended there stay ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from receiver.channels.http_client import Http
from receiver.channels.statuspage import Statuspage, StatuspageSettings
from receiver.model.delivery.notice import Notice
from receiver.model.delivery.public_incident import PublicStatus, PublicUpdate
from tests.channels.conftest import Wired, wire
from tests.channels.notices import NOW, ROUTING_KEY, notice, public_news
from tests.fakes import FakeStatuspage, Site, Vendor
from tests.fakes.statuspage import KEY, PAGE

VENDOR = FakeStatuspage


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake."""
    assert isinstance(vendor, FakeStatuspage)
    told = StatuspageSettings(api_url=site.url, page_id=PAGE, api_key=KEY, components={"api": "cmp-api"})
    public = notice(address=PAGE, public=public_news())
    page = Statuspage("status", told, http)
    return Wired(page, vendor, site, public, (KEY, ROUTING_KEY))


@pytest.fixture
def page(site: Site, http: Http) -> Wired:
    return wire("statuspage", site, http)


def later(
    memory: dict[str, Any], text: str = "We know why.", progress: PublicStatus = PublicStatus.IDENTIFIED
) -> Notice:
    """Return the next notice."""
    first = public_news().incident.updates[0]
    update = PublicUpdate(n=2, progress=progress, text=text, at=NOW + timedelta(minutes=5))
    return notice(address=PAGE, memory=memory, public=public_news(updates=(update, first)))


async def test_the_oldest_of_six_hundred_hears_of_its_news(page: Wired) -> None:
    receipt = await page.channel.send(page.notice)
    assert isinstance(page.vendor, FakeStatuspage)
    for number in range(600):
        page.vendor.incidents[f"other{number}"] = {
            "id": f"other{number}", "name": "API: partial outage", "status": "investigating", "metadata": {},
        }  # fmt: skip
    told = await page.channel.send(later(receipt.memory))
    assert told.warning is None
    assert page.vendor.incidents[str(receipt.ref)]["status"] == "identified"
    assert len(page.vendor.received) == 3, "an update takes two requests, regardless of the number of open incidents"


async def test_what_people_ended_there_stays_ended(page: Wired) -> None:
    receipt = await page.channel.send(page.notice)
    assert isinstance(page.vendor, FakeStatuspage)
    page.vendor.incidents[str(receipt.ref)]["status"] = "resolved"
    told = await page.channel.send(later(receipt.memory))
    assert told.warning == "it was ended on the page"
    assert page.vendor.incidents[str(receipt.ref)]["status"] == "resolved"


async def test_what_people_deleted_there_is_not_made_again(page: Wired) -> None:
    receipt = await page.channel.send(page.notice)
    assert isinstance(page.vendor, FakeStatuspage)
    page.vendor.incidents.clear()
    told = await page.channel.send(later(receipt.memory))
    assert told.warning == "it was removed from the page"
    assert not page.vendor.incidents
