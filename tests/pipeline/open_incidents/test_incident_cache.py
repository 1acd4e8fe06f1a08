"""The cache of incidents: a change updates one entry and the counts, without iterating over the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from receiver.incident.store_outage.incident_summary import summarize
from receiver.metrics import Metrics
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary, PageMark
from receiver.model.incident.response_records import StatusUpdate, UpdateStatus
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.open_incidents import incident_cache
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.open_incidents.public_incidents import published_update
from tests.incident.fixtures import NOW, POLICY, Store, alert, at, part


def incident() -> Incident:
    store = Store()
    store.tell(part(alert("A")), NOW)
    return store.incidents["uid0"].model_copy(update={"version": 1})


BASE = summarize(incident(), POLICY)


def one(uid: str, **more: Any) -> IncidentSummary:
    pages = (PageMark(f"page-{uid}", "pager", 1, "alice", False, True),)
    changed: dict[str, Any] = {"uid": uid, "key": f"key-{uid}", "keys": (f"key-{uid}",), "pages": pages, **more}
    return BASE._replace(**changed)


@pytest.fixture
def cache() -> IncidentCache:
    made = IncidentCache(Metrics())
    made.completed()
    return made


def gauge(cache: IncidentCache, severity: str, state: str) -> float | None:
    labels = {"severity": severity, "state": state, "team": ""}
    return cache.metrics.registry.get_sample_value("receiver_incidents_open", labels)


def test_the_gauge_follows_what_comes_and_goes(cache: IncidentCache) -> None:
    cache.take(one("a"))
    cache.take(one("b"))
    cache.take(one("drill", drill=True))
    assert gauge(cache, "SEV-2", "open") == 2
    cache.take(one("a", version=2, severity=Severity.SEV1))
    cache.take(one("b", version=2, state=State.ACKNOWLEDGED))
    assert [gauge(cache, "SEV-2", "open"), gauge(cache, "SEV-1", "open"), gauge(cache, "SEV-2", "acknowledged")] == [
        *(0, 1, 1)
    ]
    cache.take(one("a", version=3, state=State.RESOLVED))
    assert (gauge(cache, "SEV-1", "open"), len(cache)) == (0, 2)


def test_until_all_are_known_the_gauge_says_nothing() -> None:
    cache = IncidentCache(Metrics())
    cache.take(one("a"))
    assert not gauge(cache, "SEV-2", "open")
    cache.completed()
    assert gauge(cache, "SEV-2", "open") == 1


def test_an_older_version_changes_nothing(cache: IncidentCache) -> None:
    assert cache.take(one("a", version=5, state=State.ACKNOWLEDGED))
    assert not cache.take(one("a", version=5))
    assert not cache.take(one("a", version=4))
    assert [known.state for known in cache.open()] == [State.ACKNOWLEDGED]


def test_a_key_leads_to_the_newest_and_never_to_what_was_merged_away(cache: IncidentCache) -> None:
    cache.take(one("old", keys=("k",), opened_ms=1))
    cache.take(one("new", keys=("k",), opened_ms=2))
    cache.take(one("older", keys=("k",), opened_ms=0))
    assert (known := cache.at("k")) is not None
    assert known.uid == "new"
    cache.take(one("new", version=2, keys=("k",), opened_ms=2, merged=True, state=State.CLOSED))
    cache.take(one("old", version=2, keys=("k", "more"), opened_ms=1))
    assert (known := cache.at("k")) is not None
    assert known.uid == "old"
    cache.take(one("old", version=3, keys=("more",), opened_ms=1))
    assert cache.at("k") is None, "it was removed from the index"


def test_a_page_leads_to_every_incident_that_has_it(cache: IncidentCache) -> None:
    shared = (PageMark("page", "pager", 1, "alice", False, True),)
    cache.take(one("a", pages=shared))
    cache.take(one("b", pages=shared))
    assert {known.uid for known in cache.paged("page")} == {"a", "b"}
    cache.take(one("a", version=2, pages=()))
    assert [known.uid for known in cache.paged("page")] == ["b"]
    assert cache.paged("none") == []


def test_the_order_is_by_severity_and_then_by_time(cache: IncidentCache) -> None:
    for uid, severity, opened in (("a", "SEV-3", 1), ("b", "SEV-1", 2), ("c", "SEV-3", 3), ("d", "SEV-3", 3)):
        cache.take(one(uid, severity=Severity(severity), opened_ms=opened))
    assert [known.uid for known in cache.worst_first()] == ["b", "d", "c", "a"]
    assert [known.uid for known in cache.worst_first(oldest=True)] == ["b", "a", "c", "d"]
    assert [known.uid for known in cache.oldest_first()] == ["a", "b", "c", "d"]
    cache.take(one("b", version=2, severity=Severity.SEV4, opened_ms=2))
    cache.take(one("c", version=2, state=State.CLOSED, opened_ms=3))
    assert [known.uid for known in cache.worst_first()] == ["d", "a", "b"]


def test_what_is_held_is_found_by_what_holds_it(cache: IncidentCache) -> None:
    cache.take(one("a", held="maintenance: x"))
    cache.take(one("b", held="storm"))
    assert [known.uid for known in cache.held("maintenance: x")] == ["a"]
    cache.take(one("a", version=2))
    assert (cache.held("maintenance: x"), len(cache)) == ([], 2)


def test_what_is_over_is_forgotten_when_it_is_too_much(cache: IncidentCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_cache, "OVER", 2)
    for uid in ("a", "b", "c"):
        cache.take(one(uid))
        cache.take(one(uid, version=2, state=State.RESOLVED))
    assert [known.uid for known in cache.over()] == ["c", "b"]
    assert (cache.at("key-a"), cache.paged("page-a")) == (None, [])
    assert cache.at("key-b") is not None


def test_only_what_the_public_was_told_of_is_in_its_index(cache: IncidentCache) -> None:
    told = StatusUpdate(n=1, status=UpdateStatus.INVESTIGATING, text="x", by="a", at=NOW, published_at=NOW)
    silent = incident()
    public = silent.model_copy(update={"uid": "p", "updates": (told, told.model_copy(update={"published_at": None}))})
    for snapshot in (silent, public):
        cache.take(summarize(snapshot, POLICY), snapshot)
    (record,) = cache.public.open()
    assert (record.uid, record.updates) == ("p", (published_update(told),))
    turns = cache.public.turns
    cache.take(one("other"))
    assert cache.public.turns == turns, "a change that is not public does not render the page again"
    over = public.model_copy(update={"state": State.RESOLVED, "version": 2, "resolved_at": at(9)})
    cache.take(summarize(over, POLICY), over)
    assert (cache.public.open(), [known.uid for known in cache.public.over()]) == ([], ["p"])


def test_a_commit_of_its_own_is_known_as_such_once_it_is_read(cache: IncidentCache) -> None:
    snapshot = incident()
    cache.after = 6
    cache.committed(summarize(snapshot, POLICY), snapshot, 9)
    assert cache.own(snapshot.uid, 8), "earlier commits are included"
    assert cache.own(snapshot.uid, 9)
    assert not cache.own(snapshot.uid, 10), "another replica's commit came after it"
    assert not cache.own("another", 9)


def test_listeners_hear_of_what_is_new_and_not_of_what_is_read_at_the_start(cache: IncidentCache) -> None:
    heard: list[str] = []
    cache.listeners.append(lambda told: heard.append(told.uid))
    snapshot = incident()
    cache.take(summarize(snapshot, POLICY), snapshot, news=False)
    cache.take(summarize(snapshot, POLICY), snapshot)
    assert heard == []
    newer = snapshot.model_copy(update={"version": 2})
    cache.take(summarize(newer, POLICY), newer)
    assert heard == [snapshot.uid]


class Unwalked(dict[str, Any]):
    """A dictionary that does not allow iteration."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("all incidents were walked")

    def values(self) -> Any:
        raise AssertionError("all incidents were walked")

    def items(self) -> Any:
        raise AssertionError("all incidents were walked")

    keys = values


def test_nothing_that_happens_often_walks_all(cache: IncidentCache) -> None:
    for number in range(5000):
        cache.take(one(f"{number:05}", opened_ms=number))
    cache._open = Unwalked(cache._open)
    cache._by_key, cache._by_page = Unwalked(cache._by_key), Unwalked(cache._by_page)
    cache.take(one("new", opened_ms=9999))
    cache.take(one("00007", version=2, severity=Severity.SEV1, opened_ms=7))
    cache.take(one("00008", version=2, state=State.RESOLVED, opened_ms=8))
    assert len(cache) == 5000
    assert cache.at("key-00007") is not None
    assert [known.uid for known in cache.paged("page-00009")] == ["00009"]
    assert [known.uid for known in islice(cache.worst_first(), 2)] == ["00007", "new"]
    assert gauge(cache, "SEV-2", "open") == 4999
