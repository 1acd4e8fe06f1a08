"""The checker detects each kind of breach in a prepared ledger, and accepts what the rules allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.checker import LATE, Attempt, Call, Ledgers, check_run, spells_of

GROUP, ALICE = "Probe1", "alice"
ENDS = 50.0


def attempt(asof: float, *, firing: bool, status: int | None = 200, at: float | None = None) -> Attempt:
    sent = asof if at is None else at
    return Attempt(GROUP, firing, asof, sent, sent + 0.1, status)


def call(action: str, at: float, key: str = "k1", *, answered: bool = True) -> Call:
    return Call(GROUP, ALICE, key, action, at, answered)


def ledgers(*calls: Call, **more: Any) -> Ledgers:
    """Return a run in which one alert fires from 1 to 50 s."""
    given: dict[str, Any] = {
        "truth": {GROUP: [(1.0, ENDS)]},
        "pages": {GROUP: [ALICE]},
        "attempts": [attempt(2.0, firing=True), attempt(ENDS + 2, firing=False)],
        "calls": calls,
        "end": 200.0,
    }
    return Ledgers(**(given | more))


GOOD = (call("trigger", 3), call("resolve", ENDS + 3))
TWICE = {
    "truth": {GROUP: [(1.0, ENDS), (70.0, 120.0)]},
    "attempts": [
        attempt(2, firing=True), attempt(ENDS + 2, firing=False), attempt(71, firing=True), attempt(122, firing=False)
    ],
}  # fmt: skip


def test_a_page_that_comes_and_is_resolved_is_right() -> None:
    verdict = check_run(ledgers(*GOOD))
    assert verdict.breaches == []
    assert (verdict.judged, verdict.untold, verdict.pages) == (1, 0, 1)


BREACHES: dict[str, tuple[Ledgers, str]] = {
    "nobody is paged": (ledgers(), "lost"),
    "paged too late": (ledgers(call("trigger", 2 + LATE + 1), call("resolve", ENDS + 3)), "lost"),
    "one of two is not paged": (ledgers(*GOOD, pages={GROUP: [ALICE, "eng-lead"]}), "lost"),
    "paged for the first spell alone": (ledgers(*GOOD, **TWICE), "lost"),
    "resolved while it fires": (ledgers(call("trigger", 3), call("resolve", 10)), "wrong resolve"),
    "two keys": (ledgers(*GOOD, call("trigger", 9, "k2"), call("resolve", ENDS + 3, "k2")), "double"),
    "rings three times": (
        ledgers(*(call(action, at) for at, action in enumerate(("trigger", "resolve") * 3, 45)), GOOD[1]), "double"
    ),
    "rings twice without a fault": (
        ledgers(call("trigger", 3), call("resolve", 4), call("trigger", 5), GOOD[1], faults=False), "double"
    ),
    "accepted three times": (ledgers(*[call("trigger", at) for at in (3, 4, 5)], GOOD[1]), "double"),
    "a stranger": (ledgers(*GOOD, Call(GROUP, "ceo", "k9", "trigger", 9.0)), "for nothing"),
    "long after its end": (ledgers(GOOD[0], GOOD[1], call("trigger", 90, "k2"), call("resolve", 91, "k2"),
                                   attempts=[attempt(2, firing=True), attempt(52, firing=False)]), "for nothing"),
    "the page stays open": (ledgers(call("trigger", 3)), "stuck"),
    "rings after its resolve and stays open": (ledgers(*GOOD, call("trigger", 60)), "stuck"),
    "the incident stays open": (ledgers(*GOOD, open_incidents=[GROUP]), "stuck"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREACHES)
def test_a_planted_breach_is_seen(name: str) -> None:
    given, kind = BREACHES[name]
    breaches = check_run(given).breaches
    assert any(text.startswith(f"{kind}: ") for text in breaches), breaches


ALLOWED = {
    "one more of the same key under a fault": ledgers(call("trigger", 3), call("trigger", 5), GOOD[1]),
    "an answer that was lost, again and again": ledgers(
        *[call("trigger", at, answered=False) for at in (3, 4, 5)], call("trigger", 6), GOOD[1]
    ),
    "late by as much as a pager was away": ledgers(call("trigger", 40), GOOD[1], excused=[(0.0, 30.0)]),
    "a new key for a new spell": ledgers(*GOOD, call("trigger", 72, "k2"), call("resolve", 123, "k2"), **TWICE),
    "a page that stays open through a quiet spell": ledgers(call("trigger", 3), call("resolve", 123), **TWICE),
    "a short spell without a page": ledgers(
        truth={GROUP: [(1.0, 10.0)]}, attempts=[attempt(2, firing=True), attempt(11, firing=False)]
    ),
    "a page that another one replaces at once": ledgers(
        call("trigger", 3), call("resolve", 20), call("trigger", 20.5), GOOD[1]
    ),
    "an end that nobody was told": ledgers(call("trigger", 3), attempts=[attempt(2, firing=True)]),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_rules_allow_is_let_pass(name: str) -> None:
    assert check_run(ALLOWED[name]).breaches == []


def test_two_spells_without_an_end_between_them_are_one() -> None:
    refused = [replace(one, status=503) if not one.firing and one.asof < 100 else one for one in TWICE["attempts"]]
    (spell,) = spells_of(GROUP, ledgers(**{**TWICE, "attempts": refused}))
    assert (spell.told, spell.until) == (2.1, 122)


def test_a_spell_that_nobody_was_told_of_owes_nothing() -> None:
    assert spells_of(GROUP, ledgers(attempts=[attempt(2, firing=True, status=None)])) == []


ALERTS = {
    "first": (0, True, 1.0),
    "its end": (0, False, 1.0),
    "second": (1, True, 20.0),
    "second's end": (1, False, 20.0),
}


def told_of(asof: float, *names: str, status: int | None = 200) -> Attempt:
    alerts = tuple(ALERTS[name] for name in names)
    firing = any(fires for _, fires, _ in alerts)
    return replace(attempt(asof, firing=firing, status=status), alerts=alerts)


@pytest.mark.parametrize(
    ("told", "refused", "last", "stuck"),
    [
        (["first"], ["first"], ["its end"], True),
        (["first"], ["first", "second"], ["its end", "second's end"], True),
        (["first", "second"], ["first"], ["its end"], True),
        (["first"], ["first", "second"], ["its end"], False),
        (["first"], ["second"], ["its end"], False),
    ],
)
def test_what_was_only_ever_refused_is_not_stuck(
    told: list[str], refused: list[str], last: list[str], stuck: bool
) -> None:
    attempts = [told_of(22, *told), told_of(30, *refused, status=503), told_of(ENDS + 2, *last)]
    verdict = check_run(ledgers(call("trigger", 23), attempts=attempts, open_incidents=[GROUP]))
    assert bool(verdict.stuck) is stuck
    assert verdict.untold == (not stuck)
