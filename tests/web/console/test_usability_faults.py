"""Regression tests for faults that were found by using the console, unless another test covers them."""

from __future__ import annotations

import re

import pytest

from receiver.channels.slack.mrkdwn import flat
from receiver.web.console import incidents_page
from tests.stories.world import alert, notification
from tests.web.browser import Browser
from tests.web.conftest import READ, House, Opened
from tests.web.console.conftest import sign_in
from tests.web.console.test_forms import HERE, ID, Person
from tests.web.webhooks.test_slack import raw_type, type_

HTML = {**READ, "Accept": "text/html"}


@pytest.fixture
async def person(house: House) -> Person:
    await house.world.post(notification(alert(annotations={"error_rate": "7%", "summary": "too slow"})))
    return await Person(house, "respond-token").sign_in()


async def test_4_every_page_leads_to_the_others(person: Person) -> None:
    for path in ("/", HERE, "/oncall", "/console/status", "/reports", "/reports/2026-11", "/system", "/sessions"):
        text = await person.page(path)
        for there in ("/", "/oncall", "/console/status", "/reports", "/system", "/status", "/api/docs"):
            assert f'href="{there}"' in text, (path, there)
    assert "November 2026" in await person.page("/reports")


async def test_13_notes_have_their_author_in_pages_and_not_in_the_file(house: House, person: Person) -> None:
    await person.send(f"{HERE}/note", text="p99 went up")
    assert "p99 went up (on-call-cli)" in await person.page(f"{HERE}/timeline")
    assert "<bdi>on-call-cli</bdi>" in await person.page(HERE)
    for path, headers, said in (
        (f"{HERE}/timeline?download=1", {"Cookie": person.cookie}, "| p99 went up |"),
        (f"/api/v1{HERE}/timeline", {**READ, "Accept": "text/markdown"}, "| p99 went up |"),
        (f"/api/v1{HERE}/timeline", HTML, "p99 went up (on-call-cli)"),
    ):
        async with house.client.get(path, headers=headers) as response:
            assert said in await response.text(), path


async def test_15_a_closed_incident_has_no_draft_that_waits(person: Person) -> None:
    assert re.search("wait(s|ing) for approval", await person.page(HERE))
    await person.send(f"{HERE}/resolve", confirmed="yes", text="fixed")
    while "Discard" in (text := await person.page(HERE)):
        number = re.findall(r'discard">.*?name="n" value="(\d+)"', text)[0]
        await person.send(f"{HERE}/discard", n=number)
    await person.send(f"{HERE}/close")
    assert not re.search("wait(s|ing) for approval", await person.page(HERE))
    assert "No draft is waiting for approval." in await person.page("/console/status")


async def test_23_the_title_and_the_icon_say_what_is_the_matter(person: Person) -> None:
    text = await person.page(HERE)
    assert re.search(r"<title>SEV-2 open: HighErrorRate: .*INC-2026-0001</title>", text)
    assert '<meta name="theme-color"' in text
    assert "%3E1%3C/text" in text, "the icon has the number of unacknowledged incidents"
    for path in ("/", "/oncall", "/system"):
        assert "<title>(1) " in await person.page(path), path
    for raw in ("all_hands", "status_update", "second_road", "page_failed"):
        assert raw not in re.sub(r"<[^>]+>", "", text)


async def test_23_every_page_names_an_icon(house: House, person: Person) -> None:
    for path in ("/login", "/api/docs", "/status", "/status/history", "/nope", "/"):
        headers = {"Accept": "text/html", "Cookie": person.cookie}
        async with house.client.get(path, headers=headers) as response:
            text, policy = await response.text(), response.headers["Content-Security-Policy"]
        assert re.search(r'<link rel="icon" href="data:image/svg\+xml,', text), path
        assert re.search(r"img-src ('self' )?data:", policy), path


async def test_25_seconds_are_seconds_in_documents(house: House, person: Person) -> None:
    house.world.clock.forward("20s")
    await person.send(f"{HERE}/acknowledge")
    await person.send(f"{HERE}/resolve", confirmed="yes", text="fixed")
    for name in ("timeline", "postmortem"):
        text = re.sub(r"<[^>]+>", "", await person.page(f"{HERE}/{name}"))
        assert re.search(r"Duration: \d+s\b", text), name
        assert "0m after" not in text


@pytest.mark.parametrize(
    ("path", "status", "said", "back"),
    [
        ("/nope", 404, "page not found", "/"),
        ("/incidents/INC-2026-7777", 404, "no such incident", "/"),
        ("/incidents/INC-2026-7777/postmortem", 404, "no such incident", "/incidents/INC-2026-7777"),
        ("/reports/2026-13", 400, "month: ", "/reports"),
        ("/reports/2031-01", 404, "month: ", "/reports"),
        ("/oncall/nothing.ics", 404, "schedule", "/oncall"),
    ],
)
async def test_6_an_error_is_a_page_with_a_way_back(
    house: House, person: Person, path: str, status: int, said: str, back: str
) -> None:
    headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Cookie": person.cookie}
    async with house.client.get(path, headers=headers) as response:
        text = await response.text()
        assert (response.status, response.content_type) == (status, "text/html")
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert said in text
    assert f'href="{back}">Back</a>' in text and 'href="/">All incidents</a>' in text
    async with house.client.get(path, headers={"Cookie": person.cookie}) as response:
        assert response.content_type == "application/problem+json", "programs get the same as before"


async def test_8_documents_and_dead_letters_are_opened_by_who_is_signed_in(house: House, person: Person) -> None:
    for name, heading in (
        ("timeline", "Timeline"),
        ("postmortem", "Post-mortem"),
        ("customer-email", "Customer email"),
    ):
        assert f"<h1>{heading}</h1>" in await person.page(f"{HERE}/{name}")
    house.world.slack.refused["chat.postMessage"] = "is_archived"
    await house.world.post(notification(alert("Other", annotations={"error_rate": "7%"}), group="other"))
    await house.world.quiet()
    assert re.search(r"Dead letters \([1-9]", await person.page("/system"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"role ic mallory {ID}", "alice"),
        (f"mitigate pray {ID}", "rollback"),
        (f'action "A canary" @mallory 2026-12-01 {ID}', "alice"),
    ],
)
async def test_12_slack_refuses_whom_and_what_nobody_knows(house: House, person: Person, text: str, said: str) -> None:
    assert said in await type_(house, "/incident", text)
    _, now = await house.get(f"/api/v1{HERE}")
    assert (now["roles"]["incident_commander"], now["actions"]) == (None, [])
    _, log = await house.get(f"/api/v1{HERE}/timeline")
    assert "mitigation" not in {event["kind"] for event in log["items"]}


async def test_17_one_incident_of_a_storm_is_counted_as_one(house: House, person: Person) -> None:
    (incident,) = await house.world.incidents()
    page = house.parts.incidents
    storm = incident.model_copy(update={"storm": True, "held_back": 1})

    async def one(*_: object, **__: object) -> object:
        return storm

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(page, "incident", one)
        text = re.sub(r"<[^>]+>", "", await person.page(HERE))
    assert "1 incident grouped" in text
    assert "1 incidents" not in text


async def test_21_the_history_is_read_page_by_page(
    house: House, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents_page, "LISTED", 2)
    for number in range(4):
        house.world.clock.forward("1s")
        await house.world.post(notification(alert(f"A{number}"), group=f"g{number}"))
    for number in range(2, 6):
        await person.send(f"/incidents/INC-2026-000{number}/resolve", confirmed="yes")
    path, seen = "/?open=false", list[str]()
    while path:
        text = await person.page(path)
        seen += re.findall(r'id="card-(INC-\d+-\d+)"', text)
        older = re.findall(r'class="button" href="([^"]+)">Older incidents', text)
        path = older[0].replace("&amp;", "&") if older else ""
    assert seen == [f"INC-2026-000{number}" for number in (5, 4, 3, 2)]


async def test_24_a_report_has_charts_colors_and_words(opened: Opened) -> None:
    house = await opened()
    await house.world.post(notification(alert("ApiDown")))
    await house.world.forward("3h")
    person = await Person(house, "respond-token").sign_in()
    await person.send(f"{HERE}/resolve", confirmed="yes")
    text = await person.page("/reports/2026-11")
    assert text.count("<svg") >= 2
    assert '<span class="bad">0% left</span><span class="bad">, overspent</span>' in text
    assert re.search(r'<b class="(good|bad)">', text)
    assert "-309" not in text
    words = re.sub(r"<[^>]+>", "", text.partition('id="text"')[2])
    assert "99.9% over 30 d" in words
    assert " % " not in words
    assert "Alerts that opened the most incidents" in words
    assert "none - " not in words


async def test_25_durations_and_counts_read_well_in_documents_and_in_public(house: House, person: Person) -> None:
    await person.send(f"{HERE}/escalate")
    await person.send(f"{HERE}/update", status="identified", text="We found it.", publish="yes", confirmed="yes")
    house.world.clock.forward("42s")
    await person.send(f"{HERE}/resolve", confirmed="yes", text="fixed")
    postmortem = re.sub(r"<[^>]+>", "", await person.page(f"{HERE}/postmortem"))
    assert "Escalation steps taken: 1." in postmortem
    assert "1 steps" not in postmortem and "0 times nobody" not in postmortem
    (seconds,) = re.findall(r"Duration: (\d\d)s\b", postmortem)
    _, now = await house.get(f"/api/v1{HERE}")
    ends = [one["text"] for one in now["status_updates"] if one["status"] == "resolved"]
    assert len(ends) == 1 and f"({seconds} s)." in ends[0], "the public page has the same text"


async def test_26_the_page_of_the_api_has_an_index_and_no_raw_markup(house: House) -> None:
    async with house.client.get("/api/docs") as response:
        text = await response.text()
    assert text.count("<h1>") == 1
    assert "`" not in text
    linked = re.findall(r'<li><a href="#(part-\d+)">', text.partition("<nav")[2].partition("</nav>")[0])
    assert len(linked) >= 8
    assert all(f'id="{one}"' in text for one in linked)


async def test_27_a_tilde_is_kept_where_slack_would_strike_through(house: House, person: Person) -> None:
    await person.send(f"{HERE}/edit", title='Down where environment!~"staging|dev" holds')
    shown = await raw_type(house, "/incident", f"show {ID}")
    text = shown[1]["text"]
    assert 'environment!\u223c"staging|dev"' in text, "from the fallback, which has formatting"
    assert "~" not in text
    assert 'environment!~"staging|dev"' in shown[1]["blocks"][0]["text"]["text"], "plain text is unchanged"
    assert flat("a ~ b ~~c~~") == "a \u223c b \u223c\u223cc\u223c\u223c"


@pytest.mark.e2e
async def test_2_on_a_phone_titles_are_seen_and_the_note_is_in_reach(house: House, chromium: Browser) -> None:
    for number in range(19):
        notes = {"summary": f"Checkout answers 500 in zone {number}, and customers cannot pay for anything at all"}
        await house.world.post(notification(alert(f"A{number}", annotations=notes), group=f"g{number}"))
    url = str(house.client.make_url("/")).rstrip("/")
    await chromium.view(390, 844, "light")
    await sign_in(chromium, url, "respond-token")
    await chromium.go(url)
    boxes = await chromium.ask(
        "[...document.querySelectorAll('article h3')].map((one) => one.getBoundingClientRect())"
        ".map((box) => [box.left, box.right, box.height, box.top])"
    )
    assert len(boxes) >= 19
    assert all(left >= 0 and right <= 390 and 20 <= height <= 60 for left, right, height, _ in boxes), boxes
    assert sum(top < 844 - 52 for *_, top in boxes) >= 3, "titles on the first screen"
    assert await chromium.ask("document.documentElement.scrollHeight") < 19 * 260 + 1500
    await chromium.go(f"{url}{HERE}")
    places = ("0", "document.documentElement.scrollHeight / 2", "document.documentElement.scrollHeight")
    for place in places:
        await chromium.ask(f"scrollTo(0, {place})")
        box = await chromium.ask(
            "((note, nav) => [note.top, note.bottom, nav.top, note.left, note.right])"
            "(...['#note', '.nav'].map((one) => document.querySelector(one).getBoundingClientRect()))"
        )
        assert 0 <= box[0] < box[1] <= box[2] and box[3] >= 0 and box[4] <= 390, (place, box)
