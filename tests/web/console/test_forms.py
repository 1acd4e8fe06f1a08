"""The console's forms: each does the same as its API operation, with the same permissions, and asks to confirm."""

from __future__ import annotations

import re
from typing import Any

import pytest

from receiver.store.client.connection import StoreAway
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, READ, House

ID = "INC-2026-0001"
HERE = f"/incidents/{ID}"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


class Person:
    """A person with a session."""

    def __init__(self, house: House, token: str) -> None:
        self.house, self.token = house, token
        self.word = ""

    async def sign_in(self) -> Person:
        async with self.house.client.post("/login", data={"token": self.token}, allow_redirects=False) as response:
            self.cookie = response.headers["Set-Cookie"].partition(";")[0]
        self.word = re.findall(r'name="word" value="([0-9a-f]+)"', await self.page("/oncall"))[0]
        return self

    async def page(self, path: str, status: int = 200) -> str:
        async with self.house.client.get(path, headers={**BROWSER, "Cookie": self.cookie}) as response:
            assert response.status == status, (path, response.status)
            return await response.text()

    async def send(self, path: str, code: int = 303, /, **fields: str) -> str:
        """Send a form; return the redirect address, or the page."""
        headers = {**BROWSER, "Cookie": self.cookie}
        data = {"word": self.word, **fields}
        async with self.house.client.post(path, data=data, headers=headers, allow_redirects=False) as response:
            text = await response.text()
            assert response.status == code, (path, response.status, text)
            return response.headers.get("Location", text)


@pytest.fixture
async def person(house: House) -> Person:
    await house.world.post(notification(alert(annotations={"error_rate": "7%"})))
    return await Person(house, "respond-token").sign_in()


async def incident(house: House) -> dict[str, Any]:
    return (await house.get(f"/api/v1/incidents/{ID}"))[1]  # type: ignore[no-any-return]


async def test_every_verb_is_a_form(house: House, person: Person) -> None:
    for verb, fields in (
        ("acknowledge", {}),
        ("role", {"role": "ic", "person": "alice"}),
        ("note", {"text": "p99 went\r\nup"}),
        ("checklist", {"item": "2", "done": "yes"}),
        ("mitigation", {"option": "rollback", "text": "to 1.2"}),
        ("action", {"title": "More tests", "owner": "bob", "due": "2026-12-01"}),
        ("timer", {"action": "start"}),
        ("identify", {"text": "a deploy"}),
        ("severity", {"severity": "SEV-3"}),
        ("edit", {"cause": "the deploy"}),
        ("noise", {"text": "needs for: 10m"}),
        ("page", {"contact": "engineering-lead", "text": "please look"}),
        ("escalate", {}),
        ("mitigate", {}),
    ):
        assert (await person.send(f"{HERE}/{verb}", **fields)).startswith(f"{HERE}?done={verb}"), verb
    now = await incident(house)
    assert now["acknowledged_by"] == "on-call-cli"
    assert now["roles"]["incident_commander"] == "alice"
    assert (now["state"], now["severity"], now["cause"]) == ("monitoring", "SEV-3", "the deploy")
    assert [one["done"] for one in now["checklist"]].index(True) == 1
    assert [one["title"] for one in now["actions"]] == ["More tests"]
    assert now["noise"]["text"] == "needs for: 10m"
    assert "eng-lead" in {page["person"] for page in now["pages"]}
    _, log = await house.get(f"/api/v1/incidents/{ID}/timeline")
    note = next(event for event in log["items"] if event["kind"] == "note")
    assert (note["text"], note["actor"]["kind"], note["actor"]["name"]) == ("p99 went\nup", "person", "on-call-cli")
    assert "Noise mark changed." in await person.page(f"{HERE}?done=noise")
    assert "owned" not in await person.page(f"{HERE}?done=<b>owned</b>")


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("resolve", {}),
        ("merge", {"into": "INC-2026-0002"}),
        ("severity", {"severity": "SEV-1"}),
        ("update", {"status": "investigating", "text": "We look.", "publish": "yes"}),
    ],
)
async def test_what_cannot_be_undone_is_asked_once(
    house: House, person: Person, verb: str, fields: dict[str, str]
) -> None:
    await house.world.post(notification(alert("Other"), group="other"))
    before = await incident(house)
    asked = await person.send(f"{HERE}/{verb}", 200, **fields)
    assert 'name="confirmed" value="yes"' in asked
    assert (await incident(house))["version"] == before["version"], "the confirmation page changes nothing"
    await person.send(f"{HERE}/{verb}", confirmed="yes", **fields)
    assert (await incident(house))["version"] > before["version"]


async def test_whoever_resolves_is_asked_with_what_becomes_of_alerts_that_fire(house: House, person: Person) -> None:
    assert "1 alert is still firing and will page no one while the incident is over." in await person.send(
        f"{HERE}/resolve", 200
    )
    await house.world.post(notification(alert(annotations={"error_rate": "7%"}, firing=False)))
    assert "still firing" not in await person.send(f"{HERE}/resolve", 200)


async def test_a_wrong_form_is_a_page_that_says_what_is_right(house: House, person: Person) -> None:
    said = await person.send(f"{HERE}/role", 409, role="ic", person="mallory")
    assert "unknown person mallory (people: alice, bob" in said
    assert f'href="{HERE}"' in said
    assert "item: not a number" in await person.send(f"{HERE}/checklist", 400, item="x")
    await person.send(f"{HERE}/nothing", 404)
    await person.send("/incidents/INC-2026-7777/note", 404, text="x")
    assert "Not Found" in await person.page("/incidents/INC-2026-7777", 404)
    person.word = "0" * 64
    await person.send(f"{HERE}/acknowledge", 403)
    assert (await incident(house))["state"] == "open"


async def test_several_at_once_and_one_card(house: House, person: Person) -> None:
    await house.world.post(notification(alert("Other"), group="other"))
    assert await person.send("/", acknowledge=ID) == f"/?done=acknowledge#card-{ID}"
    both = {f"id.{ID}": "yes", "id.INC-2026-0002": "yes"}
    assert await person.send("/", verb="noise", **both) == "/?done=bulk"
    asked = await person.send("/", 200, verb="resolve", **both)
    assert "Resolve the selected incidents?" in asked and "are still firing and will page no one" in asked
    await person.send("/", verb="resolve", confirmed="yes", **both)
    _, listed = await house.get("/api/v1/incidents")
    assert [(one["state"], one["noise"]["by"]) for one in listed["items"]] == [("resolved", "on-call-cli")] * 2
    await person.send("/", 400, verb="resolve")
    assert (await person.send("/", declare="yes", title="By hand", severity="SEV-4")).startswith(
        "/incidents/INC-2026-0003"
    )


async def test_a_draft_is_edited_then_discarded_or_published(house: House, person: Person) -> None:
    _, waiting = await house.get("/api/v1/status-updates?state=draft")
    assert [(one["incident"], one["n"], one["state"]) for one in waiting["items"]] == [(ID, 1, "draft")]
    await person.send(f"{HERE}/draft", n="1", text="Checkout fails.", back="/console/status")
    assert "Checkout fails." in await person.page("/console/status")
    assert await person.send(f"{HERE}/discard", n="1", back="/console/status") == "/console/status?done=discard"
    assert (await house.get("/api/v1/status-updates"))[1]["items"] == []
    update = (await incident(house))["status_updates"][0]
    assert (update["state"], update["discarded_by"], update["text"]) == ("discarded", "on-call-cli", "Checkout fails.")
    await person.send(f"{HERE}/approve", 409, n="1", confirmed="yes")
    async with house.client.post(f"/api/v1/incidents/{ID}/status-updates/1/discard", headers=READ) as again:
        assert again.status == 200, "discarding it again changes nothing"


async def test_the_whole_history_is_searched(house: House, person: Person) -> None:
    for name in ("DiskFull", "DiskSlow", "CpuHigh"):
        await house.world.post(notification(alert(name), group=name))
    for query, found in (("disk", 2), ("DISK full", 1), (ID, 1), ("api", 4), ("absent", 0)):
        _, listed = await house.get(f"/api/v1/incidents?q={query.replace(' ', '%20')}")
        assert len(listed["items"]) == found, query
        assert (await person.page(f"/?q={query.replace(' ', '+')}")).count("<article") == found, query
    _, first = await house.get("/api/v1/incidents?q=api&limit=3")
    _, second = await house.get(f"/api/v1/incidents?q=api&limit=3&cursor={first['next']}")
    assert [len(first["items"]), len(second["items"]), second["next"]] == [3, 1, None]


async def test_without_the_store_an_incident_is_remembered_and_read_only(
    house: House, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreAway("gone")

    monkeypatch.setattr(house.replica.incidents, "uid_of", away)
    text = await person.page(HERE, 503)
    assert "The incident store is unavailable. This page is read-only" in text
    assert "In the meantime, acknowledge in pager (PagerDuty)." in text
    assert "HighErrorRate" in text
    assert "<button" in text
    assert f'action="{HERE}' not in text
    said = await person.send(f"{HERE}/acknowledge", 503)
    assert "The change may have been made" in said and "othing was changed" not in said


async def test_who_may_only_read_sees_no_button_and_retries_need_admin(house: House, person: Person) -> None:
    async with house.client.get(HERE, headers={**ADMIN, **BROWSER}) as response:
        assert "<button class" not in await response.text(), "a token in a header has no session for forms"
    await person.send("/system", 403, retry="0" * 12)
    admin = await Person(house, "admin-token").sign_in()
    await admin.send("/system", 404, retry="0" * 12)
    until = "2026-11-24T10:00"
    assert await admin.send("/system", name="Upgrade", matchers='service="db"', until=until) == "/system?done=window"
    number = re.findall(r'name="end" value="([0-9a-f]{16})"', await admin.page("/system"))[0]
    assert await admin.send("/system", end=number) == "/system?done=end"
    payload = notification(alert("ApiDown")).decode()
    assert "SEV-1" in await admin.send("/system", 200, payload=payload)


async def test_documents_keep_the_words_of_people(house: House, person: Person) -> None:
    await person.send(f"{HERE}/note", text="p99 went up")
    await person.send(f"{HERE}/update", status="identified", text="We found it.", publish="yes", confirmed="yes")
    await person.send(f"{HERE}/resolve", text="The old release is back", confirmed="yes")
    text = await person.page(f"{HERE}/timeline")
    for said in ("p99 went up", "identified: We found it.", "on-call-cli: The old release is back"):
        assert said in text, said
    assert "Resolution: The old release is back." in await person.page(f"{HERE}/postmortem")
    assert "We found it." in await person.page(f"{HERE}/customer-email")
    location = await person.send(f"{HERE}/postmortem", markdown="# Mine\n\nWords.", status="final", version="0")
    assert location == f"{HERE}/postmortem?done=postmortem"
    await person.send(f"{HERE}/postmortem", 409, markdown="# Older", version="0")
    assert "Version 1 (final) by <bdi>on-call-cli</bdi>" in await person.page(f"{HERE}/postmortem")
    for other in ("timeline", "customer-email"):
        assert "Version 1" not in await person.page(f"{HERE}/{other}"), "only the post-mortem has versions"
    async with house.client.get(f"/api/v1{HERE}/postmortem", headers={**READ, "Accept": "text/html"}) as response:
        page = await response.text()
        assert '<meta name="viewport"' in page
        assert "style-src 'sha256-" in response.headers["Content-Security-Policy"]
