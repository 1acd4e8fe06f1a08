"""The pages System and Status: administrators leave audit lines, rules are counted, announcements are public."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from receiver.config import ConfigError, Problem
from receiver.pipeline.intake.rule_hits import RuleHitCounter, RuleHits
from receiver.store.client.connection import StoreAway
from tests.fakes import Answer
from tests.stories.world import START, alert, notification
from tests.web.conftest import READ, House
from tests.web.console.test_forms import ID, Person
from tests.web.test_audit_trail import audits

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


@pytest.fixture
async def admin(house: House) -> Person:
    return await Person(house, "admin-token").sign_in()


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def test_a_notification_that_is_tried_says_who_is_paged_when(house: House, admin: Person) -> None:
    page = await admin.send("/system", 200, payload=notification(alert("ApiDown")).decode())
    text = words(page.partition('id="simulated"')[2])
    assert text.index("SEV-1") < text.index("Rule ") < text.index("after 0 s: Alice (on-call) is paged by PagerDuty")
    assert "after 15 min:" in text
    for quiet, said in (
        (notification(alert(firing=False)), "Ignored : nothing open"),
        (notification(alert("Watchdog", labels={"severity": "none"}), group="w"), "No incident would open."),
    ):
        assert said in words((await admin.send("/system", 200, payload=quiet.decode())).partition('id="try"')[2])
    assert "Bad Request" in await admin.send("/system", 400, payload="{")
    assert (await house.get("/api/v1/incidents"))[1]["items"] == [], "nothing is stored"
    await house.world.quiet()
    assert house.world.rung() == []


async def test_what_administrators_do_in_the_console_leaves_a_line(house: House, admin: Person) -> None:
    house.world.slack.refused["chat.postMessage"] = "is_archived"
    for name in ("a", "b"):
        await house.world.post(notification(alert(name, **HIGH), group=name))
    await house.world.quiet()
    letters = re.findall(r'name="drop" value="(\w+)"', await admin.page("/system"))
    assert len(letters) >= 2
    house.world.slack.refused.clear()
    with capture_logs() as lines:
        await admin.send("/system", drop=letters[0])
        assert await admin.send("/system", retry_all="yes", channel="chat") == "/system?done=retry-all"
        await admin.send("/system", 404, retry_all="yes", channel="nowhere")
        await admin.send("/system", 404, retry=letters[0])
        await admin.send("/system", test="chat")
        house.world.slack.script.append(Answer(body={"ok": False, "error": "invalid_auth"}))
        await admin.send("/system", 502, test="chat")
        assert await admin.send("/system", reload="yes") == "/system?done=reload"
    found = [(line["action"], line["outcome"], line["caller"]) for line in audits(lines)]
    assert found == [
        ("dead_letter_drop", "done", "admin"), ("dead_letter_replay", "done", "admin"),
        ("dead_letter_replay", "refused", "admin"), ("dead_letter_replay", "refused", "admin"),
        ("channel_test", "done", "admin"), ("channel_test", "refused", "admin"), ("reload", "done", "admin"),
    ]  # fmt: skip
    await house.world.quiet()
    assert "No delivery has failed permanently." in await admin.page("/system")


async def test_a_configuration_with_mistakes_is_not_loaded_and_says_which(house: House, admin: Person) -> None:
    def broken() -> Any:
        raise ConfigError([Problem("r.yaml", 7, 3, "severities.SEV-1", "no contact is named 'oncal'", "")])

    before, house.source = house.replica.config, broken
    text = await admin.send("/system", 422, reload="yes")
    assert "nothing was changed: r.yaml:7: severities.SEV-1: no contact is named" in text
    assert house.replica.config is before
    person = await Person(house, "respond-token").sign_in()
    for fields in ({"reload": "yes"}, {"retry_all": "yes"}, {"test": "chat"}):
        await person.send("/system", 403, **fields)
    assert 'name="reload"' not in await person.page("/system")


async def test_alerts_are_counted_by_rule_over_30_days_and_all_replicas(house: House, admin: Person) -> None:
    assert "No alert has been evaluated yet." in await admin.page("/system")
    for name in ("one", "two"):
        for _ in range(2):
            await house.world.post(notification(alert(labels={"zone": name}, **HIGH), group=name))
    other = RuleHitCounter(house.parts.rule_hits.store)
    other.note("high-error-rate", 3, house.world.clock.now())
    await other.flush()
    text = words((await admin.page("/system")).partition('id="hits"')[2])
    assert "high-error-rate 5 5" in text, "a repetition counts once"
    house.world.clock.forward("26h")
    await house.world.post(notification(alert(labels={"zone": "three"}, **HIGH), group="three"))
    await admin.sign_in()
    text = words((await admin.page("/system")).partition('id="hits"')[2])
    assert "high-error-rate 6 1" in text
    _, said = await house.get("/api/v1/rules/hits")
    assert said["items"] == [{"rule": "high-error-rate", "today": 1, "last_30_days": 6}]
    later = await house.parts.rule_hits.listing(house.world.clock.now() + timedelta(days=30))
    assert later == []
    found = await house.parts.rule_hits.listing(house.world.clock.now() + timedelta(days=29))
    assert found == [RuleHits("high-error-rate", 0, 1)]


async def test_counts_wait_while_the_store_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise StoreAway("gone")

    counter = RuleHitCounter(house.parts.rule_hits.store)
    counter.note("a", 2, START)
    with monkeypatch.context() as patched:
        patched.setattr(type(counter.store), "add", away)
        await counter.flush()
        counter.note("a", 1, START)
        await counter.flush()
    assert await counter.listing(START) == [RuleHits("a", 3, 3)]
    assert await counter.listing(START) == [RuleHits("a", 3, 3)], "written once"


async def test_an_announcement_is_published_and_removed(house: House, admin: Person) -> None:
    form = (await admin.page("/console/status")).partition('<details id="announce">')[2]
    once = re.findall(r'name="once" value="(\w+)"', form)[0]
    said = {"title": "New <b>regions</b>", "text": "From January on.\nAlso in Asia.", "until": "2026-12-24T00:00"}
    for _ in range(2):
        assert await admin.send("/console/status", announce="yes", once=once, **said) == "/console/status?done=announce"
    async with house.client.get("/status") as response:
        assert (await response.text()).count("New &lt;b&gt;regions&lt;/b&gt;") == 1, "published once"
    text = await admin.page("/console/status")
    assert "until <time" in text
    number = re.findall(r'name="unannounce" value="(\w+)"', text)[0]
    assert await admin.send("/console/status", unannounce=number) == "/console/status?done=unannounce"
    house.world.clock.forward("2s")
    async with house.client.get("/status") as response:
        assert "regions" not in await response.text()
    await admin.send("/console/status", 404, unannounce=number)
    for fields, status in (
        ({"text": "x"}, 400), ({"title": "x"}, 400), ({**said, "until": "2020-01-01T00:00"}, 409),
        ({**said, "until": "soon"}, 400),
    ):  # fmt: skip
        await admin.send("/console/status", status, announce="yes", **fields)


async def test_open_links_and_counts_stand_beside_what_they_are_about(house: House, admin: Person) -> None:
    assert 'aria-label="Open pager"' not in await admin.page("/system")
    house.parts.pagerduty_events.addresses.remember("pager", "k", "https://acme.pagerduty.com/incidents/P1")
    assert '<a class="button" href="https://acme.pagerduty.com" rel="noopener noreferrer" aria-label="Open pager">' in (
        await admin.page("/system")
    )


async def test_a_window_has_a_name_for_the_public(house: House, admin: Person) -> None:
    window = {"name": "db-7 to 16", "public_name": "Database upgrade", "matchers": 'service="db"'}
    await admin.send("/console/status", until="2026-11-24T10:00", **window, **{"component.api": "yes"})
    async with house.client.get("/status") as response:
        text = await response.text()
    assert "Database upgrade" in text and "db-7" not in text


async def test_a_window_may_recur_every_week_and_no_form_makes_two(house: House, admin: Person) -> None:
    once = re.findall(r'name="once" value="([0-9a-f]+)"', (await admin.page("/system")).partition("new-weekly")[2])[0]
    window = {"name": "Backups", "matchers": 'service="db"', "every": "week", "day": "Sunday", "at": "03:00",
              "timezone": "Europe/Berlin", "minutes": "90", "component.api": "yes", "once": once}  # fmt: skip
    for _ in range(2):
        assert await admin.send("/system", **window) == "/system?done=window"
    (made,) = (await house.get("/api/v1/maintenance"))[1]["items"]
    assert [made[name] for name in ("weekly", "for", "timezone", "components", "until", "next_at")] == [
        "Sunday 03:00", 5400, "Europe/Berlin", ["api"], None, "2026-11-29T02:00:00.000Z"
    ]  # fmt: skip
    assert "every Sunday 03:00 (Europe/Berlin) for 1 h 30 min" in words(await admin.page("/system"))
    for wrong, said in (
        ({"day": "Someday"}, "weekly: no such day"), ({"minutes": "0"}, "minutes: must be greater"),
        ({"timezone": "Berlin"}, "timezone: "), ({"minutes": "x"}, "minutes: not a number"),
        ({"matchers": " "}, "matchers: "), ({"name": ""}, "name: "),
    ):  # fmt: skip
        page = await admin.send("/system", 400, **{**window, "once": "", **wrong})
        assert said in words(page), (wrong, words(page))
    await admin.send("/system", 409, **{**window, "minutes": "30"})
    single = {"name": "Once", "matchers": 'service="db"', "until": "2026-11-24T10:00", "once": once[::-1]}
    for _ in range(2):
        await admin.send("/console/status", **single)
    assert len((await house.get("/api/v1/maintenance"))[1]["items"]) == 2


PAGES = ("/", "/incidents", f"/incidents/{ID}", "/oncall", "/console/status", "/status/internal", "/system", "/reports",
         "/reports/2026-11", f"/incidents/{ID}/timeline", f"/incidents/{ID}/postmortem")  # fmt: skip


async def test_with_the_store_away_every_page_is_html_reads_only_and_says_so(
    house: House, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.world.post(notification(alert(**HIGH)))
    await house.world.quiet()
    connection = type(house.replica.connection)

    class Gone:
        async def __aenter__(self) -> None:
            raise StoreAway("gone")

        async def __aexit__(self, *_: object) -> None:
            raise AssertionError

    async def away(*_: object, **__: object) -> None:
        raise StoreAway("gone")

    monkeypatch.setattr(connection, "guarded", lambda self, *_, **__: Gone())
    monkeypatch.setattr(connection, "write", away)
    statuses = Counter[int]()
    for path in PAGES:
        headers = {"Accept": "text/html", "Cookie": admin.cookie}
        async with house.client.get(path, headers=headers, allow_redirects=False) as response:
            text = await response.text()
        statuses[response.status] += 1
        assert (response.status in (200, 503), response.content_type) == (True, "text/html"), path
        assert re.search("store is (unavailable|away)", text), path
        posts = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', text)
        assert set(posts) <= {"/logout"}, path
        assert '<meta name="viewport"' in text, path
        if response.status == 503:
            assert "pager (PagerDuty)" in text, path
    assert statuses[200] >= 5
    async with house.client.get("/api/v1/incidents", headers=READ) as response:
        assert (response.status, response.content_type) == (503, "application/problem+json"), (
            "programs get a problem document"
        )
