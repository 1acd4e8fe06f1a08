"""Due work is leased to one replica at a time, completed only when it is done, and never lost."""

from __future__ import annotations

import asyncio

import pytest

from receiver.store.due.due_set import LeasedRow, SendingOutcome
from receiver.store.incidents.commit_request import CommitRequest, Committed
from receiver.store.keys import TIMERS
from receiver.store.watchdog_times import WatchdogTimes
from tests.store.fixtures import CHAT, LEASE, MS, PAGER, Rooms, grown, owing


async def again(rooms: Rooms, done: Committed, *, last: int, lane: str = "pager!", now: int = MS) -> Committed:
    """Commit another event for the row."""
    assert done.incident is not None
    return await rooms.commit(grown(done.incident, rows=[owing(lane=lane, last=last)]), now)


async def one(rooms: Rooms, *, now: int = MS) -> tuple[Committed, LeasedRow]:
    done = await rooms.owed(owing(last=3), now=now)
    (row,) = await rooms.leased(done)
    return done, row


def score(rooms: Rooms, lane: str = "pager!", member: str = "row") -> float | None:
    found: float | None = rooms.raw.zscore(rooms.named(f"due:{lane}"), member)
    return found


async def test_a_commit_leases_its_rows_to_who_commits(rooms: Rooms) -> None:
    done = await rooms.owed(owing(last=3), owing(CHAT, lane="chat", member="chat-row", last=5))
    rows = await rooms.leased(done)
    assert done.incident is not None
    assert [(row.member, row.to, row.cursor, row.last, row.tries, row.attempts) for row in rows] == [
        ("row", PAGER, 0, 3, 1, 0),
        ("chat-row", CHAT, 0, 5, 1, 0),
    ]
    assert {row.uid for row in rows} == {done.incident.uid}
    assert await rooms.due.claim("pager!", MS, 10) == []
    assert await rooms.due.claim("pager!", MS + LEASE - 1, 10) == []


async def test_when_the_lease_has_passed_another_takes_it(rooms: Rooms) -> None:
    _, first = await one(rooms)
    (second,) = await rooms.due.claim("pager!", MS + LEASE, 10)
    assert (second.member, second.tries) == ("row", 2)
    assert second.token != first.token


@pytest.mark.parametrize(("field", "spoilt"), [("memory", "{"), ("to", "{}"), ("last", "many")])
async def test_what_nobody_can_read_keeps_nothing_else_from_being_sent(rooms: Rooms, field: str, spoilt: str) -> None:
    await rooms.owed(owing(last=3), owing(member="bad", last=3))
    rooms.raw.hset(rooms.named("row:bad"), field, spoilt)
    assert [row.member for row in await rooms.due.claim("pager!", MS + LEASE, 10)] == ["row"]


async def test_a_late_completion_under_an_old_token_is_lost(rooms: Rooms) -> None:
    _, first = await one(rooms)
    (second,) = await rooms.due.claim("pager!", MS + LEASE, 10)
    before = rooms.content()
    for outcome in SendingOutcome:
        told = await rooms.due.complete(first, outcome, MS, said=3, memory={"a": 1}, receipt={"b": 2}, letter={"c": 3})
        assert told == "lost"
    assert rooms.content() == before
    assert await rooms.due.complete(second, SendingOutcome.DONE, MS, said=3) == "done"
    assert await rooms.due.complete(second, SendingOutcome.DONE, MS, said=3) == "lost"


async def test_a_trigger_sent_after_its_lease_is_followed_by_the_newest_state(rooms: Rooms) -> None:
    _, first = await one(rooms)
    (second,) = await rooms.due.claim("pager!", MS + LEASE, 10)
    resolved = {"sent": "resolve", "rung": True, "called": 3}
    assert await rooms.due.complete(second, SendingOutcome.DONE, MS + LEASE + 1, said=3, memory=resolved) == "done"
    late = MS + LEASE + 2
    assert await rooms.due.complete(first, SendingOutcome.DONE, late, said=3, memory={"sent": "trigger"}) == "lost"
    assert await rooms.due.claim("pager!", late, 10) == [], "nothing was triggered"
    told = await rooms.due.complete(
        first, SendingOutcome.DONE, late, said=3, memory={"sent": "trigger"}, triggered=True
    )
    assert told == "lost"
    (third,) = await rooms.due.claim("pager!", late, 10)
    assert third.memory == {"sent": "trigger", "rung": True, "called": 3}


async def test_a_late_trigger_beside_a_send_under_way_is_followed_once_that_has_ended(rooms: Rooms) -> None:
    _, first = await one(rooms)
    (second,) = await rooms.due.claim("pager!", MS + LEASE, 10)
    late = MS + LEASE + 1
    assert await rooms.due.complete(first, SendingOutcome.AGAIN, late, again_ms=late, triggered=True) == "lost"
    assert await rooms.due.claim("pager!", late, 10) == [], "the other's lease is still valid"
    memory = {"sent": "resolve", "rung": True}
    assert await rooms.due.complete(second, SendingOutcome.DONE, late + 1, said=3, memory=memory) == "more"
    (third,) = await rooms.due.claim("pager!", late + 1, 10)
    assert third.memory == {"sent": "trigger", "rung": True}
    assert await rooms.due.complete(third, SendingOutcome.DONE, late + 2, said=3, memory=memory) == "done"
    assert await rooms.due.claim("pager!", late + LEASE, 10) == []


async def test_rows_of_another_token_are_not_shown(rooms: Rooms) -> None:
    _, row = await one(rooms)
    assert await rooms.due.rows([(row.member, "other"), ("no-such-row", "other")]) == []
    assert await rooms.due.rows([]) == []


async def test_one_row_is_claimed_by_one_of_many(rooms: Rooms) -> None:
    members = [f"row-{number}" for number in range(30)]
    await rooms.owed(*(owing(member=member) for member in members))
    claims = await asyncio.gather(*(rooms.due.claim("pager!", MS + LEASE, 7) for _ in range(10)))
    taken = [row.member for rows in claims for row in rows]
    assert sorted(taken) == sorted(members)
    assert max(len(rows) for rows in claims) == 7


async def test_done_is_done(rooms: Rooms) -> None:
    done, row = await one(rooms)
    told = await rooms.due.complete(
        row, SendingOutcome.DONE, MS, said=3, memory={"sent": "trigger"}, receipt={"ok": True}
    )
    assert (told, score(rooms)) == ("done", None)
    assert done.incident is not None
    assert await rooms.incidents.receipts(done.incident.uid) == [{"ok": True}]
    assert 0 < rooms.raw.ttl(rooms.named(f"receipts:{done.incident.uid}")) <= 1000
    (row,) = await rooms.leased(await again(rooms, done, last=4))
    assert (row.cursor, row.last, row.attempts, row.memory) == (3, 4, 0, {"sent": "trigger"})


async def test_receipts_are_kept_up_to_500(rooms: Rooms) -> None:
    done, row = await one(rooms)
    for number in range(502):
        await rooms.due.complete(row, SendingOutcome.AGAIN, MS, receipt={"n": number}, again_ms=MS)
        (row,) = await rooms.due.claim("pager!", MS, 1)
    assert done.incident is not None
    kept = await rooms.incidents.receipts(done.incident.uid)
    assert (len(kept), kept[-1]) == (500, {"n": 501})


async def test_what_came_meanwhile_is_due_at_once(rooms: Rooms) -> None:
    done, row = await one(rooms)
    later = await again(rooms, done, last=4, now=MS + 5)
    assert later.leased == ()
    assert score(rooms) == MS + LEASE
    assert await rooms.due.complete(row, SendingOutcome.DONE, MS + 10, said=3) == "more"
    (row,) = await rooms.due.claim("pager!", MS + 10, 1)
    assert (row.cursor, row.last) == (3, 4)
    assert await rooms.due.complete(row, SendingOutcome.DONE, MS + 11, said=4) == "done"


async def test_a_row_owes_since_its_next_event_and_not_since_its_last_delivery(rooms: Rooms) -> None:
    hours = 13 * 3600 * 1000
    done, row = await one(rooms)
    assert await rooms.due.complete(row, SendingOutcome.DONE, MS + 10, said=3) == "done"
    later = await again(rooms, done, last=4, now=MS + hours)
    (row,) = await rooms.leased(later)
    assert row.since_ms == MS + hours
    await rooms.due.complete(row, SendingOutcome.AGAIN, MS + hours + 5, again_ms=MS + hours + 1000)
    more = await again(rooms, later, last=5, now=MS + hours + 500)
    (row,) = await rooms.leased(more)
    assert row.since_ms == MS + hours, "a pending row keeps its time"
    await rooms.due.complete(row, SendingOutcome.PARKED, MS + 2 * hours, letter={"id": "row"})
    (row,) = await rooms.leased(await again(rooms, more, last=6, now=MS + 3 * hours))
    assert row.since_ms == MS + 3 * hours, "a dead letter has its whole retry time again"


async def test_a_commit_takes_a_lease_over_that_has_passed(rooms: Rooms) -> None:
    done, row = await one(rooms)
    later = await again(rooms, done, last=4, now=MS + LEASE)
    assert later.leased == ("row",)
    assert await rooms.due.complete(row, SendingOutcome.DONE, MS + LEASE, said=3) == "lost"


async def test_a_failure_comes_back_when_it_is_told_to(rooms: Rooms) -> None:
    _, row = await one(rooms)
    told = await rooms.due.complete(row, SendingOutcome.AGAIN, MS, again_ms=MS + 2000, memory={"ts": "1"})
    assert told == "again"
    assert await rooms.due.claim("pager!", MS + 1999, 1) == []
    (row,) = await rooms.due.claim("pager!", MS + 2000, 1)
    assert (row.attempts, row.tries, row.memory, row.cursor) == (1, 2, {"ts": "1"}, 0)
    await rooms.due.complete(row, SendingOutcome.DONE, MS + 2000, said=0)
    (row,) = await rooms.due.claim("pager!", MS + 2000, 1)
    assert row.attempts == 0


async def test_a_new_event_lowers_what_waits_for_its_next_attempt(rooms: Rooms) -> None:
    done, row = await one(rooms)
    await rooms.due.complete(row, SendingOutcome.AGAIN, MS, again_ms=MS + 900_000)
    later = await again(rooms, done, last=4, now=MS + 10)
    assert later.leased == ("row",)
    assert score(rooms) == MS + 10 + LEASE


async def test_a_new_event_does_not_lower_what_the_vendor_told_to_wait(rooms: Rooms) -> None:
    done, row = await one(rooms)
    await rooms.due.complete(row, SendingOutcome.AGAIN, MS, again_ms=MS + 60_000, told_to_wait=True)
    later = await again(rooms, done, last=4, now=MS + 10)
    assert (later.leased, score(rooms)) == ((), MS + 60_000)
    last = await again(rooms, later, last=5, now=MS + 60_000)
    assert last.leased == ("row",)


async def test_having_waited_once_it_waits_no_more(rooms: Rooms) -> None:
    done, row = await one(rooms)
    await rooms.due.complete(row, SendingOutcome.AGAIN, MS, again_ms=MS + 60_000, told_to_wait=True)
    (row,) = await rooms.due.claim("pager!", MS + 60_000, 1)
    await rooms.due.complete(row, SendingOutcome.AGAIN, MS + 60_000, again_ms=MS + 90_000)
    assert (await again(rooms, done, last=4, now=MS + 60_001)).leased == ("row",)


async def test_a_given_up_row_is_a_dead_letter_and_not_due(rooms: Rooms) -> None:
    done, row = await one(rooms)
    told = await rooms.due.complete(row, SendingOutcome.PARKED, MS, letter={"id": "row", "reason": "refused"})
    assert (told, score(rooms)) == ("parked", None)
    assert await rooms.due.letters.all() == {"row": {"id": "row", "reason": "refused"}}
    assert (await rooms.due.beat(0, MS)).dead == 1
    (row,) = await rooms.leased(await again(rooms, done, last=4))
    assert row.attempts == 1
    assert await rooms.due.letters.all() == {}


async def test_a_worse_severity_moves_a_row_into_the_urgent_lane(rooms: Rooms) -> None:
    done = await rooms.owed(owing(lane="pager", last=3))
    (row,) = await rooms.leased(done)
    await again(rooms, done, last=4, lane="pager!", now=MS + 1)
    assert (score(rooms, "pager"), score(rooms, "pager!")) == (None, MS + LEASE)
    assert await rooms.due.complete(row, SendingOutcome.DONE, MS + 2, said=3) == "more"
    assert (score(rooms, "pager"), score(rooms, "pager!")) == (None, MS + 2)


async def test_a_row_that_is_done_comes_back_in_its_new_lane(rooms: Rooms) -> None:
    done = await rooms.owed(owing(lane="pager", last=3))
    (row,) = await rooms.leased(done)
    await rooms.due.complete(row, SendingOutcome.DONE, MS, said=3)
    await again(rooms, done, last=4, lane="pager!")
    assert (score(rooms, "pager"), score(rooms, "pager!")) == (None, MS + LEASE)


async def test_an_adopted_page_counts_as_claimed_before(rooms: Rooms) -> None:
    done = await rooms.owed(owing(memory={"sent": "trigger"}, tries=1))
    (row,) = await rooms.leased(done)
    assert (row.memory, row.tries) == ({"sent": "trigger"}, 2)


async def test_what_was_sent_before_is_done_with_its_commit(rooms: Rooms) -> None:
    sent = owing(memory={"sent": "trigger"}, tries=1, receipt={"ok": 1}, done=True)
    done = await rooms.owed(sent)
    assert done.incident is not None
    assert (done.leased, score(rooms)) == ((), None)
    assert await rooms.incidents.receipts(done.incident.uid) == [{"ok": 1}]
    assert 0 < rooms.raw.ttl(rooms.named(f"receipts:{done.incident.uid}")) <= 1000
    (row,) = await rooms.leased(await again(rooms, done, last=4))
    assert (row.cursor, row.memory, row.tries) == (1, {"sent": "trigger"}, 1), "the next row is sent"


async def test_what_somebody_is_sending_is_not_done_by_a_commit(rooms: Rooms) -> None:
    done, row = await one(rooms)
    assert done.incident is not None
    later = owing(memory={"sent": "trigger"}, last=4, receipt={"ok": 1}, done=True)
    assert (await rooms.commit(grown(done.incident, rows=[later]))).leased == ()
    assert score(rooms) == MS + LEASE
    assert await rooms.due.complete(row, SendingOutcome.DONE, MS + 10, said=3) == "more"


async def test_free_ends_every_lease_and_nothing_else(rooms: Rooms) -> None:
    done = await rooms.owed(owing(), owing(CHAT, lane="chat", member="chat-row"), owing(member="later"))
    leased, chat, later = await rooms.leased(done)
    await rooms.due.complete(later, SendingOutcome.AGAIN, MS, again_ms=MS + 5000)
    assert await rooms.due.free(MS + 1) == 2
    assert score(rooms, member="later") == MS + 5000
    assert await rooms.due.complete(leased, SendingOutcome.DONE, MS + 1, said=1) == "lost"
    assert await rooms.due.complete(chat, SendingOutcome.DONE, MS + 1, said=1) == "lost"
    assert [row.member for row in await rooms.due.claim("pager!", MS + 1, 5)] == ["row"]
    assert await rooms.due.free(MS + 1) == 1


async def test_the_beat_shows_what_is_due_what_changed_and_what_is_late(rooms: Rooms) -> None:
    empty = await rooms.due.beat(0, MS)
    assert (empty.due, empty.depth, empty.oldest_ms, empty.changed, empty.dead) == ({}, 0, None, (), 0)
    done = await rooms.owed(owing(), owing(CHAT, lane="chat", member="chat-row"))
    assert done.incident is not None
    beat = await rooms.due.beat(0, MS)
    assert (beat.due, beat.depth, beat.oldest_ms, beat.overdue) == ({}, 2, MS + LEASE, 0)
    assert beat.changed == ((done.incident.uid, 1),)
    assert (await rooms.due.beat(1, MS)).changed == ()
    beat = await rooms.due.beat(1, MS + LEASE)
    assert beat.due == {"pager!": 1, "chat": 1}
    assert (await rooms.due.beat(1, MS + 2 * LEASE)).overdue == 2
    seconds, micro = rooms.raw.time()
    assert abs(beat.time_ms - (seconds * 1000 + micro / 1000)) < 60_000


async def test_a_mark_ahead_of_the_commits_is_no_commit_that_is_there(rooms: Rooms) -> None:
    await rooms.owed(owing())
    newest = (await rooms.due.beat(0, MS)).newest
    assert newest is not None and newest.number == 1
    rooms.raw.hset(rooms.named("marks"), "last", "2 other")
    assert (await rooms.due.beat(0, MS)).newest is None


async def test_timers_come_back_until_somebody_ends_them(rooms: Rooms) -> None:
    done = await rooms.owed()
    assert done.incident is not None
    done = await rooms.commit(grown(done.incident, timers={"uid monitor": MS + 900_000, "uid other": MS + 1}))
    assert await rooms.due.claim_timers(MS) == []
    assert (await rooms.due.beat(0, MS + 1)).due == {TIMERS: 2}
    assert await rooms.due.claim_timers(MS + 1) == ["uid other"]
    assert await rooms.due.claim_timers(MS + 1) == []
    assert await rooms.due.claim_timers(MS + 1 + LEASE) == ["uid other"]
    await rooms.due.drop_timer("uid other")
    assert done.incident is not None
    await rooms.commit(grown(done.incident, timers={"uid monitor": 0}))
    assert rooms.raw.zcard(rooms.named("due:timer")) == 0


async def test_what_is_held_waits_from_its_first_hold_on(rooms: Rooms) -> None:
    await rooms.commit(CommitRequest(incident=None, held=[("g", "first", MS + 60_000)]))
    await rooms.commit(CommitRequest(incident=None, held=[("g", "second", MS + 90_000)]))
    assert score(rooms, TIMERS, "held g") == MS + 60_000
    assert await rooms.due.held("g") == "second"
    await rooms.due.unhold("g", "first")
    assert await rooms.due.held("g") == "second"
    await rooms.due.unhold("g", "second")
    assert (await rooms.due.held("g"), score(rooms, TIMERS, "held g")) == (None, None)


async def test_refused_bodies_are_told_of_once_in_ten_minutes(rooms: Rooms) -> None:
    rows = [("- chat told", "chat", CHAT, {"text": "a body was refused"})]
    assert await rooms.due.refuse({"n": 1}, MS, rows) is True
    assert await rooms.due.refuse({"n": 2}, MS + 1, [("- chat again", "chat", CHAT, {"text": "x"})]) is False
    assert rooms.raw.lrange(rooms.named("refused"), 0, -1) == ['{"n":2}', '{"n":1}']
    assert 599_000 < rooms.raw.pttl(rooms.named("told")) <= 600_000
    (row,) = await rooms.due.claim("chat", MS, 10)
    assert (row.uid, row.to, row.last, row.cursor, row.memory) == ("", CHAT, 1, 0, {"text": "a body was refused"})
    assert await rooms.due.complete(row, SendingOutcome.DONE, MS, said=1) == "done"
    rooms.raw.delete(rooms.named("told"))
    assert await rooms.due.refuse({"n": 3}, MS + 700_000, rows) is True


async def test_the_newest_hundred_refused_bodies_are_kept(rooms: Rooms) -> None:
    for number in range(103):
        await rooms.due.refuse({"n": number}, MS, [])
    kept = rooms.raw.lrange(rooms.named("refused"), 0, -1)
    assert (len(kept), kept[0], kept[-1]) == (100, '{"n":102}', '{"n":3}')


async def test_the_watchdog(rooms: Rooms) -> None:
    watchdogs = WatchdogTimes(rooms.due.connection)
    assert await watchdogs.last_ms() is None
    await watchdogs.record(MS)
    assert await watchdogs.last_ms() == MS


@pytest.mark.parametrize("outcome", list(SendingOutcome))
async def test_a_row_without_an_incident_leaves_no_receipts_of_nobody(rooms: Rooms, outcome: SendingOutcome) -> None:
    await rooms.due.refuse({}, MS, [("- chat told", "chat", CHAT, {"text": "t"})])
    (row,) = await rooms.due.claim("chat", MS, 10)
    await rooms.due.complete(row, outcome, MS, said=1, receipt={"ok": True}, letter={"id": row.member})
    assert rooms.raw.exists(rooms.named("receipts:")) == 0


async def test_what_is_owed_by_a_row_that_has_expired_is_owed_no_more(rooms: Rooms) -> None:
    await rooms.due.refuse({}, MS, [("- chat told", "chat", CHAT, {"text": "t"})])
    rooms.raw.delete(rooms.named("row:- chat told"))
    assert await rooms.due.claim("chat", MS, 10) == []
    assert await rooms.due.claim("chat", MS + LEASE, 10) == []
    assert (score(rooms, "chat", "- chat told"), rooms.raw.exists(rooms.named("row:- chat told"))) == (None, 0)
