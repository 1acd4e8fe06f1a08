"""Smaller parts of the console: label filters, splits, corrections, hand-offs, calendars, and the test alert."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.test_service_client import receiver
from tests.fakes import Answer
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House
from tests.web.console.test_forms import HERE, ID, Person
from tests.web.webhooks.test_slack import type_


@pytest.fixture
async def admin(house: House) -> Person:
    return await Person(house, "admin-token").sign_in()


async def test_a_refused_page_is_refused_everywhere(house: House, admin: Person) -> None:
    house.world.pagerduty.script.append(Answer(status=400, body={"status": "invalid event"}))
    await house.world.post(notification(alert("AuthFailing")))
    incident = (await house.get(f"/api/v1/incidents/{ID}"))[1]
    first = incident["pages"][0]
    assert (first["person"], first["delivery"], first["status"]) == ("alice", "refused", "failed")
    assert f"{first['person']} ({first['contact']}) by pager: refused" in await type_(house, "/incident", f"show {ID}")
    _, shown, _ = await receiver(house, "respond-token", "incident", "show", "1")
    lines = [line.split(maxsplit=1)[1] for line in shown.splitlines() if line.startswith("page ")]
    assert lines[0].endswith("alice (on-call) refused")
    assert any(line.startswith("next ") for line in shown.splitlines())
    assert "triggered" not in shown
    assert '<span class="state-refused">refused</span>' in await admin.page(HERE)
    assert "alice (by a fallback channel)" in json.dumps(house.world.slack.messages)


async def test_labels_filter_and_alerts_are_split_off(house: House, admin: Person) -> None:
    slow = alert("Slow", labels={"zone": "b"})
    await house.world.post(notification(alert("Slow", labels={"zone": "a"}), slow))
    await house.world.post(notification(alert("Other", labels={"service": "db"}), group="other"))
    text = await admin.page(HERE)
    chip = re.findall(r'href="(/\?label=[^"]+)"', text)
    assert "/?label=service%3D%22api%22" in chip
    listed = await admin.page("/?label=service%3D%22api%22")
    assert (ID in listed, "INC-2026-0002" in listed) == (True, False)
    assert "service=&#34;api&#34;" in listed, "a chip removes it again"
    await admin.page("/?label=service", 400)
    said = await admin.send(f"{HERE}/split", 400)
    assert "select the alerts" in said
    made = await admin.send(f"{HERE}/split", **{f"fp.{slow['fingerprint']}": "yes", "title": "Zone b is slow"})
    assert made.startswith("/incidents/INC-2026-0003?done=split")
    assert "Zone b is slow" in await admin.page("/incidents/INC-2026-0003")


async def test_an_entry_of_the_timeline_is_corrected_in_place(house: House, admin: Person) -> None:
    await house.world.post(notification(alert()))
    await admin.send(f"{HERE}/note", text="Restarted api-3")
    text = await admin.page(HERE)
    number = re.findall(r"correct=(\d+)", text)[0]
    assert '<textarea name="text" maxlength="10000">Restarted api-3' in await admin.page(f"{HERE}?correct={number}")
    await admin.send(f"{HERE}/correct", n=number, text="Restarted api-4")
    assert "Restarted api-4" in await admin.page(HERE)
    await admin.send(f"{HERE}/correct", n=number, hide="yes")
    assert "Restarted" not in await admin.page(HERE)


async def test_a_note_may_be_about_an_earlier_time(house: House, admin: Person) -> None:
    await house.world.post(notification(alert()))
    assert 'name="at" required' in (await admin.page(HERE)).partition('id="d-note"')[2]
    sent = {"text": "Deployed 1.3", "at": "2026-11-23T13:40", "once": "0123456789abcdef"}
    assert await admin.send(f"{HERE}/note", **sent) == f"{HERE}?done=note#timeline"
    assert await admin.send(f"{HERE}/note", **sent) == f"{HERE}?done=repeated#timeline"
    log = (await house.get(f"/api/v1/incidents/{ID}/timeline"))[1]["items"]
    assert [one["data"]["at"] for one in log if one["text"] == "Deployed 1.3"] == ["2026-11-23T13:40:00.000Z"]
    await admin.send(f"{HERE}/note", text="Rolled back")
    listed = (await admin.page(HERE)).partition('<ol class="plain" reversed>')[2]
    assert listed.index("Rolled back") < listed.index("Opened") < listed.index("Deployed 1.3"), "newest first"
    assert '<time datetime="2026-11-23T13:40:00' in listed
    await admin.send(f"{HERE}/note", 400, text="x", at="yesterday")


async def test_a_hand_off_shows_its_packet_and_calendars_are_offered(house: House, admin: Person) -> None:
    await house.world.post(notification(alert("ApiDown")))
    assert "Hand-off details" not in await admin.page("/oncall")
    text = await admin.page("/oncall?packet=primary")
    assert "Review open incidents" in text
    assert f"{ID} SEV-1" in text
    async with house.client.get("/oncall/primary.ics", headers={"Cookie": admin.cookie}) as response:
        assert (response.status, response.content_type) == (200, "text/calendar")
        assert "BEGIN:VEVENT" in await response.text()
    await admin.page("/oncall/nothing.ics", 404)
    assert "not linked to an entry of people" in await admin.send("/oncall", 409, calendar="primary")


async def test_the_first_alert_is_a_test_that_pages_nobody(house: House, admin: Person) -> None:
    assert 'name="sample"' in await admin.page("/")
    assert (await admin.send("/", sample="yes")).startswith(f"{HERE}?done=sample")
    incident = (await house.get(f"/api/v1/incidents/{ID}"))[1]
    assert (incident["severity"], incident["pages"]) == ("SEV-4", [])
    assert 'name="sample"' not in await admin.page("/"), "only before the first notification"


async def test_what_cannot_be_meant_is_refused_with_what_is_right(house: House, admin: Person) -> None:
    await house.world.post(notification(alert()))
    version = (await house.get(f"/api/v1/incidents/{ID}"))[1]["version"]
    for fields in ({}, {"severity": "SEV-9"}):
        said = await admin.send(f"{HERE}/severity", 400, **fields)
        assert "severity: choose one of SEV-1, SEV-2, SEV-3, SEV-4" in said
    assert "write at least one of title" in await admin.send(f"{HERE}/edit", 400)
    for blank in ("\u200b\u2060", "\u3164", "\u2800\u00ad"):
        await admin.send("/", 400, declare="yes", title=blank, severity="SEV-4")
        await admin.send(f"{HERE}/edit", 400, title=blank)
        body = {"title": blank, "severity": "SEV-4"}
        async with house.client.post("/api/v1/incidents", json=body, headers=READ) as response:
            assert response.status == 400
            assert "title: has no visible character" in await response.text()
    assert (await house.get(f"/api/v1/incidents/{ID}"))[1]["version"] == version


async def test_the_system_page_tells_of_successes_rules_and_storms(house: House, admin: Person) -> None:
    await house.world.post(notification(alert("ApiDown")))
    text = await admin.page("/system")
    for said in ("last success 14:02 UTC", "Alerts by rule", "More than 20 incidents within 1 min", "No incident is"):
        assert said in re.sub(r"<[^>]+>", "", text), said
    _, channels = await house.get("/api/v1/channels", {"Authorization": "Bearer admin-token"})
    assert {one["name"]: one["last_success"] for one in channels["items"]}["pager"] is not None
    assert 'aria-current="page"' in await admin.page("/system")
    assert "<nav" in await admin.page("/sessions"), "in the console's frame"
    assert "<nav" in await admin.page("/incidents")


def test_no_page_of_the_console_is_left_without_the_frame() -> None:
    folder = Path(__file__).parents[3] / "receiver" / "web" / "templates" / "console"
    outside = {"frame.html", "parts.html", "error.html"}
    assert [
        one.name for one in folder.iterdir() if one.name not in outside and "frame.html" not in one.read_text()
    ] == []
