"""A channel's circuit breaker: opens after consecutive failures, retries by itself, and closes after one success."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.pipeline.delivery.circuit_breaker import AT_ONCE, AWAY, FAILURES, FIRST_REST, LONGEST_REST, CircuitBreaker

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


def failed(times: int, reason: str = "server_error", circuit: CircuitBreaker | None = None) -> CircuitBreaker:
    """Return the circuit breaker after that many failures at one time."""
    circuit = circuit or CircuitBreaker()
    for _ in range(times):
        circuit = circuit.record_failure(reason, NOW)
    return circuit


def test_it_rests_after_failures_in_a_row() -> None:
    assert not failed(FAILURES - 1).open
    circuit = failed(FAILURES)
    assert circuit.open
    assert not circuit.allows(NOW)
    assert not circuit.allows(NOW + FIRST_REST - timedelta(milliseconds=1))
    assert circuit.allows(NOW + FIRST_REST)


def test_one_success_forgets_all() -> None:
    assert not failed(FAILURES - 1, circuit=failed(FAILURES - 1).good()).open
    assert failed(FAILURES).good() == CircuitBreaker()


def test_rests_grow_to_a_minute() -> None:
    circuit, rests = failed(FAILURES), []
    for _ in range(6):
        assert circuit.until is not None
        rests.append((circuit.until - NOW).total_seconds())
        circuit = circuit.record_failure("timeout", NOW)
    assert rests == [5, 10, 20, 40, 60, 60]


def test_only_one_tries_after_a_rest() -> None:
    circuit = failed(FAILURES)
    later = NOW + FIRST_REST
    assert circuit.allows(later)
    assert not circuit.tried(later).allows(later)


def test_a_refused_credential_is_enough() -> None:
    assert failed(1, "auth").open


@pytest.mark.parametrize("reason", ["client_error", "rate_limited", "refused"])
def test_what_says_nothing_of_the_vendor_counts_nothing(reason: str) -> None:
    assert failed(50, reason) == CircuitBreaker()


@given(st.lists(st.tuples(st.sampled_from([*sorted(AWAY | AT_ONCE), "client_error", ""]), st.integers(0, 120))))
def test_a_rest_always_ends_and_a_success_always_closes(life: list[tuple[str, int]]) -> None:
    circuit, now = CircuitBreaker(), NOW
    for reason, seconds in life:
        now += timedelta(seconds=seconds)
        circuit = circuit.record_failure(reason, now) if reason else circuit.good()
        assert circuit.open is (circuit.until is not None)
        if circuit.until is not None:
            assert circuit.until - now <= LONGEST_REST
        if not reason:
            assert not circuit.open
