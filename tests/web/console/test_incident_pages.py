"""Pages for people: text from alerts stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from receiver.model.command import Declare
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.severity import Severity
from receiver.store.client.connection import StoreAway
from receiver.web.console import incident_list_sections
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, House

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"\' onmouseover=alert(1) x="',
    "</title><script>1</script>",
    "<style>*{display:none}</style>",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}{0.__class__}%(x)s",
    "<svg/onload=alert(1)>",
    "=HYPERLINK(1)",
    "bidi\u202eslaw zero\u200bwidth\u0000nul\x1b[31m",
    "<a href=//evil.example>x</a>",
    "<base href=//evil>",
)
ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "link",
        "script",
        "body",
        "header",
        "nav",
        "main",
        "footer",
        "h1",
        "h2",
    ),
    *("h3", "p", "a", "table", "thead", "tbody", "tr", "th", "td", "span", "time", "bdi", "div", "dl", "dt", "dd"),
    *("ol", "ul", "li", "b", "article", "section", "details", "summary", "form", "input", "button", "select", "option"),
    *("label", "textarea", "fieldset", "legend", "dialog", "code", "pre", "br"),
}
ALLOWED |= {"strong", "em", "hr"}  # of documents
ALLOWED |= {"svg", "rect", "line", "text", "circle", "path"}  # of charts
ATTRIBUTES = {
    *(
        "lang",
        "charset",
        "name",
        "content",
        "class",
        "scope",
        "href",
        "rel",
        "media",
        "src",
        "defer",
        "id",
        "for",
        "form",
    ),
    *("datetime", "role", "method", "action", "type", "value", "maxlength", "placeholder", "aria-label", "required"),
    *("title", "tabindex", "hreflang", "download", "aria-describedby", "aria-labelledby", "aria-hidden"),
    *("aria-current", "reversed", "size", "selected", "open", "autocomplete"),
}
CHART = {"viewbox", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "d", "width", "height", "text-anchor"}


class Elements(HTMLParser):
    """All elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


async def page(house: House, path: str) -> str:
    async with house.client.get(path, headers=ADMIN) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        return await response.text()


def inert(text: str) -> None:
    """Check that a page has only its own elements, and links only to addresses of the configuration."""
    found = Elements(text)
    assert set(found.tags) <= ALLOWED
    names = {name for name, _ in found.attributes}
    assert {name for name in names if not name.startswith("data-")} <= ATTRIBUTES | CHART
    # Marks of a chart have titles and coordinates.
    outside = re.sub(r"<svg viewBox.*?</svg>", "", text, flags=re.DOTALL)
    assert Elements(outside).tags.count("title") == 1
    assert {value for name, value in found.attributes if name == "src"} <= {script_of(text)}
    for href in [value or "" for name, value in found.attributes if name in ("href", "action")]:
        ours = r"/(?!/)|[?#]|data:image/svg\+xml,|https://(grafana|jaeger|sentry)\.example\.com/|mailto:support@stratum\.ai$"
        assert re.match(ours, href), href
    assert not set("\u202e\u200b\x00\x1b") & set(text)
    assert "49" not in re.sub(r"2026|[0-9a-f]{12,16}", "", outside)


def script_of(text: str) -> str | None:
    """Return the address of the console's script."""
    found = re.search(r'src="(/assets/console\.[0-9a-f]{16}\.js)"', text)
    return found and found[1]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_text_is_inert_everywhere(house: House, hostile: str) -> None:
    labels = {"alertname": hostile, "service": hostile, hostile[:50]: hostile, "customer_visible": hostile}
    annotations = {
        "summary": hostile,
        "description": hostile,
        "runbook_url": hostile,
        hostile[:50]: hostile,
        "error_rate": hostile,
    }
    await house.world.post(notification(alert(labels=labels, annotations=annotations), receiver=hostile, group=hostile))
    number = "/incidents/INC-2026-0001"
    for path in (
        "/",
        number,
        f"{number}/timeline",
        f"{number}/postmortem?edit=1",
        "/system",
        "/console/status",
        "/status",
    ):
        inert(await page(house, path))


async def test_the_list_shows_open_and_over(house: House) -> None:
    await house.world.post(notification(alert(annotations={"summary": "too slow"}), group="a"))
    await house.world.post(notification(alert("ApiDown"), group="b"))
    text = await page(house, "/")
    assert text.index("INC-2026-0002") < text.index("INC-2026-0001"), "the most severe first"
    assert "too slow" in text
    await house.world.post(notification(alert(firing=False), group="a"))
    await house.world.forward("16m")
    text = await page(house, "/")
    assert text.index("Recently resolved") < text.index("INC-2026-0001")


async def test_one_incident_shows_why_and_what_happened(house: House) -> None:
    await house.world.post(notification(alert(annotations={"error_rate": "7.3%"})))
    text = await page(house, "/incidents/INC-2026-0001")
    for said in (
        "high-error-rate",
        "7.3%",
        "alice",
        "HighErrorRate",
        "Opened",
        "14:02 UTC",
        "next: secondary",
    ):
        assert said in text


async def test_without_a_store_the_list_shows_what_is_remembered(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.world.post(notification(alert()))

    async def away(*_: object, **__: object) -> None:
        raise StoreAway("gone")

    monkeypatch.setattr(house.replica.work.follower, "catch_up", away)
    text = await page(house, "/")
    assert "INC-2026-0001" in text
    assert "store is unavailable" in text


async def test_a_drill_says_so_in_the_list_and_on_its_page(house: House) -> None:
    await house.world.post(notification(alert(annotations={"summary": "DRIL"})))
    for path in ("/", "/incidents/INC-2026-0001"):
        assert "DRILL" not in await page(house, path), "a real incident is never shown as a drill"
    asked = Declare(title="Fire <b>drill</b>", severity=Severity.SEV2, drill=True)
    by = Actor(kind=ActorKind.API, name="alice")
    done = await house.replica.respond.declare(asked, by, house.world.clock.now())
    text = await page(house, "/")
    assert "<bdi>Fire &lt;b&gt;drill&lt;/b&gt;</bdi>" in text
    assert text.count("DRILL") == 1
    text = await page(house, f"/incidents/{done.incident.id}")
    assert "<title>DRILL SEV-2 open: Fire" in text
    assert "<h1>DRILL <bdi>Fire" in text


async def test_an_empty_house_says_so(house: House) -> None:
    assert "No incident is open." in await page(house, "/")


async def test_a_list_that_is_not_whole_yet_says_so(house: House) -> None:
    await house.world.post(notification(alert()))
    assert "still reading" not in await page(house, "/")
    house.replica.incident_cache.complete = False
    assert "still reading the open incidents" in await page(house, "/")
    assert (await house.get("/healthz"))[1]["mirror"]["complete"] is False


async def test_the_list_shows_the_worst_and_counts_all(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_list_sections, "CARDS", 2)
    for number in range(4):
        house.world.clock.forward("1s")
        rate = {"error_rate": "61%" if number == 1 else "1.2%"}
        labels = {"service": f"s{number}", "scope": "all_users"}
        await house.world.post(notification(alert(labels=labels, annotations=rate), group=f"g{number}"))
    text = await page(house, "/")
    assert "Needs a response (4)" in text
    assert "2 more; use the filters" in text
    assert [number for number in range(1, 5) if f"INC-2026-000{number}" in text] == [2, 4], "then the newest"
    text = await page(house, "/?severity=SEV-1&service=s1")
    assert [number for number in range(1, 5) if f"INC-2026-000{number}" in text] == [2]
