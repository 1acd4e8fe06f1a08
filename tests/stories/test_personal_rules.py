"""Personal notification rules, by the minute: one channel after the other until someone answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from receiver.config import Config
from receiver.model.alert.alert import parse_notification
from receiver.model.command import Acknowledge, Resolve
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.pipeline.whatif.dry_run import dry_run
from receiver.store.client.connection import StoreAway
from tests.fakes import Answer
from tests.stories.phones import TOPICS, PhoneWorld
from tests.stories.world import START, alert, notification

BOB = Actor(kind=ActorKind.SLACK, name="bob")
RULE = {"page_by": [{"after": "0s", "by": "push"}, {"after": "1m", "by": "second"}, {"after": "3m", "by": "pager"}]}
"""Of Alice, who has two phones and PagerDuty."""


@pytest.fixture
async def phones(store_url: str) -> AsyncIterator[PhoneWorld]:
    """Alice is paged by her phone, after a minute by a second one, after three by PagerDuty."""
    made = PhoneWorld(store_url)
    made.pager = True
    made.people = {"alice": {**RULE, "second": "alice-second-8x2"}, "eng-lead": {"pager": ""}}
    made.more = {"second": {}}
    try:
        yield made
    finally:
        await made.close()


def calls(phones: PhoneWorld, person: str = "alice") -> list[tuple[float, str]]:
    """Return when a person was paged and through which channel: minutes after the start, in order."""
    topics = {TOPICS[person]: "push", "alice-second-8x2": "second"} if person == "alice" else {TOPICS[person]: "push"}
    heard = [(entry["at"], topics[entry["body"]["topic"]]) for entry in phones.ntfy.taken
             if entry["method"] == "POST" and entry["body"]["topic"] in topics]  # fmt: skip
    heard += [
        (entry["at"], "pager") for entry in phones.pagerduty.taken
        if entry["body"]["event_action"] == "trigger" and f"/{person}/" in entry["body"]["dedup_key"]
    ]  # fmt: skip
    return [(round((at - START.timestamp()) / 60, 2), by) for at, by in sorted(heard)]


async def opened(phones: PhoneWorld, replicas: int = 1, name: str = "AuthFailing") -> None:
    for vendor in (phones.ntfy, phones.pagerduty):
        vendor.clock = lambda: phones.clock.now().timestamp()
    await phones.open(replicas)
    await phones.post(notification(alert(name)))


async def acknowledged(phones: PhoneWorld) -> None:
    (incident,) = await phones.incidents()
    await phones.one.respond.act(incident.uid, Acknowledge(), BOB, phones.clock.now())
    await phones.quiet()


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        ("30s", [(0, "push")]),
        ("2m", [(0, "push"), (1, "second")]),
        ("4m", [(0, "push"), (1, "second"), (3, "pager")]),
    ],
)
async def test_acknowledged_at_each_step(phones: PhoneWorld, after: str, wanted: list[tuple[float, str]]) -> None:
    await opened(phones)
    await phones.forward(after)
    await acknowledged(phones)
    await phones.forward("12m")
    assert calls(phones) == wanted
    assert phones.showing() == []
    assert not phones.ntfy.shown, "cleared wherever it was shown"


async def test_rounds_begin_every_so_often_and_end_with_the_incident(phones: PhoneWorld) -> None:
    phones.people["alice"]["repeat"] = {"times": 2, "every": "5m"}
    await opened(phones)
    await phones.forward("7m")
    assert calls(phones) == [(0, "push"), (1, "second"), (3, "pager"), (5, "push"), (6, "second")]
    (incident,) = await phones.incidents()
    await phones.one.respond.act(incident.uid, Resolve(), BOB, phones.clock.now())
    await phones.forward("12m")
    assert len(calls(phones)) == 5
    assert len({page.key for page in incident.pages}) == len(incident.pages), "every page has its own key"
    # PagerDuty has its own rules for repetitions: there, a repetition is the same page.
    assert [page.channel for page in incident.pages].count("pager") == 1
    assert next(page.key for page in incident.pages if page.channel == "pager").endswith("/alice/1")


async def test_two_people_by_different_means_and_one_acknowledgement_ends_both(phones: PhoneWorld) -> None:
    phones.people["eng-lead"] = {"page_by": [{"after": "0s", "by": "pager"}, {"after": "2m", "by": "push"}]}
    await opened(phones, name="ApiDown")
    await phones.forward("90s")
    assert (calls(phones), calls(phones, "eng-lead")) == ([(0, "push"), (1, "second")], [(0, "pager")])
    await acknowledged(phones)
    await phones.forward("4m")
    assert (calls(phones), calls(phones, "eng-lead")) == ([(0, "push"), (1, "second")], [(0, "pager")])


async def test_the_escalation_goes_on_beside_a_rule_and_stops_none(phones: PhoneWorld) -> None:
    phones.people["alice"]["repeat"] = {"times": 3, "every": "5m"}
    await opened(phones)
    await phones.forward("17m")
    assert calls(phones, "eng-lead") == [(15, "push")]
    assert [(at, by) for at, by in calls(phones) if at >= 15] == [(15, "push"), (16, "second")]


async def test_a_rule_of_its_own_for_a_severity(phones: PhoneWorld) -> None:
    steps: Any = {"default": [{"after": "0s", "by": "push"}], "SEV-1": [{"after": "0s", "by": "second"}]}
    phones.people["alice"]["page_by"] = steps
    await opened(phones, name="ApiDown")
    await phones.forward("4m")
    assert calls(phones) == [(0, "second")]


async def test_while_ntfy_is_down_the_fallback_channel_pages_and_the_rule_continues(phones: PhoneWorld) -> None:
    phones.people["alice"]["page_by"] = [{"after": "0s", "by": "push"}, {"after": "3m", "by": "second"}]
    phones.second_road = ("pager", "chat")
    phones.ntfy.script.extend([Answer(503)] * 6)
    await opened(phones)
    await phones.forward("10s")
    assert calls(phones) == [(0.08, "pager")], "by PagerDuty within seconds, once"
    assert "cannot be reached" in str(phones.slack.messages)
    phones.ntfy.script.clear()
    await phones.forward("4m")
    assert [by for _, by in calls(phones)] == ["pager", "push", "second"]
    await acknowledged(phones)
    assert phones.pagerduty.open() or phones.sent("acknowledge"), "the fallback page gets the answer as well"


async def test_a_replica_that_is_killed_between_two_steps_leaves_the_rest_to_the_other(phones: PhoneWorld) -> None:
    await opened(phones, replicas=2)
    await phones.forward("30s")
    gone = phones.replicas.pop(0)
    await gone.settle()
    await gone.close()
    await phones.forward("5m")
    assert [by for _, by in calls(phones)] == ["push", "second", "pager"]
    assert all(late - due <= 0.25 for (late, _), due in zip(calls(phones), (0, 1, 3), strict=True))


async def test_what_came_due_while_the_store_was_away_is_made_good_once(
    phones: PhoneWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    phones.people["alice"]["repeat"] = {"times": 1, "every": "5m"}
    await opened(phones)
    due, away = phones.one.due, True
    beat = due.beat

    async def absent(*given: Any, **more: Any) -> Any:
        if away:
            raise StoreAway("away")
        return await beat(*given, **more)

    monkeypatch.setattr(due, "beat", absent)
    phones.clock.forward(timedelta(minutes=7))
    away = False
    await phones.quiet()
    assert sorted(by for _, by in calls(phones)) == ["pager", "push", "push", "second"]


async def test_alerts_that_end_clear_the_phones_and_stop_the_rule(phones: PhoneWorld) -> None:
    await opened(phones)
    await phones.forward("30s")
    await phones.post(notification(alert("AuthFailing", firing=False)))
    await phones.forward("5m")
    assert calls(phones) == [(0, "push")]
    assert not phones.ntfy.shown
    await phones.post(notification(alert("AuthFailing", starts="2026-11-23T14:07:30Z")))
    await phones.forward("70s")
    assert [by for _, by in calls(phones)] == ["push", "push", "second"], "it fires again: from the first step"


async def test_the_log_says_which_step_it_was(phones: PhoneWorld) -> None:
    await opened(phones)
    await phones.forward("2m")
    (incident,) = await phones.incidents()
    texts = [e.text for e in await phones.one.incidents.events(incident.uid) if e.kind is Kind.PAGE]
    assert texts[-1] == "alice is paged by second because no one has responded for 1 min (step 2)"


async def test_a_dry_run_shows_the_minute_of_each_step(phones: PhoneWorld) -> None:
    phones.people["alice"]["repeat"] = {"times": 1, "every": "5m"}
    await phones.open()
    told = dry_run(phones.one.setting, parse_notification(notification(alert("AuthFailing"))), START)
    mine = [(page["minute"], page["channel"]) for page in told["pages"] if page["person"] == "alice"]
    assert mine == [(0, "push"), (1, "second"), (3, "pager"), (5, "push"), (6, "second")]
    assert TOPICS["alice"] not in str(told["messages"])


async def test_a_fallback_channel_under_both_names_pages_once(phones: PhoneWorld) -> None:
    phones.second_road = ("pager",)
    before = phones.change

    def both(config: Config) -> Config:
        config = before(config)
        named = {
            level: one.model_copy(update={"fallback_channels": ("pager",)}) for level, one in config.severities.items()
        }
        return config.model_copy(update={"severities": named})

    phones.change = both
    await phones.open()
    phones.ntfy.script.extend([Answer(status=503)] * 200)
    await phones.post(notification(alert("AuthFailing")))
    await phones.forward("10s")
    (incident,) = await phones.incidents()
    events = await phones.one.incidents.events(incident.uid)
    pages = [(event.data["page"]["channel"], event.data["page"]["key"]) for event in events if event.kind is Kind.PAGE]
    assert "pager" in dict(pages)
    assert len(pages) == len(set(pages)), "each page has one event"
