"""Bodies that are not parsed again get the same response as with parsing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis

from receiver.model.alert.alert import parse_notification
from receiver.model.alert.sender import Sender
from receiver.pipeline.intake.intake_answer import Repetition
from receiver.store.client.store_errors import StoreSlow
from receiver.web.webhooks import alertmanager, known_bodies
from receiver.web.webhooks.admission_queue import Place
from receiver.web.webhooks.known_bodies import AcceptedBodies, AcceptedBody, BodyHash, RefusedBodies
from tests.stories.world import alert, notification
from tests.web.conftest import House

DOWN = notification(alert("ApiDown"), group="down")
OVER = notification(alert("ApiDown", firing=False), group="down")


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list to which each body that is parsed from now on is added."""
    seen: list[bytes] = []
    parse = parse_notification

    def counting(body: bytes) -> Any:
        seen.append(body)
        return parse(body)

    monkeypatch.setattr(alertmanager, "parse_notification", counting)
    return seen


async def outcomes(house: House, *bodies: bytes) -> list[str]:
    return [(await house.post(body))[1]["outcome"] for body in bodies]


async def test_a_repetition_is_not_parsed_and_gets_the_same_answer(house: House, parsed: list[bytes]) -> None:
    (_, opened), (_, second), (_, third) = [await house.post(DOWN) for _ in range(3)]
    assert opened["outcome"] == "opened"
    assert second == third == opened | {"outcome": "duplicate", "reason": "duplicate"}
    assert parsed == [DOWN]
    assert house.counted("duplicate") == 2
    assert await outcomes(house, DOWN.replace(b'"version"', b' "version"')) == ["duplicate"]
    assert len(parsed) == 2, "other bytes are another body"


async def test_what_has_changed_since_is_read(house: House, parsed: list[bytes]) -> None:
    assert await outcomes(house, DOWN, OVER, DOWN) == ["opened", "resolved", "duplicate"]
    assert parsed == [DOWN, OVER, DOWN], "the last one is an old firing, which the store knows to have ended"


async def test_a_body_is_read_again_under_another_configuration(house: House, parsed: list[bytes]) -> None:
    await house.post(DOWN)
    house.replica.setting = setting = replace(house.replica.setting, edition="another")
    assert await outcomes(house, DOWN) == ["duplicate"]
    assert parsed == [DOWN, DOWN]
    made = AcceptedBodies()
    made.add(b"name", setting, AcceptedBody("group", Repetition((), ()), {}))
    assert made.get(b"name", setting) is not None
    other: Any = object()
    assert made.get(b"name", other) is None


async def test_a_heartbeat_is_read_each_time(house: House, parsed: list[bytes]) -> None:
    beat = notification(alert("Watchdog"), group="watchdog")
    for _ in range(3):
        await house.post(beat)
    assert parsed == [beat] * 3


async def test_a_start_in_the_future_is_read_each_time(house: House, parsed: list[bytes]) -> None:
    ahead = DOWN.replace(b'"startsAt": "20', b'"startsAt": "21')
    assert ahead != DOWN
    for _ in range(2):
        await house.post(ahead)
    assert parsed == [ahead] * 2


async def test_a_repetition_that_cannot_be_looked_up_is_kept_for_a_retry(
    house: House, parsed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.post(DOWN)

    async def slow(*_: Any) -> Any:
        raise StoreSlow("no reply")

    with monkeypatch.context() as patch:
        patch.setattr(house.replica.incidents, "seen_texts", slow)
        status, _ = await house.post(DOWN)
    assert status == 503
    assert house.replica.refused.owed() == [(DOWN, Sender("alertmanager"))]
    assert await outcomes(house, DOWN) == ["duplicate"]
    assert parsed == [DOWN] * 3, "what is owed of a group is settled by reading it"
    assert len(house.replica.refused) == 0


async def test_a_store_that_has_forgotten_is_told_everything_again(
    house: House, parsed: list[bytes], store_url: str
) -> None:
    await house.post(DOWN)
    redis.Redis.from_url(store_url).flushall()
    # An earlier release committed last, so no replica has noticed yet.
    house.replica.incidents.newest, house.replica.incidents.epoch = None, ""
    assert await outcomes(house, DOWN) == ["opened"]


async def test_a_store_that_has_lost_what_is_known_here_is_refused_once(
    house: House, parsed: list[bytes], store_url: str
) -> None:
    await house.post(DOWN)
    redis.Redis.from_url(store_url).flushall()
    answer = await house.post(DOWN)
    assert (answer[0], "has lost data" in str(answer[1])) == (503, True), answer
    assert not house.replica.monitor.away
    for _ in range(3):
        await house.replica.work.guarded_poll()
        await house.replica.work.idle()
    status, _ = await house.post(DOWN)
    assert status == 200


def test_a_refused_body_is_known_byte_for_byte_and_under_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_bodies, "BODIES", 2)
    made, name = RefusedBodies(), BodyHash()
    first: Any = object()
    second: Any = object()
    made.add(name(b"one"), first, Place.REST)
    assert made.place(name(b"one"), first) is Place.REST
    assert made.place(name(b"one "), first) is None
    assert made.place(BodyHash()(b"one"), first) is None, "each process has a key of its own"
    assert made.place(name(b"one"), second) is None, "other rules may page for it"
    made.add(name(b"two"), first, Place.REST)
    made.add(name(b"three"), first, Place.REST)
    assert [made.place(name(one), first) is not None for one in (b"one", b"two", b"three")] == [False, True, True]


def test_accepted_bodies_are_bounded_by_their_number_and_their_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_bodies, "REPEATED", 3)
    monkeypatch.setattr(known_bodies, "PARTS", 10)
    made = AcceptedBodies()
    setting: Any = object()

    def known(count: int, owner: str = "group") -> AcceptedBody:
        return AcceptedBody(owner, Repetition(("g",) * count, ("d",) * count), {})

    def there() -> str:
        return "".join(one for one in "abcde" if made.get(one.encode(), setting))

    for name in "abcd":
        made.add(name.encode(), setting, known(1, name))
    assert there() == "bcd"
    made.get(b"b", setting)
    made.add(b"e", setting, known(8, "e"))
    assert there() == "bde", "the one that was not repeated for the longest is dropped"
    made.add(b"e", setting, known(9, "e"))
    assert there() == "de"
    made.add(b"a", setting, known(11, "a"))
    assert there() == "", "one body alone can be too many groups"


def test_only_what_a_group_said_last_is_known_and_little_of_what_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_bodies, "ENDED", 2)
    made = AcceptedBodies()
    setting: Any = object()
    first, later = Repetition(("g",), ("1",)), Repetition(("g",), ("2",))
    made.add(b"one", setting, AcceptedBody("group", first, {}))
    made.add(b"its twin", setting, AcceptedBody("group", first, {}))
    assert made.get(b"one", setting) is not None
    assert made.get(b"its twin", setting) is not None, "a pair of Alertmanagers sends two"
    made.add(b"over", setting, AcceptedBody("group", later, {}, firing=False))
    assert [made.get(name, setting) is None for name in (b"one", b"its twin", b"over")] == [True, True, False]
    for number in range(5):
        made.add(b"%d" % number, setting, AcceptedBody(f"{number}", later, {}, firing=False))
    assert [made.get(name, setting) is None for name in (b"over", b"2", b"3", b"4")] == [True, True, False, False]
