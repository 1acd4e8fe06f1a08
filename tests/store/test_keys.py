"""The table of keys is correct: after a busy run every key is in it, with its type."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from receiver.model.alert.alert import fingerprint
from receiver.model.alert.severity_unknowns import SeverityUnknown
from receiver.model.base import to_ms
from receiver.model.command import AddAction, Declare, Resolve
from receiver.model.delivery.subscription import NewsKind, Subscriber, SubscriberNews
from receiver.model.delivery.vendor_quota import Quota
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.ticket import Ticket, TicketStatus
from receiver.model.oncall.team_settings import Team
from receiver.model.severity import Severity
from receiver.model.sign_in import SessionRecord, SignInKind
from receiver.store import keys
from receiver.store.answer_tokens import AnswerToken
from receiver.store.due.rate_limits import RateLimits
from receiver.store.public_history import PublicHistoryStore
from receiver.store.sessions import SessionStore
from receiver.store.status_subscribers import StatusSubscribers
from receiver.store.subscriber_mail import MailRow, SubscriberMail
from tests.fakes import Answer
from tests.stories.world import World, alert, notification

ACTOR = Actor(kind=ActorKind.API, name="alice")
TYPES = {"string": "string", "counter": "string", "hash": "hash", "list": "list", "zset": "zset", "set": "set"}


def table() -> dict[str, tuple[str, str]]:
    """Return the type and lifetime of each key, by a pattern of its name."""
    found = {}
    for line in (keys.__doc__ or "").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\w)\|(?!\w)|(?<=`) \||\| (?=`)", line) if cell.strip()]
        if len(cells) < 4 or not cells[0].startswith("`"):
            continue
        for name in re.findall(r"`([^`]+)`", cells[0]):
            pattern = re.sub(r"<\w+>", ".+", re.escape(name).replace(r"\<", "<").replace(r"\>", ">"))
            found[pattern] = (TYPES[cells[1].split()[0]], cells[2])
    return found


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    made = World(store_url)
    try:
        yield made
    finally:
        await made.close()


async def busy(world: World) -> None:
    """Perform every operation that writes to the store."""
    await world.open()
    await world.post(notification(alert("Watchdog"), group="watchdog"))
    await world.one.intake.watchdogs.record(round(world.clock.now().timestamp() * 1000), ["cluster"], ['cluster="eu"'])
    await world.post(notification(alert("ApiDown"), alert("DataLag")))
    await world.post(notification(alert("ApiDown"), group="other"))
    config = world.one.config
    world.one.apply(config.model_copy(update={"teams": {"data": Team(labels={"team": "data"})}}))
    await world.post(notification(alert("ApiDown", labels={"team": "data"}), group="data"))
    world.one.apply(config)
    world.pagerduty.script.append(Answer(status=400, body={"status": "invalid event"}))
    await world.post(notification(alert("ServiceDown"), group="refused"))
    await world.post(notification(alert("ApiDown", firing=False), alert("DataLag", firing=False)))
    await world.post(notification(alert("ApiDown"), alert("DataLag", firing=False)))
    await world.post(notification(alert("DataLag", starts="2026-11-23T14:02:19Z")))
    await world.post(notification(alert("Late", firing=False), group="late"))
    await world.one.incidents.keep_room("C1", "uid")
    await RateLimits(world.one.connection).draw("chat", [Quota(name="x", calls=1, seconds=60)], 1)
    await RateLimits(world.one.connection).draw("chat", [Quota(name="x", calls=1, seconds=60)], 2)
    world.one.unknowns.note([SeverityUnknown("ApiDown", "severity", "text", "")], None, world.clock.now())
    await world.one.unknowns.flush()
    await world.one.rule_hits.flush()
    await world.one.history.flush()
    await world.one.shared_documents.put("override", "one", {"person": "alice"})
    declared = await world.one.respond.declare(
        Declare(title="By hand", severity=Severity.SEV4), ACTOR, world.clock.now(), once="a-key"
    )
    assert declared.events
    await world.one.respond.declare(Declare(title="x", severity=Severity.SEV4, drill=True), ACTOR, world.clock.now())
    promise = AddAction(title="Add a canary", owner="bob")
    await world.one.respond.act(declared.incident.id, promise, ACTOR, world.clock.now())
    await world.one.calls.page("backend-oncall", "come", ACTOR, world.clock.now())
    world.one.reports.absorb(world.clock.now())
    await world.one.reports.flush()
    splitting = notification(alert("AuthOne"), alert("AuthTwo"), group="split")
    answer = await world.post(splitting)
    apart = fingerprint({"alertname": "AuthTwo", "service": "api"})
    await world.one.incident_split.split(answer.foremost.incident or "", [apart], None, ACTOR, world.clock.now())
    for number in range(25):
        await world.post(notification(alert(f"Lots{number}Auth"), group=f"lots-{number}"))
    await world.one.due.refuse({"at": "now"}, 0, [])
    await world.one.tickets.seen.seen("tickets", Ticket(key="OPS-1", uid="x", progress=TicketStatus.NEW))
    await world.one.phone_answers.tokens.keep({"token": AnswerToken("uid", "push", "key", "alice", "acknowledge", 0)})
    assert await world.one.phone_answers.tokens.first("an SMS")
    await sessions(world)
    await subscriptions(world)
    over = await world.one.respond.declare(Declare(title="Over", severity=Severity.SEV4), ACTOR, world.clock.now())
    await world.one.respond.act(over.incident.id, Resolve(), ACTOR, world.clock.now())
    assert not await world.one.seen_before.index_changes(world.clock.now())
    await world.one.incident_compression.on_timer(world.clock.now())
    await world.one.due.probe()
    await world.one.connection.confirm(0)
    recovery = world.one.work.recovery
    assert await recovery.memory.checker()
    assert await recovery.memory.counts("epoch")
    copy = recovery.copies.get(declared.incident.uid)
    assert copy is not None
    async with world.one.connection.guarded() as client:
        await client.hset(world.one.connection.keys.incident(copy.uid), "version", copy.version - 1)
    await recovery.lost.compare(copy.uid, copy.version - 1, None)


async def sessions(world: World) -> None:
    """Sign one person in, check their groups, and sign another one out."""
    store, now = SessionStore(world.one.connection), world.clock.now()
    until, began = now + timedelta(hours=12), to_ms(now)
    for name in ("one", "two"):
        record = SessionRecord(name, SignInKind.TOKEN, "admin", "admin", began, began)
        await store.keep(record, until, timedelta(hours=1))
    assert await store.claim("one")
    assert await store.end("two", until, now)


async def subscriptions(world: World) -> None:
    """Subscribe a person to the status page, and queue mail to them."""
    subscribers, mail = StatusSubscribers(world.one.connection), SubscriberMail(world.one.connection)
    now = world.clock.now()
    assert await subscribers.key()
    await subscribers.put(Subscriber(id="one", address="a@example.com", confirmed_at=now))
    assert await subscribers.peer_may("peer")
    assert await mail.lead("one")
    news = SubscriberNews(key="n", kind=NewsKind.MAINTENANCE_BEGUN, at=now, title="Work", about="window")
    await mail.announce(news)
    assert await mail.owe([MailRow(member="n|one", news="n", to="one")], to_ms(now))
    await mail.told("n", to_ms(now))
    await mail.keep_window(news)
    history = PublicHistoryStore(world.one.connection)
    await history.since(to_ms(now))
    await history.write({"uid": "{}"})


def test_the_table_is_read() -> None:
    read = table()
    assert len(read) >= 25
    assert read["row:.+"] == ("hash", "history")
    assert read["due:.+"] == ("zset", "until done")
    assert read["open"][0] == "zset"


async def test_every_key_is_in_the_table_with_its_type(world: World) -> None:
    await busy(world)
    client: Any = redis.Redis.from_url(world.store, decode_responses=True)
    read, prefix, met = table(), world.one.connection.keys.prefix, set()
    for key in client.scan_iter():
        assert key.startswith(prefix), f"{key} does not have the hash tag"
        name = key.removeprefix(prefix)
        lines = [pattern for pattern in read if re.fullmatch(pattern, name)]
        assert len(lines) == 1, f"{name} is not in exactly one line of the table: {lines}"
        assert client.type(key) == read[lines[0]][0], name
        met.add(lines[0])
    client.close()
    assert set(read) - met == set(), "the run does not create these"


async def test_what_lives_for_a_while_has_an_end(world: World) -> None:
    await busy(world)
    client: Any = redis.Redis.from_url(world.store, decode_responses=True)
    read, prefix = table(), world.one.connection.keys.prefix
    eternal = re.compile(
        r"owner|rooms|held|dead|refused|ids|index|open|summaries|changed|due:.+|board|subscribers|mail:.+|public:past"
    )  # their members expire, or are few
    for key in client.scan_iter():
        name = key.removeprefix(prefix)
        lifetime = next(life for pattern, (_, life) in read.items() if re.fullmatch(pattern, name))
        if lifetime != "forever" and not eternal.fullmatch(name):
            assert client.ttl(key) > 0, f"{name} never ends, and the table says {lifetime}"
    client.close()
