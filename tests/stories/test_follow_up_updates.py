"""After the first published update: rising severities, relapses, merges, reopenings, and late updates."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from receiver.incident.alerts.maintenance_windows import Window
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.model.command import ApproveUpdate, Declare, Edit, Identify, Mitigate, Reopen, Resolve, UpdateStatusPage
from receiver.model.incident.response_records import UpdateStatus
from receiver.model.severity import Severity
from tests.fakes import Answer
from tests.fakes.statuspage import KEY
from tests.stories.test_public_updates import ALICE, ONE, act, reminders, shown, updates
from tests.stories.world import World, alert, notification


def said(status: str, text: str = "In a person's words.", publish: bool | None = True) -> UpdateStatusPage:
    """Return a person's update."""
    return UpdateStatusPage(status=UpdateStatus(status), text=text, publish=publish)


async def test_a_draft_goes_out_by_itself_once_the_severity_says_at_once(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("AuthFailing")))
    await world.forward("2m")
    assert world.page.incidents == {}
    await act(world, Edit(severity=Severity.SEV1))
    (update,) = await updates(world)
    assert (update.n, update.waits, update.published_at) == (1, False, world.clock.now())
    assert "a major outage affecting API" in update.text
    assert len(world.page.incidents) == 1


async def test_the_public_hears_that_it_is_worse(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("AuthFailing")))
    await act(world, ApproveUpdate(n=1))
    await act(world, Edit(severity=Severity.SEV1))
    await world.forward("5s")
    assert [(one.severity, one.waits) for one in await updates(world)] == [("SEV-2", False), ("SEV-1", False)]
    ((_, there),) = world.page.incidents.items()
    assert (there["name"], there["impact_override"]) == ("API: major outage", "critical")
    assert world.page.components == {"cmp-api": "major_outage"}
    await act(world, Edit(severity=Severity.SEV2))
    await act(world, Edit(severity=Severity.SEV1))
    assert len(await updates(world)) == 2


async def test_a_lower_severity_still_tells_the_end(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    await act(world, Edit(severity=Severity.SEV4))
    await act(world, Resolve())
    last = (await updates(world))[-1]
    assert (last.status, last.waits) == ("resolved", True), "the policy of SEV-4 does not publish it automatically"
    await act(world, ApproveUpdate(n=last.n))
    await world.forward("5s")
    ((_, there),) = world.page.incidents.items()
    assert there["status"] == "resolved"


async def test_a_merged_one_ends_on_the_page(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    await world.forward("1s")
    await world.post(notification(alert("DatabaseCorruption"), group="other"))
    await world.one.respond.merge(ONE, "INC-2026-0002", ALICE, world.clock.now())
    await world.quiet()
    await world.forward("5s")
    assert (await updates(world))[-1].text == "We are continuing to work on this issue as part of another incident."
    assert [one["status"] for one in world.page.incidents.values()] == ["resolved", "investigating"]
    assert world.page.components == {"cmp-api": "major_outage"}


async def test_what_is_merged_keeps_its_components_bad_until_the_whole_is_over(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    await world.forward("1s")
    down = alert("ApiDown", labels={"service": "dashboard"})
    await world.post(notification(down, group="other"))
    await world.forward("5s")
    await world.one.respond.merge("INC-2026-0002", ONE, ALICE, world.clock.now())
    await world.quiet()
    await world.forward("5s")
    (there,) = shown(world).incidents
    assert (there.title, there.components) == ("API, Dashboard: major outage", ("api", "dashboard"))
    assert [c.condition for c in shown(world).components] == ["major_outage", "major_outage", "operational"]
    assert world.page.components == {"cmp-api": "major_outage", "cmp-dashboard": "major_outage"}
    await act(world, Identify())
    assert "the cause of a major outage affecting API, Dashboard and are" in (await updates(world))[-1].text
    # Leaving it out later is intentional.
    await world.forward("5s")
    await act(world, said("identified", "The dashboard works.").model_copy(update={"components": ("api",)}))
    await world.forward("5s")
    assert [c.condition for c in shown(world).components][:2] == ["major_outage", "operational"]
    await act(world, Resolve())
    await world.forward("9s")
    assert world.page.components == {"cmp-api": "operational", "cmp-dashboard": "operational"}


async def test_what_the_public_never_heard_of_is_not_told_by_a_merge(world: World) -> None:
    await world.open()
    await world.post(notification(alert("ApiDown")))
    await world.forward("1s")
    hidden = alert("ApiDown", labels={"service": "dashboard", "customer_visible": "false"})
    await world.post(notification(hidden, group="other"))
    await world.one.respond.merge("INC-2026-0002", ONE, ALICE, world.clock.now())
    await world.quiet()
    assert [one.components for one in shown(world).incidents] == [("api",)]


@pytest.mark.parametrize("field", ["next_update", "expected_resolution"])
async def test_no_time_that_has_passed_is_promised(world: World, field: str) -> None:
    await world.open()
    await world.post(notification(alert("ApiDown")))
    before = await updates(world)
    past = UpdateStatusPage(status=UpdateStatus.IDENTIFIED, text="x", **{field: world.clock.now()})
    with pytest.raises(IllegalCommand, match="has passed: give a time in the future"):
        await act(world, past)
    assert await updates(world) == before


async def test_a_relapse_is_told_once(world: World) -> None:
    await world.open()
    await world.post(notification(alert("ApiDown")))
    for _ in range(3):
        await world.post(notification(alert("ApiDown", firing=False)))
        await world.forward("2m")
        await world.post(notification(alert("ApiDown", starts=world.clock.now().isoformat())))
        await world.forward("2m")
    told = [one.status for one in await updates(world)]
    assert told == ["investigating", "monitoring", "investigating"]
    assert shown(world).incidents[0].progress == "investigating"


async def test_reopened_it_is_another_incident_at_the_vendor(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    await act(world, Resolve())
    await world.forward("5s")
    await act(world, Reopen())
    await world.forward("5s")
    assert [one["status"] for one in world.page.incidents.values()] == ["resolved", "investigating"]
    assert world.page.components == {"cmp-api": "major_outage"}
    await act(world, Resolve())
    await world.forward("5s")
    assert [one["status"] for one in world.page.incidents.values()] == ["resolved", "resolved"]


async def test_an_end_whose_answer_was_lost_is_ours(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    ((_, there),) = world.page.incidents.items()
    world.page.script += [Answer(body=json.dumps([there])), Answer(status=502, taken=True)]
    await act(world, Resolve())
    await world.forward("30s")
    ((_, there),) = world.page.incidents.items()
    assert [one["status"] for one in there["incident_updates"]] == ["resolved", "investigating"]
    await act(world, Reopen())
    await world.forward("30s")
    assert [one["status"] for one in world.page.incidents.values()] == ["resolved", "investigating"]


async def test_a_draft_that_is_overtaken_is_not_let_out(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("AuthFailing")))
    await act(world, said("investigating", "Written first.", publish=False))
    await world.forward("1m")
    await act(world, said("identified", "Published since."))
    with pytest.raises(IllegalCommand, match="identified"):
        await act(world, ApproveUpdate(n=1))
    await world.forward("20m")
    assert await reminders(world) == [], "it was published: no reminder"


async def test_a_later_approval_of_the_same_status_reaches_every_page(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("AuthFailing")))
    await act(world, said("identified", "The draft.", publish=False))
    await world.forward("1m")
    await act(world, said("identified", "Published since."))
    await world.forward("1m")
    await act(world, ApproveUpdate(n=1))
    await world.forward("5s")
    ((_, there),) = world.page.incidents.items()
    assert shown(world).incidents[0].updates[0].text == "The draft."
    assert there["incident_updates"][0]["body"] == "The draft."


@pytest.mark.parametrize("publish", [True, None])
async def test_what_is_over_is_only_said_to_be_over(world: World, publish: bool | None) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    await act(world, Resolve())
    await world.forward("5s")
    with pytest.raises(IllegalCommand, match="reopen"):
        await act(world, said("monitoring", publish=publish))
    await act(world, said("resolved", "It was a bad release."))
    await world.forward("5s")
    assert len(world.page.incidents) == 1


async def test_what_customers_do_not_see_never_goes_out_by_itself(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown", labels={"customer_visible": "false"})))
    await act(world, said("identified", publish=None))
    assert [one.waits for one in await updates(world)] == [True]
    assert (shown(world).incidents, world.page.incidents) == ((), {})


async def test_what_is_held_is_on_no_page(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    now = world.clock.now()
    window = Window(name="move", matchers=('service="api"',), starts=now, ends=now + timedelta(hours=1))
    await world.one.maintenance_windows.add(window, ALICE, now)
    await world.quiet()
    await world.post(notification(alert("ApiDown")))
    (incident,) = await world.incidents()
    assert incident.held is not None
    assert (shown(world).incidents, world.page.incidents, incident.updates) == ((), {}, ())


async def test_a_draft_of_later_news_has_its_own_time(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await act(world, ApproveUpdate(n=1))
    await world.forward("20m")
    await act(world, said("identified", publish=False))
    assert await reminders(world) == []
    await world.forward("16m")
    assert any("draft 2 (identified)" in one for one in await reminders(world))


async def test_a_template_that_waited_promises_no_time_that_has_passed(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("40m")
    await act(world, ApproveUpdate(n=1))
    (update,) = await updates(world)
    assert update.next_update is not None
    assert update.next_update > world.clock.now()
    assert f"Next update: {update.next_update:%Y-%m-%d %H:%M} UTC" in update.text


async def test_a_drill_waits_for_nobody(world: World) -> None:
    await world.open()
    declare = Declare(title="x", severity=Severity.SEV2, drill=True)
    await world.one.respond.declare(declare, ALICE, world.clock.now())
    await act(world, said("identified"))
    await world.forward("20m")
    assert await reminders(world) == []


async def test_a_component_that_nobody_knows_is_said(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    wrong = UpdateStatusPage(status=UpdateStatus.IDENTIFIED, text="x", components=("api", "nonsense"))
    with pytest.raises(ImpossibleCommand, match=r"nonsense.*api, dashboard, automations"):
        await act(world, wrong)


async def test_a_component_that_is_left_out_later_is_good_again(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    both = UpdateStatusPage(status=UpdateStatus.IDENTIFIED, text="Both.", components=("api", "dashboard"))
    await act(world, both)
    await world.forward("5s")
    assert world.page.components == {"cmp-api": "major_outage", "cmp-dashboard": "major_outage"}
    one = UpdateStatusPage(status=UpdateStatus.IDENTIFIED, text="The API alone.", components=("api",))
    await act(world, one)
    await world.forward("5s")
    assert world.page.components == {"cmp-api": "major_outage", "cmp-dashboard": "operational"}


async def test_a_fix_in_place_and_the_end_are_in_order(world: World) -> None:
    await world.open()
    await world.post(notification(alert("ApiDown")))
    await act(world, Identify())
    await act(world, Mitigate())
    await act(world, Resolve())
    assert [one.status for one in await updates(world)] == ["investigating", "identified", "monitoring", "resolved"]


async def test_a_draft_of_what_was_merged_is_asked_for_by_nobody(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("AuthFailing"), group="auth"))
    await world.post(notification(alert("Broken", annotations={"error_rate": "7.3%"}), group="other"))
    await world.one.respond.merge(ONE, "INC-2026-0002", ALICE, world.clock.now())
    await world.forward("40m")
    (child,) = [one for one in await world.incidents() if one.id == ONE]
    assert [one.waits for one in child.updates] == [True], "nothing was published"
    assert [event.kind for event in await world.one.incidents.events(child.uid) if event.kind == "status_due"] == []
