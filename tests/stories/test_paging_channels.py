"""The same stories for every paging channel: ntfy, SMS and calls by Twilio, a modem, PagerDuty.

Each page is acknowledged through its channel, in the form of its answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from pydantic import SecretStr
from pytest_aiohttp.plugin import AiohttpClient

from receiver.channels.gammu import GammuSettings
from receiver.config import Config
from receiver.model.incident.state import State
from receiver.model.oncall.schedule_settings import Contact
from receiver.store.client.connection import StoreAway
from tests.fakes import Answer
from tests.stories.phones import TOPICS
from tests.stories.test_pagerduty_services import KEY
from tests.stories.test_twilio import ALICE, SMS, TwilioHouse, TwilioWorld
from tests.stories.world import START, alert, notification
from tests.web.webhooks.test_pagerduty import SECRET, event, send

STEPS: dict[str, dict[str, str]] = {
    "push": {"by": "push"}, "sms": {"by": "phone", "how": "sms"}, "call": {"by": "phone", "how": "call"},
    "modem": {"by": "modem"}, "pager": {"by": "pager"},
}  # fmt: skip
SPARE = "alice-spare-8x2p4m1q"
"""Alice's topic on a second ntfy server: the other step of each story."""
MEANS = pytest.mark.parametrize("means", STEPS)


class EveryWorld(TwilioWorld):
    """Alice can be paged through every channel; the engineering lead has ntfy and a second phone."""

    def __init__(self, store: str, spool: Path) -> None:
        super().__init__(store)
        self.pager = True
        self.spool = spool
        for folder in ("inbox", "outbox", "sent", "error"):
            (spool / folder).mkdir(parents=True)
        mine = {"push": TOPICS["alice"], "spare": SPARE, "phone": ALICE, "modem": ALICE}
        self.people = {"alice": mine, "eng-lead": {"pager": ""}}
        self.more = {"spare": {}}
        self.change = self._every
        self.services = False
        """Whether the contact on-call is a service of PagerDuty."""
        for vendor in (self.ntfy, self.pagerduty):
            vendor.clock = lambda: self.clock.now().timestamp()

    def _every(self, config: Config) -> Config:
        made = self._add(config)
        contacts = dict(made.contacts)
        if self.services:
            backup = contacts["on-call"].backup
            contacts["on-call"] = Contact(channel="pager", service=SecretStr(KEY), backup=backup)
        channels = {**made.channels, "modem": GammuSettings(spool=str(self.spool))}
        return made.model_copy(update={"channels": channels, "contacts": contacts})

    def rules(self, *steps: tuple[str, str], times: int = 0) -> None:
        """Let Alice be paged by these steps: when, and a key of STEPS or `spare`."""
        by = [{"after": after, **STEPS.get(name, {"by": name})} for after, name in steps]
        self.people["alice"] |= {"page_by": by, **({"repeat": {"times": times, "every": "5m"}} if times else {})}

    def calls(self, person: str = "alice") -> list[tuple[float, str]]:
        """Return when a person was paged and through which channel: minutes after the start, in order."""
        topics = {TOPICS[person]: "push", **({SPARE: "spare"} if person == "alice" else {})}
        heard = [(entry["at"], topics[entry["body"]["topic"]]) for entry in self.ntfy.taken
                 if entry["method"] == "POST" and entry["body"]["topic"] in topics]  # fmt: skip
        rung = [(entry["at"], entry["body"]) for entry in self.pagerduty.taken]
        heard += [(at, "pager") for at, body in rung
                  if body["event_action"] == "trigger" and f"/{person}/" in body["dedup_key"]]  # fmt: skip
        if person == "alice":
            heard += [(START.timestamp() + minutes * 60, how) for minutes, how, who in self.rung() if who == "alice"]
            for file in (*(self.spool / "outbox").glob(f"OUT[ABC]2*_{ALICE}_*"), *(self.spool / "sent").iterdir()):
                at = datetime.strptime(file.name[4:19], "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
                heard.append((at.timestamp(), "modem"))
        return [(round((at - START.timestamp()) / 60, 1), by) for at, by in sorted(heard)]

    def transmit(self) -> None:
        """Let the modem send waiting messages, like gammu-smsd."""
        for file in (self.spool / "outbox").glob("OUT[ABC]2*"):
            file.rename(self.spool / "sent" / file.name)

    async def forward(self, by: str) -> None:
        await super().forward(by)
        self.transmit()

    async def answer(self, house: TwilioHouse, means: str) -> None:
        """Let Alice acknowledge by `means`."""
        if means in ("push", "spare"):
            topic = {"push": TOPICS["alice"], "spare": SPARE}[means]
            shown = [one for one in self.ntfy.messages if one["topic"] == topic and one["event"] == "message"]
            (body,) = (action["body"] for action in shown[-1]["actions"] if action["label"] == "Acknowledge")
            assert (await self.one.phone_answers.take(body, (means,), self.clock.now())).status == 200
        elif means == "sms":
            assert "is acknowledged" in (await house.take(self.twilio.text(ALICE, "a 1", SMS)))[1]
        elif means == "call":
            assert "is acknowledged" in (await house.take(self.twilio.press("4")))[1]
        elif means == "modem":
            (self.spool / "inbox" / f"IN20261123_140300_00_{ALICE}_00.txt").write_text("a 1")
            await self.one.inbox.read()
        else:
            key = next(one for one in self.sent() if "/alice/" in one or "@pagerduty/" in one)
            assert (await send(house, event("acknowledged", key)))[0] == 202
        await self.quiet()

    def fails(self, means: str) -> None:
        """Let the vendor of `means` accept nothing for a while."""
        if means == "push":
            self.ntfy.script.extend([Answer(503)] * 30)
        elif means in ("sms", "call"):
            self.twilio.script.extend([Answer(503)] * 30)
        elif means == "modem":
            (self.spool / "outbox").rmdir()
        else:
            self.pagerduty.script.extend([Answer(503)] * 30)

    def works(self, means: str) -> None:
        """Let it accept pages again."""
        for script in (self.ntfy.script, self.twilio.script, self.pagerduty.script):
            script.clear()
        (self.spool / "outbox").mkdir(exist_ok=True)


@pytest.fixture
async def world(store_url: str, patient: None, tmp_path: Path) -> AsyncIterator[EveryWorld]:
    """No replica yet."""
    made = EveryWorld(store_url, tmp_path / "spool")
    try:
        yield made
    finally:
        await made.close()


class Opened(Protocol):
    """Opens a house."""

    async def __call__(self, name: str = "AuthFailing", replicas: int = 1) -> TwilioHouse: ...


@pytest.fixture
async def opened(world: EveryWorld, aiohttp_client: AiohttpClient) -> AsyncIterator[Opened]:
    """Opens the replicas and the HTTP server of the first, and lets an alert fire: a SEV-2, or `ApiDown`, a SEV-1."""
    houses: list[TwilioHouse] = []

    async def open_house(name: str = "AuthFailing", replicas: int = 1) -> TwilioHouse:
        await world.open(replicas, PAGERDUTY_WEBHOOK_SECRET=SECRET)
        houses.append(await TwilioHouse(world, lambda config: config).serve(aiohttp_client))
        await world.post(notification(alert(name)))
        world.transmit()
        return houses[-1]

    yield open_house
    for house in houses:
        await house.close()


async def state(world: EveryWorld) -> tuple[State, bool]:
    (incident,) = await world.incidents()
    return incident.state, bool(incident.acknowledged_by)


@MEANS
async def test_acknowledged_at_the_first_step_by_one_of_two_people(
    world: EveryWorld, opened: Opened, means: str
) -> None:
    world.rules(("0s", means), ("1m", "spare"))
    world.people["eng-lead"] |= {"page_by": [{"after": "0s", "by": "push"}, {"after": "2m", "by": "push"}]}
    house = await opened("ApiDown")
    await world.forward("30s")
    assert (world.calls(), world.calls("eng-lead")) == ([(0, means)], [(0, "push")])
    await world.answer(house, means)
    await world.forward("14m")
    assert await state(world) == (State.ACKNOWLEDGED, True)
    assert (world.calls(), world.calls("eng-lead")) == ([(0, means)], [(0, "push")]), "one answer ends both rules"
    assert world.showing() == []


@MEANS
async def test_acknowledged_at_a_later_step(world: EveryWorld, opened: Opened, means: str) -> None:
    world.rules(("0s", "spare"), ("1m", means), ("3m", "spare"))
    house = await opened()
    await world.forward("90s")
    assert world.calls() == [(0, "spare"), (1, means)]
    await world.answer(house, means)
    await world.forward("14m")
    assert await state(world) == (State.ACKNOWLEDGED, True)
    assert world.calls() == [(0, "spare"), (1, means)]
    assert (world.calls("eng-lead"), world.ntfy.shown) == ([], {})


@MEANS
async def test_the_escalation_goes_on_beside_the_rule(world: EveryWorld, opened: Opened, means: str) -> None:
    world.rules(("0s", means), ("1m", "spare"), times=3)
    house = await opened()
    await world.forward("17m")
    assert world.calls("eng-lead") == [(15, "push")]
    again = [] if means == "pager" else [(at, means) for at in (5, 10, 15)]  # PagerDuty repeats by its own rules
    spare = [(at, "spare") for at in (1, 6, 11, 16)]
    assert world.calls() == sorted([(0, means), *again, *spare])
    await world.answer(house, "spare")
    await world.forward("10m")
    assert len(world.calls()) == 5 + len(again)


@MEANS
async def test_while_it_is_down_the_fallback_channel_pages_and_the_rule_continues(
    world: EveryWorld, opened: Opened, means: str
) -> None:
    world.rules(("0s", means), ("3m", "spare"))
    other = "push" if means == "pager" else "pager"
    world.second_road = (other, "chat")
    world.fails(means)
    house = await opened()
    await world.forward("20s")
    assert [by for _, by in world.calls()] == [other], "within seconds, once"
    assert world.calls()[0][0] <= 0.3
    world.works(means)
    await world.forward("4m")
    assert [by for _, by in world.calls()].count("spare") == 1
    assert [by for _, by in world.calls()].count(means) <= 1, "when it is back, once at most"
    await world.answer(house, "spare")
    assert await state(world) == (State.ACKNOWLEDGED, True)


@MEANS
async def test_a_replica_is_killed_before_the_step(world: EveryWorld, opened: Opened, means: str) -> None:
    world.rules(("0s", "spare"), ("1m", means), ("3m", "spare"))
    house = await opened(replicas=2)
    await world.forward("30s")
    await house.client.close()
    gone = world.replicas.pop(0)
    await gone.settle()
    await gone.close()
    await world.forward("5m")
    assert [by for _, by in world.calls()] == ["spare", means, "spare"], "nothing twice"
    assert all(late - due <= 0.25 for (late, _), due in zip(world.calls(), (0, 1, 3), strict=True))


@MEANS
async def test_the_store_is_away_at_the_step(
    world: EveryWorld, opened: Opened, means: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.rules(("0s", "spare"), ("1m", means), times=1)
    house = await opened()
    due, away = world.one.due, True
    beat = due.beat

    async def absent(*given: Any, **more: Any) -> Any:
        if away:
            raise StoreAway("away")
        return await beat(*given, **more)

    monkeypatch.setattr(due, "beat", absent)
    world.clock.forward(timedelta(minutes=8))
    away = False
    await world.quiet()
    world.transmit()
    assert sorted(by for _, by in world.calls()) == sorted(["spare", "spare", means]), "caught up once per channel"
    await world.answer(house, means)
    await world.forward("5m")
    assert len(world.calls()) == 3


async def test_a_service_of_pagerduty_is_acknowledged_before_and_after_a_step(
    world: EveryWorld, opened: Opened
) -> None:
    world.services = True
    house = await opened()
    assert [key.split("/")[-2] for key in world.sent()] == ["on-call@pagerduty"]
    await world.forward("16m")
    assert world.calls("eng-lead") == [(15, "push")], "the escalation continues with a person"
    await world.answer(house, "service")
    (incident,) = await world.incidents()
    assert (incident.state, world.showing()) == (State.ACKNOWLEDGED, []), "and their phone is cleared"
    await world.forward("20m")
    assert world.calls("eng-lead") == [(15, "push")]


async def test_a_service_of_pagerduty_beside_a_person_and_one_answer_ends_both(
    world: EveryWorld, opened: Opened
) -> None:
    world.services = True
    world.people["eng-lead"] |= {"page_by": [{"after": "0s", "by": "push"}], "repeat": {"times": 3, "every": "2m"}}
    house = await opened("ApiDown")
    await world.forward("3m")
    assert world.calls("eng-lead") == [(0, "push"), (2, "push")]
    await world.answer(house, "service")
    await world.forward("10m")
    assert world.calls("eng-lead") == [(0, "push"), (2, "push")]
    assert len([key for key in world.sent() if "@pagerduty" in key]) == 1


async def test_a_service_of_pagerduty_that_is_down_or_whose_replica_is_killed(
    world: EveryWorld, opened: Opened
) -> None:
    world.services = True
    world.second_road = ("chat",)
    world.pagerduty.script.extend([Answer(503)] * 30)
    house = await opened(replicas=2)
    await world.forward("20s")
    assert "cannot be reached" in str(world.slack.messages)
    world.pagerduty.script.clear()
    await house.client.close()
    gone = world.replicas.pop(0)
    await gone.settle()
    await gone.close()
    await world.forward("16m")
    assert len({key for key in world.sent() if "@pagerduty" in key}) == 1, "by the remaining replica, once"
    assert [round(at) for at, _ in world.calls("eng-lead")] == [15]
