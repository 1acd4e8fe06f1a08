"""Similar incidents: the criteria, their order, and the reasons; and BM25 compared with a common package."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Plus

from receiver.model.incident.similar_record import pack_similar, similar_record, unpack_similar, words_of
from receiver.review.bm25 import K1, B, bm25
from receiver.review.similarity import MOST, outcome, similar
from tests.channels.notices import NOW, incident
from tests.review.past_incidents import TROUBLES, history, planted, record

WORDS = st.lists(
    st.sampled_from(["error", "disk", "slow", "queue", "replica", "memory", "crash"]), min_size=1, max_size=8
)


@given(query=WORDS, texts=st.lists(WORDS, min_size=1, max_size=9))
def test_bm25_gives_the_scores_of_the_package(query: list[str], texts: list[list[str]]) -> None:
    theirs = BM25Plus(texts, k1=K1, b=B, delta=0).get_scores(query)
    assert bm25(query, texts) == pytest.approx(list(theirs))


def test_planted_pairs_without_a_common_alert_come_first() -> None:
    chance = random.Random(25)
    first = 0
    for place in range(20):
        past = history(300, chance)
        twin, now = planted(300 + place, chance)
        assert not set(twin.fingerprints) & set(now.fingerprints)
        found = similar(now, [*past, twin])
        first += bool(found) and found[0][0] is twin
        assert len(found) <= MOST
    assert first >= 18


def test_what_counts_more_comes_first_and_a_known_resolution_among_equals() -> None:
    chance = random.Random(1)
    name, summary = TROUBLES[0]
    now = record(10, chance, "checkout", name, summary)
    same = record(1, chance, "checkout", name, summary)._replace(fingerprints=now.fingerprints)
    named = record(2, chance, "checkout", name, summary)
    solved = record(3, chance, "checkout", name, summary, mitigation="rollback")
    other = record(4, chance, "search", "CertificateExpires", "Certificate ends in 3 days")
    drill = record(5, chance, "checkout", name, summary, drill=True)
    found = similar(now, [other, named, solved, same, drill, now])
    assert [one.uid for one, _, _ in found] == [same.uid, solved.uid, named.uid]
    assert [why for _, _, why in found] == [
        "same alert; resolved in 14 min", "same alert and service; resolved in 14 min by rolling back",
        "same alert and service; resolved in 14 min",
    ]  # fmt: skip
    assert found[0][1] > found[1][1]


def test_a_renamed_alert_is_named_by_what_both_have_in_common() -> None:
    chance = random.Random(2)
    past = record(1, chance, "checkout", "DiskFull", "Disk almost full on {host}", noise=True)
    now = record(2, chance, "checkout", "VolumeDiskUsage", "Disk full soon on {host}")
    far = [record(n, chance, f"other-{n}", "HighLatency", "Slow requests") for n in range(3, 30)]
    shared = now._replace(pairs=tuple(pair.replace("VolumeDiskUsage", "DiskFull") for pair in now.pairs))
    ((one, _, why),) = similar(shared, [past, *far])
    assert one is past
    assert why == "same service, namespace and runbook; resolved in 14 min; marked as noise"


@pytest.mark.parametrize(("words", "alike"), [(("down",), False), (("down", "index"), True)])
def test_one_common_word_alone_makes_no_two_incidents_similar(words: tuple[str, ...], alike: bool) -> None:
    chance = random.Random(4)
    past = record(1, chance, "api", "ApiDown", "Down")._replace(words=words, pairs=("a=b",))
    now = record(2, chance, "search", "SearchDown", "Down")._replace(words=words, pairs=("c=d",))
    assert bool(similar(now, [past])) is alike


def test_the_outcome_says_what_people_wrote_on_one_line() -> None:
    one = record(1, random.Random(3), "api", "Down", "Down", resolution="Restarted\nthe \x00 pods " + "x" * 500)
    assert outcome(one).startswith("resolved in 14 min: Restarted the")
    assert len(outcome(one)) < 160
    assert outcome(one._replace(resolution="", cause="Full disk")) == "resolved in 14 min; cause: Full disk"


def test_the_record_of_an_incident_survives_the_store_and_is_bounded() -> None:
    one = incident(
        id="INC-2026-0007", state="resolved", resolved_at=NOW + timedelta(minutes=14), title="ApiLatencyHigh " * 100,
        labels={f"label{n}": "v" * 1000 for n in range(100)} | {"alertname": "ApiDown", "severity": "critical"},
        annotations={"runbook_url": "https://wiki.example.com/api", "summary": "Slow"},
    )  # fmt: skip
    kept = similar_record(one, {})
    text = pack_similar(kept).decode()
    assert unpack_similar(kept.uid, kept.id, text) == kept
    assert len(text) < 4500
    assert "runbook=https://wiki.example.com/api" in kept.pairs
    assert not any(pair.startswith(("severity=", "alertname=")) for pair in kept.pairs)
    assert unpack_similar("u", "INC-1", text.replace("[1,", "[2,", 1)) is None
    assert unpack_similar("u", "INC-1", "{}") is None
    later = text[:-1] + ',"a field of a later version"]'
    assert unpack_similar(kept.uid, kept.id, later) == kept


def test_words_are_those_of_names_too() -> None:
    assert words_of("HTTPErrorRateHigh on api-7f3k9", "the p99 of 12 ms") == (
        "http",
        "error",
        "rate",
        "high",
        "api",
        "ms",
    )
