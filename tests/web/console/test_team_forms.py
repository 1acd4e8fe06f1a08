"""Incident forms for teamwork: other teams, visibility, times, action items, notified people."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from receiver.config import Config
from receiver.model.command import AddAction
from receiver.model.incident.event import Actor, ActorKind
from receiver.pipeline.outbox.vendor_places import vendor_places
from tests.stories.world import alert, notification
from tests.web.api.test_teams import with_teams
from tests.web.auth.test_schedule_limits import limited
from tests.web.conftest import House, Opened
from tests.web.console.test_forms import HERE, ID, Person

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
ALICE = Actor(kind=ActorKind.API, name="alice")


async def incident(house: House) -> dict[str, Any]:
    return (await house.get(f"/api/v1/incidents/{ID}"))[1]  # type: ignore[no-any-return]


@pytest.fixture
async def house(opened: Opened) -> House:
    house = await opened(with_teams)
    await house.world.post(notification(alert(**HIGH)))
    return house


@pytest.fixture
async def person(house: House) -> Person:
    return await Person(house, "respond-token").sign_in()


async def test_a_declared_incident_has_a_summary_and_a_team(house: House, person: Person) -> None:
    form = (await person.page("/")).partition('<details id="declare">')[2].partition("</form>")[0]
    assert re.findall(r'<option value="(\w*)">', form) == ["", "data", "payments"]
    told = {"declare": "yes", "title": "By hand", "severity": "SEV-4", "summary": "Seen by\r\na customer"}
    assert (await person.send("/", **told, team="data")).startswith("/incidents/INC-2026-0002")
    made = (await house.get("/api/v1/incidents/INC-2026-0002"))[1]
    assert (made["team"], made["summary"]) == ("data", "Seen by\na customer")
    assert "no such team" in await person.send("/", 409, **told, team="nobody")


async def test_an_incident_is_handed_over_to_a_team_which_is_paged(house: House, person: Person) -> None:
    form = (await person.page(HERE)).partition(f'action="{HERE}/team"')[2].partition("</form>")[0]
    assert re.findall(r'<option value="(\w*)">', form) == ["data", "payments"], "not to the team that has it"
    once = re.findall(r'name="once" value="(\w+)"', form)[0]
    assert (await person.send(f"{HERE}/team", team="data", text="it is the pipeline", once=once)).startswith(
        f"{HERE}?done=team"
    )
    await house.world.quiet()
    assert ((await incident(house))["team"], house.world.rung()) == ("data", ["alice", "carol"])
    assert (await person.send(f"{HERE}/team", team="data", text="it is the pipeline", once=once)).startswith(
        f"{HERE}?done=repeated"
    )
    assert "Handed over to another team." in await person.page(f"{HERE}?done=team")
    await person.send(f"{HERE}/team", team="", text="back")
    assert (await incident(house))["team"] == ""
    assert "no team is named" in await person.send(f"{HERE}/team", 409, team="nobody")
    await person.send(f"{HERE}/team", 400)
    await person.send(f"{HERE}/resolve", confirmed="yes")
    assert f'action="{HERE}/team"' not in await person.page(HERE)


async def test_without_teams_there_is_nobody_to_hand_it_to(opened: Opened) -> None:
    house = await opened()
    await house.world.post(notification(alert(**HIGH)))
    assert f'action="{HERE}/team"' not in await (await Person(house, "respond-token").sign_in()).page(HERE)


def private_team(config: Config) -> Config:
    made = limited(config)
    teams = {**made.teams, "payments": made.teams["payments"].model_copy(update={"private": True})}
    return made.model_copy(update={"teams": teams})


async def test_who_sees_it_no_more_is_led_to_the_list(opened: Opened) -> None:
    house = await opened(private_team)
    await house.world.post(notification(alert(labels={"team": "data"}, **HIGH)))
    person = await Person(house, "data-token").sign_in()
    assert await person.send(f"{HERE}/team", team="payments") == "/?done=team"
    assert f"/incidents/{ID}" not in await person.page("/")
    await person.page(HERE, 404)
    await person.send(f"{HERE}/team", 404, team="data")
    assert (await incident(house))["team"] == "payments"


async def test_it_is_made_private_and_shown_again(house: House, person: Person) -> None:
    assert "Everyone who can read incidents sees this incident." in await person.page(HERE)
    await person.send(f"{HERE}/visibility", visibility="team")
    assert (await incident(house))["visibility"] == "team"
    assert "people without a team limit see this incident" in await person.page(HERE)
    await person.send(f"{HERE}/visibility", visibility="all")
    assert (await incident(house))["visibility"] == "all"
    await person.send(f"{HERE}/visibility", 400, visibility="nobody")


async def test_times_and_entries_are_corrected(house: House, person: Person) -> None:
    await person.send(f"{HERE}/clock", clock="impact_began", at="2026-11-23T13:50", text="customers wrote then")
    _, said = await house.get(f"/api/v1{HERE}/clocks")
    clock = next(one for one in said["clocks"] if one["clock"] == "impact_began")
    assert (clock["at"], clock["by"]) == ("2026-11-23T13:50:00.000Z", "on-call-cli")
    assert "clock: " in await person.send(f"{HERE}/clock", 400, clock="midnight")
    await person.send(f"{HERE}/clock", 400, clock="impact_began", at="noon")
    await person.send(f"{HERE}/note", text="Restarted")
    number = re.findall(r"correct=(\d+)", await person.page(HERE))[0]
    await person.send(f"{HERE}/correct", n=number, text="Restarted", at="2026-11-23T13:55")
    assert "2026-11-23T13:55:00.000Z" in await person.page(f"{HERE}?events=people")


async def test_action_items_are_changed_and_dropped(house: House, person: Person) -> None:
    for title in ("Add a canary", "Add a graph"):
        await house.replica.respond.act(ID, AddAction(title=title, owner="bob"), ALICE, house.world.clock.now())
    text = await person.page(HERE)
    assert 'name="title" required maxlength="300" value="Add a canary"' in text
    await person.send(f"{HERE}/action", n="1", title="Add two canaries", owner="carol", due="2026-12-24")
    await person.send(f"{HERE}/action", n="2", status="dropped", title="Add a graph", owner="bob", due="")
    actions = [(one["title"], one["owner"], one["due"], one["status"]) for one in (await incident(house))["actions"]]
    assert actions == [("Add two canaries", "carol", "2026-12-24", "open"), ("Add a graph", "bob", None, "dropped")]
    assert "mallory" in await person.send(f"{HERE}/action", 409, n="1", owner="mallory")
    assert "mallory" in await person.send(f"{HERE}/action", 409, title="x", owner="mallory")
    assert "due: not a date" in await person.send(f"{HERE}/action", 400, n="1", due="soon")


async def test_a_tick_in_a_report_leads_back_to_it(house: House, person: Person) -> None:
    await house.replica.respond.act(ID, AddAction(title="A canary", owner="bob"), ALICE, house.world.clock.now())
    text = await person.page("/reports/2026-11")
    back = re.findall(r'name="back" value="([^"]+)"', text)[0]
    assert await person.send(f"{HERE}/action", n="1", status="done", back=back) == "/reports/2026-11?done=action"
    for elsewhere in ("https://evil.example", "//evil.example", "/reports/2026-11/../../x", "/login"):
        led = await person.send(f"{HERE}/action", n="1", status="open", back=elsewhere)
        assert led == f"{HERE}?done=action#actions", elsewhere


async def test_an_update_says_cause_and_expected_end(house: House, person: Person) -> None:
    await person.send(
        f"{HERE}/update", status="identified", text="We found it.", cause="a release", expected="2026-11-23T15:00",
        publish="no",
    )  # fmt: skip
    update = (await incident(house))["status_updates"][-1]
    assert (update["cause"], update["expected_resolution"]) == ("a release", "2026-11-23T15:00:00.000Z")


async def test_before_several_are_resolved_it_is_said_who_is_notified(house: House, person: Person) -> None:
    await house.world.post(notification(alert("ApiDown"), group="other"))
    both = {f"id.{ID}": "yes", "id.INC-2026-0002": "yes"}
    asked = await person.send("/", 200, verb="resolve", **both)
    told = asked.partition("Who is notified")[2]
    assert told.count("alice (page resolved)") == 1
    assert "chat #incidents" in told
    assert "INC-2026-0002" in asked.partition("<h2>Selected</h2>")[2].partition("<h2>")[0]


async def test_a_page_is_sent_then_acknowledged_in_one_line(house: House, person: Person) -> None:
    await house.world.quiet()
    assert re.search(
        r'Alice</bdi> <span class="quiet">\(on-call\)</span> · PagerDuty · <span class="state-sent">sent</span> <time',
        await person.page(HERE),
    )
    house.world.clock.forward("2m")
    await person.send(f"{HERE}/acknowledge")
    line = re.findall(r"PagerDuty · .*?</li>", await person.page(HERE))[0]
    assert re.sub(r"<[^>]+>", "", line) == "PagerDuty · sent 14:02 UTC · acknowledged 14:04 UTC"


async def test_a_false_alarm_is_closed_with_a_reason_and_an_earlier_note_has_its_time(
    house: House, person: Person
) -> None:
    await person.send(f"{HERE}/note", text="Disk was full", at="2026-11-23T13:40")
    _, log = await house.get(f"/api/v1{HERE}/timeline")
    assert next(one["data"]["at"] for one in log["items"] if one["kind"] == "note") == "2026-11-23T13:40:00.000Z"
    assert "future" in await person.send(f"{HERE}/note", 409, text="Not yet", at="2027-11-23T13:40")
    form = (await person.page(HERE)).partition(f'action="{HERE}/close"')[2].partition("</form>")[0]
    assert 'name="force" value="yes"' in form
    await person.send(f"{HERE}/close", 409, force="yes")
    await person.send(f"{HERE}/close", force="yes", text="a test of the probe")
    assert (await incident(house))["state"] == "closed"
    assert f'action="{HERE}/close"' not in await person.page(HERE)


async def test_every_document_leads_to_where_its_words_are_changed(house: House, person: Person) -> None:
    for name, link in (
        ("timeline", f'href="{HERE}?events=all#timeline">Correct entries'), ("postmortem", 'href="?edit=1">Edit'),
        ("customer-email", f'href="{HERE}#edit">Edit the text'),
    ):  # fmt: skip
        assert link in await person.page(f"{HERE}/{name}")
    assert 'id="edit"' in await person.page(HERE)


async def test_earlier_versions_of_a_post_mortem_are_read(house: House, person: Person) -> None:
    here = f"{HERE}/postmortem"
    assert "?version=" not in await person.page(here)
    for number, words in enumerate(("First words", "Second words")):
        await person.send(here, markdown=f"## What happened\n\n{words}", version=str(number))
    newest = await person.page(here)
    assert "Second words" in newest and 'href="?version=1">version 1 by <bdi>on-call-cli</bdi>' in newest
    first = await person.page(f"{here}?version=1")
    assert "First words" in first and "Second words" not in first
    assert "Version 1, not the newest" in first
    assert "words" not in (await person.page(f"{here}?version=0")).partition('class="doc"')[2]
    async with house.client.get(f"{here}?download=1&version=1", headers={"Cookie": person.cookie}) as response:
        assert "First words" in await response.text()
    await person.page(f"{here}?version=3", 404)
    assert "Second words" in await person.page(f"{here}?version=x")


class Elsewhere:
    """A channel of the configuration."""

    def __init__(self, kind: str, api_url: str) -> None:
        self.name, self.kind, self.settings = kind, kind, SimpleNamespace(api_url=api_url)


def receipt(channel: str, ref: Any, outcome: str = "delivered", **more: Any) -> dict[str, Any]:
    return {"channel": channel, "ref": ref, "outcome": outcome, **more}


def test_tickets_wiki_pages_and_rooms_are_found_in_receipts() -> None:
    channels: dict[str, Any] = {
        "jira": Elsewhere("jira", "https://acme.atlassian.net"), "chat": Elsewhere("slack", "https://slack.com/api"),
        "confluence": Elsewhere("confluence", "https://acme.atlassian.net/wiki"),
    }  # fmt: skip
    receipts = [
        receipt("jira", "OPS-12"), receipt("jira", "OPS-12"), receipt("jira", "OPS-13"), receipt("jira", None),
        receipt("jira", "OPS-14", "auth"), receipt("jira", "../evil"), receipt("gone", "OPS-15"),
        receipt("confluence", "4711"), receipt("confluence", "OPS"), receipt("chat", "1.2", room="inc-2026-0001-api"),
    ]  # fmt: skip
    assert [(one.text, one.href) for one in vendor_places(receipts, channels)] == [
        ("Ticket OPS-12", "https://acme.atlassian.net/browse/OPS-12"),
        ("Ticket OPS-13", "https://acme.atlassian.net/browse/OPS-13"),
        ("Wiki page", "https://acme.atlassian.net/wiki/pages/viewpage.action?pageId=4711"),
        ("#inc-2026-0001-api", None),
    ]
    channels["jira"] = Elsewhere("jira", "javascript:alert(1)")
    assert vendor_places(receipts[:1], channels) == [("Ticket OPS-12", None)]


async def test_the_page_of_an_incident_names_its_places(
    house: House, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Also in:" not in await person.page(HERE)
    whole = house.replica.incidents.receipts

    async def more(uid: str) -> Any:
        return [*await whole(uid), receipt("chat", "1.2", room="inc-<b>1")]

    monkeypatch.setattr(house.replica.incidents, "receipts", more)
    assert "Also in: <b><bdi>#inc-&lt;b&gt;1</bdi></b>" in await person.page(HERE)
