"""Public updates: at once, as a draft with a deadline, or never; and no untrusted text in them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from receiver.config.settings.service_settings import Service
from receiver.model.command import ApproveUpdate, Declare, Identify, Reopen, Resolve, UpdateStatusPage
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.response_records import StatusUpdate, UpdateStatus
from receiver.model.severity import Severity
from receiver.pipeline.status.public_view import PublicView
from tests.fakes import Answer
from tests.fakes.smtp import FakeSmtp
from tests.fakes.statuspage import KEY
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
ONE = "INC-2026-0001"


async def act(world: World, command: Any, number: str = ONE) -> None:
    """Carry out a command, and process what follows."""
    await world.one.respond.act(number, command, ALICE, world.clock.now())
    await world.quiet()


async def updates(world: World, number: int = 0) -> list[StatusUpdate]:
    """Return the status updates of an incident, in order."""
    return list((await world.incidents())[number].updates)


def shown(world: World) -> Any:
    """Return the content of the status page."""
    return PublicView(world.one.config).page(world.one.incident_cache.public.open(), world.clock.now())


@pytest.mark.parametrize(("name", "said"), [("receiver", "our service"), ("Zahlwerk", "Zahlwerk")])
async def test_the_public_never_reads_the_name_of_this_program(world: World, name: str, said: str) -> None:
    await world.open()
    world.one.setting = replace(
        world.one.setting, policy=replace(world.one.setting.policy, product=Service(name=name).product)
    )
    await world.post(notification(alert("ApiDown", labels={"service": "checkout"})))
    assert f"a major outage affecting {said}. Next update: " in (await updates(world))[-1].text


async def test_a_sev1_is_published_at_once_by_itself(world: World) -> None:
    await world.open(2, STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    (update,) = await updates(world)
    assert (update.status, update.published_at, update.template) == ("investigating", world.clock.now(), True)
    assert update.text.startswith(
        "We are currently investigating reports of a major outage affecting API. Next update: "
    )
    assert update.components == ("api",)
    ((number, there),) = world.page.incidents.items()
    assert (there["status"], there["impact_override"]) == ("investigating", "critical")
    assert there["metadata"] == {"incident_service": {"incident_id": shown(world).incidents[0].id}}
    assert world.page.components == {"cmp-api": "major_outage"}
    await act(world, Identify())
    await world.forward("3s")
    assert world.page.incidents[number]["status"] == "identified"
    await act(world, Resolve())
    await world.forward("3s")
    assert (world.page.incidents[number]["status"], world.page.components) == ("resolved", {"cmp-api": "operational"})
    assert [one.status for one in await updates(world)] == ["investigating", "identified", "resolved"]
    assert "Duration: 2026-11-23 14:02 UTC to " in (await updates(world))[-1].text


async def test_a_sev2_is_a_draft_with_a_deadline_until_somebody_lets_it_out(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("AuthFailing")))
    (draft,) = await updates(world)
    assert (draft.waits, draft.deadline) == (True, world.clock.now() + timedelta(minutes=15))
    assert shown(world).incidents == ()
    assert world.page.incidents == {}
    await act(world, ApproveUpdate(n=1))
    assert [one.text for one in shown(world).incidents[0].updates] == [draft.text]
    assert len(world.page.incidents) == 1
    await world.forward("16m")
    assert await reminders(world) == []


async def reminders(world: World) -> list[str]:
    """Return the reminders, in order."""
    (incident,) = await world.incidents()
    return [e.text for e in await world.one.incidents.events(incident.uid) if e.kind is Kind.STATUS_DUE]


async def test_a_draft_that_waits_too_long_is_reminded_of_once(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("14m")
    assert await reminders(world) == []
    await world.forward("2m")
    (text,) = await reminders(world)
    assert text == "draft 1 (investigating) is waiting for approval: the public update was due at 2026-11-23 14:17 UTC"
    await world.forward("60m")
    assert len(await reminders(world)) == 1


async def test_what_a_person_writes_takes_the_place_of_the_draft(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await act(world, UpdateStatusPage(status=UpdateStatus.INVESTIGATING, text="We look into it.", publish=True))
    (update,) = await updates(world)
    assert (update.n, update.text, update.template, update.waits) == (1, "We look into it.", False, False)
    await act(world, Identify())
    assert [(one.n, one.status, one.waits) for one in await updates(world)] == [
        (1, "investigating", False), (2, "identified", True),
    ]  # fmt: skip


async def test_a_promised_update_is_reminded_of(world: World) -> None:
    await world.open()
    await world.post(notification(alert("ApiDown")))
    await world.forward("29m")
    assert await reminders(world) == []
    await world.forward("2m")
    assert len(await reminders(world)) == 1


async def test_what_nobody_heard_of_need_not_be_called_off(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await act(world, Resolve())
    assert [one.status for one in await updates(world)] == ["investigating"]


async def test_reopened_it_is_told_again(world: World) -> None:
    await world.open()
    await world.post(notification(alert("ApiDown")))
    await act(world, Resolve())
    await act(world, Reopen())
    assert [one.status for one in await updates(world)] == ["investigating", "resolved", "investigating"]


@pytest.mark.parametrize(
    ("name", "labels", "told"),
    [
        ("SlowQueries", {"severity_level": "x", "customer_visible": "true"}, None),
        ("ApiDown", {"customer_visible": "false"}, 0),
        ("ApiDown", {}, 1),
    ],
)
async def test_the_label_that_says_what_customers_see(
    world: World, name: str, labels: dict[str, str], told: int | None
) -> None:
    await world.open()
    await world.post(notification(alert(name, labels=labels)))
    if told is not None:
        assert len(await updates(world)) == told


@pytest.mark.parametrize(("severity", "told"), [("SEV-1", 1), ("SEV-2", 1), ("SEV-3", 0), ("SEV-4", 0)])
async def test_each_severity_by_hand(world: World, severity: str, told: int) -> None:
    await world.open()
    declare = Declare(title="x", severity=Severity(severity), service="api")
    done = await world.one.respond.declare(declare, ALICE, world.clock.now())
    assert len(done.incident.updates) == told, "in the same decision, so that no If-Match becomes stale"
    await world.quiet()
    assert (await world.incidents())[0].version == done.incident.version


async def test_a_drill_is_never_public(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    declare = Declare(title="x", severity=Severity.SEV1, drill=True)
    await world.one.respond.declare(declare, ALICE, world.clock.now())
    await act(world, UpdateStatusPage(status=UpdateStatus.IDENTIFIED, text="x", publish=True))
    assert shown(world).incidents == ()
    assert world.page.incidents == {}


async def test_a_component_is_good_only_when_nothing_holds_it_any_more(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    await world.post(notification(alert("DatabaseCorruption"), group="other"))
    await act(world, Resolve())
    await world.forward("5s")
    assert world.page.components == {"cmp-api": "major_outage"}
    await act(world, Resolve(), "INC-2026-0002")
    await world.forward("5s")
    assert world.page.components == {"cmp-api": "operational"}


async def test_a_lost_answer_makes_no_second_incident(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    world.page.script.append(Answer(status=502, taken=True))
    await world.post(notification(alert("ApiDown")))
    await world.forward("30s")
    ((_, there),) = world.page.incidents.items()
    assert len(there["incident_updates"]) == 1


async def test_what_a_person_has_ended_on_the_page_is_not_opened_again(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    await world.post(notification(alert("ApiDown")))
    ((number, there),) = world.page.incidents.items()
    there["status"] = "resolved"
    await act(world, Identify())
    await world.forward("10s")
    assert world.page.incidents[number]["status"] == "resolved"


async def test_nothing_foreign_reaches_the_page(world: World) -> None:
    await world.open(STATUSPAGE_KEY=KEY)
    evil = {"instance": "db-7.internal.example.com", "tenant": "acme", "pod": "<script>"}
    await world.post(notification(alert("ApiDown", labels=evil, annotations={"summary": "acme is down on db-7"})))
    public = shown(world).model_dump_json() + json.dumps(world.page.incidents)
    for word in ("db-7", "acme", "script", "ApiDown", "alice", "INC-2026"):
        assert word not in public


async def test_support_hears_of_what_is_let_out(world: World) -> None:
    server = FakeSmtp()
    await server.start()
    try:
        await world.open(SMTP_URL=f"smtp://127.0.0.1:{server.port}?tls=never")
        await world.post(notification(alert("AuthFailing")))
        assert not any("support@stratum.ai" in to for _, to, _ in server.mails)
        await act(world, ApproveUpdate(n=1))
        assert sum("support@stratum.ai" in to for _, to, _ in server.mails) == 1
    finally:
        await server.stop()
