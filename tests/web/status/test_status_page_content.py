"""The content of the status page for people and programs."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from lxml import etree
from lxml.etree import RelaxNG

from receiver.config import Config
from receiver.config.settings.status_page_settings import Colors, Component
from receiver.pipeline.status.translations import chosen, keys
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.web.status.page_theme import readable_on
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House, Opened
from tests.web.status.test_status_page import DOWN, summary, windows

ATOM = "{http://www.w3.org/2005/Atom}"
SCHEMAS = Path(__file__).with_name("schemas")
LENIENT = etree.XMLParser(recover=True)
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


async def text(house: House, path: str, **headers: str) -> str:
    """Return a public page."""
    async with house.status.get(path, headers=headers) as response:
        assert response.status == 200, path
        return await response.text()


async def outage(house: House, minutes: int = 30) -> None:
    """Simulate an outage of the API of that duration."""
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    await house.world.quiet()
    house.world.clock.forward(timedelta(minutes=minutes))
    await house.world.post(notification(alert("ApiDown", firing=False, labels=DOWN)))
    await house.world.forward("16m")


async def test_bars_uptime_component_page_and_months(house: House) -> None:
    await outage(house)
    page = await text(house, "/status")
    assert page.count("<button name=day") == 3 * 90
    assert page.count("<button name=day") - page.count("tabindex=-1") == 3, "one tab stop per row of bars"
    assert 'class=m aria-label="2026-11-23: Major outage, 45 min"' in page
    own = await text(house, "/status/components/api?day=2026-11-23")
    assert "Incidents on 2026-11-23" in own and "API: major outage" in own
    assert "API: major outage" not in await text(house, "/status/components/api?day=2026-11-22")
    assert "API: major outage" not in await text(house, "/status/components/dashboard")
    assert "API: major outage" in await text(house, "/status/history?month=2026-11")
    for path in ("components/nobody", "components/api?day=2020-01-01", "history?month=2026-10", "history?month=x"):
        assert (await house.status.get(f"/status/{path}")).status == 404, path


async def test_its_words_are_in_five_languages(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    assert all(set(words) == {"en", "de", "fr", "es", "ja"} for words in keys().values())
    for language, word in (("de", "Schwerer Ausfall"), ("fr", "Panne majeure"), ("es", "Interrupción grave"),
                           ("ja", "大規模停止"), ("en", "Major outage")):  # fmt: skip
        asked = await text(house, "/status", **{"Accept-Language": f"xx, {language}-XX;q=0.8, en;q=0.1"})
        assert word in asked and f'<html lang="{language}">' in asked
        assert asked == await text(house, f"/status?lang={language}", **{"Accept-Language": "ja"})
    offered = ("en", "de")
    assert [chosen(None, said, offered) for said in ("", "de;q=0", "*", "fr, de;q=x", "DE-at")] == ["en"] * 4 + ["de"]
    assert chosen("<x>", "de", offered) == "de"


async def test_feeds_are_read_by_feedparser_and_name_themselves(house: House) -> None:
    await outage(house)
    body = {"title": "<b>Prices</b> & \u0007more", "text": "From January on."}
    async with house.client.post("/api/v1/announcements", json=body, headers=READ) as response:
        assert response.status == 201
    for name, kind in (("atom", "application/atom+xml"), ("rss", "application/rss+xml")):
        async with house.status.get(f"/status/feed.{name}") as response:
            assert response.content_type == kind
            raw = await response.read()
        found = feedparser.parse(raw)
        assert (found.bozo, len(found.entries)) == (0, 2), name
        assert name == "rss" or atom_mistakes(raw) == []
        grammar = RelaxNG(etree.parse(SCHEMAS / f"{name}.rng"))
        assert grammar.validate(etree.fromstring(raw)), grammar.error_log
        # The grammar detects mistakes.
        for part, instead in (("<title>", "<title><b/>"), ("updated" if name == "atom" else "pubDate", "x")):
            assert not grammar.validate(etree.fromstring(raw.replace(part.encode(), instead.encode(), 2), LENIENT))
        links = {one["rel"]: one["href"] for one in found.feed.links}
        assert links["self"] == f"https://incidents.example.com/status/feed.{name}"
        assert found.entries[0].title_detail.value in ("<b>Prices</b> &  more", "<b>Prices</b> &amp;  more")
        assert all(one.id.startswith("urn:receiver:") and one.link.startswith("https://") for one in found.entries)
    assert "Prices" in await text(house, "/status")


def atom_mistakes(raw: bytes) -> list[str]:
    """Return what RFC 4287 forbids (4.1.1, 4.1.2, 3.3, 4.2.7): too many or too few of an element, times, links."""
    feed = ElementTree.fromstring(raw)
    found = []
    for one, where in ((feed, "feed"), *((entry, "entry") for entry in feed.findall(f"{ATOM}entry"))):
        counts = Counter(child.tag.removeprefix(ATOM) for child in one)
        wrong = [name for name in ("id", "title", "updated") if counts[name] != 1]
        wrong += [name for name in ("published", "content", "subtitle", "rights") if counts[name] > 1]
        wrong += sorted(set(counts) - {"id", "title", "updated", "author", "link", "entry", "published", "content"})
        wrong += ["author"] if where == "feed" and counts["author"] < 1 else []
        times = [child.text or "" for child in one if child.tag in (f"{ATOM}updated", f"{ATOM}published")]
        wrong += [time for time in times if not RFC3339.fullmatch(time)]
        links = Counter((link.get("rel"), link.get("type")) for link in one.findall(f"{ATOM}link"))
        wrong += [str(link) for link, many in links.items() if many > 1 or link[0] not in ("self", "alternate")]
        addresses = [str(link.get("href")) for link in one.findall(f"{ATOM}link")]
        wrong += [address for address in addresses if not address.startswith("https://")]
        found += [f"{where}: {name}" for name in wrong]
    ids = [one.text for one in feed.iter(f"{ATOM}id")]
    return [*found, *(["id twice"] if len(set(ids)) != len(ids) else [])]


async def test_badges_are_pictures_for_a_minute(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    for path, word in (("badge.svg", "Major service outage"), ("components/api/badge.svg", "Major outage"),
                       ("components/dashboard/badge.svg?lang=de", "Funktioniert")):  # fmt: skip
        async with house.status.get(f"/status/{path}") as response:
            assert (response.content_type, response.headers["Cache-Control"]) == ("image/svg+xml", "public, max-age=60")
            assert word in (ElementTree.fromstring(await response.text()).get("aria-label") or "")
    assert (await house.status.get("/status/components/nobody/badge.svg")).status == 404


async def test_maintenance_has_a_state_and_its_public_name(house: House) -> None:
    await windows(house)
    said = await summary(house)
    assert (said["components"][0]["status"], said["status"]["indicator"]) == ("under_maintenance", "maintenance")
    now = house.world.clock.now()
    body = {"name": "secret", "matchers": ['service="x"'], "components": ["dashboard"], "public_name": "New disks",
            "until": (now + timedelta(hours=1)).isoformat()}  # fmt: skip
    async with house.client.post("/api/v1/maintenance", json=body, headers=READ) as response:
        assert (response.status, (await response.json())["public_name"]) == (201, "New disks")
    page = await text(house, "/status?lang=fr")
    assert "New disks" in page and "Maintenance planifiée : API" in page and "secret" not in page


async def test_internal_components_are_behind_sign_in(opened: Opened) -> None:
    def hide(config: Config) -> Config:
        more = Component(id="queue", name="Hidden queue", matchers=('service="queue"',), internal=True)
        page = config.status_page.model_copy(update={"components": (*config.status_page.components, more)})
        return config.model_copy(update={"status_page": page})

    house = await opened(hide)
    await house.world.post(notification(alert("ApiDown", labels={"service": "queue"})))
    for path in ("/status", "/status/api/v2/summary.json", "/status/feed.atom", "/status/history"):
        assert "Hidden queue" not in await text(house, path)
    assert (await house.status.get("/status/internal")).status == 404
    async with house.client.get("/status/internal", headers={"Accept": "text/html"}, allow_redirects=False) as response:
        assert response.status == 303
    async with house.client.get("/status/internal", headers=READ) as response:
        shown = await response.text()
    assert response.status == 200 and "Hidden queue" in shown and "INC-2026-0001" in shown and "major outage" in shown


async def test_it_is_served_and_says_so_while_the_store_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    monkeypatch.setattr(StoreMonitor, "away", property(lambda self: True))
    page = await text(house, "/status")
    assert "shows the last known status" in page and "API: major outage" in page
    house.replica.incident_cache.clear()
    assert "The status is currently unknown." in await text(house, "/status")


async def test_logo_and_colors_of_the_configuration(opened: Opened, tmp_path: Any) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')

    def dress(config: Config) -> Config:
        look = {"logo_file": str(logo), "colors": Colors(header="#102030"), "home_url": "https://www.example.com"}
        return config.model_copy(update={"status_page": config.status_page.model_copy(update=look)})

    house = await opened(dress)
    page = await text(house, "/status")
    assert "--bar: #102030; --on-bar: #ffffff;" in page and 'href="https://www.example.com"' in page
    async with house.status.get("/status/logo") as response:
        assert (response.status, response.content_type) == (200, "image/svg+xml")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("help@example.com", '<a href="mailto:help@example.com">help@example.com</a>'),
        ("a?bcc=b@example.com", '<a href="mailto:a%3Fbcc%3Db@example.com">a?bcc=b@example.com</a>'),
        ("+1 555 0100", " +1 555 0100</p>"),
    ],
)
async def test_the_address_of_support_is_a_link_if_it_is_one(opened: Opened, given: str, said: str) -> None:
    def helped(config: Config) -> Config:
        service = config.service.model_copy(update={"support_email": given})
        return config.model_copy(update={"service": service})

    assert said in await text(await opened(helped), "/status")


@pytest.mark.parametrize("color", ["#000000", "#ffffff", "#777777", "#ff0000", "#00ff00", "#0000ff", "#757575"])
def test_text_is_readable_on_every_color(color: str) -> None:
    assert readable_on(color) == ("#ffffff" if color in ("#000000", "#0000ff", "#757575") else "#000000")


async def test_history_outlives_the_replica_and_an_upgrade(opened: Opened) -> None:
    house = await opened()
    await outage(house)
    public = house.replica.incident_cache.public
    await house.replica.public_history.run_once(house.world.clock.now())
    known = public.over()
    public.clear()
    house.replica.public_history._loaded = False
    await house.replica.public_history.run_once(house.world.clock.now())
    assert public.over() == known and len(known) == 1
    # Data of an earlier release: incidents without a history.
    client = house.replica.connection.client
    await client.delete(*(house.replica.connection.keys.named(name) for name in ("public:past", "public:since")))
    public.clear()
    house.replica.public_history._loaded = False
    await house.replica.public_history.run_once(house.world.clock.now())
    assert public.over() == known and public.since == known[0].opened_at
