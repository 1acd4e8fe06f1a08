"""While the store is unavailable, an incident is escalated by at most one step, which is recorded afterward."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from receiver.incident.store_outage.emergency_escalation import NOTE, next_step
from receiver.model.command import Acknowledge
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.store_outage.store_monitor import StoreState
from tests.fakes import Answer
from tests.stories.test_disconnected_replica import OVER, back, cut_off
from tests.stories.test_emergency_pages import DOWN, Outworld, outworld
from tests.stories.world import alert, notification

__all__ = ["outworld"]

MAJOR = notification(alert(annotations={"error_rate": "7.3%"}))
"""A SEV-2: alice is paged, and after 15 minutes the engineering lead."""
ALICE = Actor(kind=ActorKind.PERSON, name="alice")
TOKEN = "pd-token-of-the-tests"


async def waiting(outworld: Outworld, replicas: int = 1, body: bytes = MAJOR, **env: Any) -> None:
    """Page a person, wait 14 minutes without an answer, and kill the store."""
    await outworld.open(replicas, **env)
    await outworld.post(body)
    await outworld.forward("14m")
    await outworld.beats(2)  # commits of other replicas are known by now
    await outworld.kill()


async def kinds(outworld: Outworld) -> Counter[str]:
    (incident,) = await outworld.incidents()
    return Counter(event.kind for event in await outworld.one.incidents.events(incident.uid))


async def test_nobody_has_acknowledged_and_the_next_step_is_taken_once(outworld: Outworld) -> None:
    await waiting(outworld)
    await outworld.beats(50)
    assert outworld.rung() == ["alice"], "not before its time"
    await outworld.beats(15)
    assert outworld.rung() == ["alice", "eng-lead"]
    *_, last = outworld.pagerduty.taken
    assert NOTE in last["body"]["payload"]["summary"], "the page says so"
    await outworld.beats(16 * 60)
    assert outworld.rung() == ["alice", "eng-lead"], "one step, regardless of the length of the outage"

    outworld.server.restart()
    await outworld.beats(6)
    await outworld.quiet()
    (incident,) = await outworld.incidents()
    assert {page.key for page in incident.unanswered} >= set(outworld.sent()[:2])
    log = await outworld.one.incidents.events(incident.uid)
    (taken,) = [one for one in log if one.kind is Kind.ESCALATED and one.data["step"] == 1]
    assert "the incident store is unavailable" in taken.text
    assert (taken.at - incident.opened_at).total_seconds() < 16 * 60, "it is recorded at the time when it was taken"
    receipts = await outworld.one.incidents.receipts(incident.uid)
    told = [one["to"] for one in receipts if one["channel"] == "pager" and one["outcome"] == "delivered"]
    assert told.count("eng-lead") == 1
    # The clock continues: the second step was due half an hour after the beginning.
    assert set(outworld.rung()) >= {"alice", "eng-lead", "vp-eng"}
    assert len(set(outworld.sent())) == len(outworld.sent()), "nobody is paged twice"
    await outworld.post(notification(alert(annotations={"error_rate": "7.3%"}, firing=False)))
    await outworld.forward("16m")
    assert outworld.pagerduty.open() == []


async def test_a_store_that_is_only_slow_is_asked_whether_somebody_has_acknowledged(outworld: Outworld) -> None:
    await outworld.open(2)
    await outworld.post(MAJOR)
    await outworld.forward("14m")
    slow, now = outworld.replicas[1], outworld.clock.monotonic()
    slow.monitor._state, slow.monitor.since, slow.monitor._failed_from = StoreState(away=True), now, now
    (incident,) = await outworld.incidents()
    assert slow.work.snapshots.get(incident.uid) is not None
    await outworld.one.respond.act(incident.uid, Acknowledge(), ALICE, outworld.clock.now())
    outworld.clock.forward("2m")
    for _ in range(3):
        await slow.work.check_pending()
        await slow.work.idle()
    assert outworld.rung() == ["alice"]


async def test_a_store_that_is_back_before_the_time_takes_the_step_itself(outworld: Outworld) -> None:
    await waiting(outworld)
    await outworld.beats(30)
    outworld.server.restart()
    await outworld.beats(40)
    await outworld.quiet()
    assert sorted(outworld.rung()) == ["alice", "bob", "eng-lead"]
    assert NOTE not in str(outworld.pagerduty.taken)
    assert (await kinds(outworld))[Kind.ESCALATED] == 1


@pytest.mark.parametrize("status", ["acknowledged", "resolved"])
async def test_what_the_pager_says_is_answered_is_not_escalated(outworld: Outworld, status: str) -> None:
    await waiting(outworld, PAGERDUTY_API_TOKEN=TOKEN)
    for page in outworld.pagerduty.alerts.values():
        page["status"] = status
    await outworld.beats(5 * 60)
    assert outworld.rung() == ["alice"]
    assert outworld.pagerduty.asked == outworld.sent()[:1], "it is queried once"


async def test_what_the_pager_says_is_not_answered_is_escalated(outworld: Outworld) -> None:
    await waiting(outworld, PAGERDUTY_API_TOKEN=TOKEN)
    await outworld.beats(65)
    assert outworld.pagerduty.asked == outworld.sent()[:1]
    assert outworld.rung() == ["alice", "eng-lead"]
    told = outworld.one.pager_addresses
    assert told.page(outworld.sent()[0]) == "https://acme.pagerduty.com/incidents/P0", "for people who look for it"
    assert told.account("pager") == "https://acme.pagerduty.com"


async def test_a_pager_that_cannot_be_asked_holds_a_step_up_for_some_seconds(outworld: Outworld) -> None:
    await waiting(outworld, PAGERDUTY_API_TOKEN=TOKEN)
    outworld.pagerduty.refusals.extend([429] * 9)
    await outworld.beats(60)
    assert outworld.rung() == ["alice"]
    await outworld.beats(15)
    assert outworld.rung() == ["alice", "eng-lead"]
    assert len(outworld.pagerduty.asked) == 3


async def test_a_sev_3_waits_for_the_store(outworld: Outworld) -> None:
    await waiting(outworld, body=notification(alert("DataLag"), group="lag"))
    before = len(outworld.slack.taken)
    await outworld.beats(2 * 60)
    assert outworld.sent() == []
    assert len(outworld.slack.taken) == before


async def test_only_what_is_severe_and_unanswered_has_a_next_step(outworld: Outworld) -> None:
    await outworld.open()
    await outworld.post(MAJOR)
    (incident,) = await outworld.incidents()
    policy, late = outworld.one.setting.policy, outworld.clock.forward("16m")
    plans = incident.plan.severities
    alike = incident.plan.model_copy(update={"severities": {**plans, Severity.SEV3: plans[Severity.SEV2]}})
    changes: list[dict[str, Any]] = [
        {"severity": Severity.SEV3, "plan": alike},
        {"drill": True},
        {"held": "storm"},
        {"state": State.ACKNOWLEDGED},
        {"state": State.MONITORING, "resume": State.OPEN},
    ]
    assert next_step(incident, policy, late) is not None
    assert [next_step(incident.model_copy(update=one), policy, late) for one in changes] == [None] * len(changes)


async def test_no_step_goes_by_a_channel_that_knows_no_page_keys(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting(outworld)
    monkeypatch.setattr(type(outworld.one.setting.channels["pager"]), "keyed", False)
    await outworld.beats(3 * 60)
    assert outworld.rung() == ["alice"]
    outworld.server.restart()
    await outworld.beats(6)
    await outworld.quiet()
    assert "eng-lead" in outworld.rung()


async def test_two_replicas_take_the_same_step_under_one_key(outworld: Outworld) -> None:
    await waiting(outworld, replicas=2)
    await outworld.beats(65)
    assert outworld.rung() == ["alice", "eng-lead", "eng-lead"], "each replica has sent it"
    assert outworld.pagerduty.rung == 2, "and it is one page"
    outworld.server.restart()
    await outworld.beats(6)
    await outworld.quiet()
    assert (await kinds(outworld))[Kind.ESCALATED] == 1
    assert (await kinds(outworld))[Kind.EMERGENCY_PAGED] == 0
    (incident,) = await outworld.incidents()
    assert Counter(page.key for page in incident.pages).most_common(1)[0][1] == 1


async def test_what_the_vendor_has_not_taken_goes_on_when_the_store_is_back(outworld: Outworld) -> None:
    await waiting(outworld)
    outworld.pagerduty.script.extend([Answer(status=503)] * 4)
    await outworld.beats(63)
    assert outworld.rung() == ["alice"]
    outworld.server.restart()
    await outworld.beats(40)
    await outworld.quiet()
    assert sorted(outworld.rung()) == ["alice", "bob", "eng-lead"]
    assert NOTE not in str(outworld.pagerduty.taken)
    assert (await kinds(outworld))[Kind.ESCALATED] == 1


@pytest.mark.parametrize("ended", [True, False])
async def test_what_others_have_ended_or_acknowledged_meanwhile_ends_at_the_vendor(
    outworld: Outworld, ended: bool
) -> None:
    await outworld.open(replicas=2)
    await outworld.post(DOWN)
    await outworld.forward("4m")
    await outworld.beats(2)
    one, other = outworld.replicas
    with cut_off(one):
        if ended:
            await outworld.post_to(OVER, 1)
        else:
            await other.respond.act("INC-2026-0001", Acknowledge(), ALICE, outworld.clock.now())
        for _ in range(120):
            outworld.clock.forward("1s")
            await one.turn()
            await one.work.idle()
        late = set(outworld.rung()) - {"alice", "eng-lead"}
        assert late, "it knows nothing of the end"
    await back(outworld)
    await outworld.forward("3m")
    still = {key.split("/")[-2] for _, key in outworld.pagerduty.open()}
    assert not late & still
    assert (await kinds(outworld))[Kind.EMERGENCY_PAGED] == len(late)
