"""A severity decision is stored as JSON without loss, and earlier records can be read."""

from __future__ import annotations

import math

import orjson
import pytest

from receiver.model.severity import Decision, Severity


@pytest.mark.parametrize("value", [math.inf, 0.0, 0.073, 1e-300, 1.7976931348623157e308])
def test_what_was_measured_survives_json(value: float) -> None:
    decision = Decision(severity=Severity.SEV2, rule="high-latency", measured={"latency": value})
    for written in (decision.model_dump_json(), orjson.dumps(decision.model_dump(mode="json"))):
        assert Decision.model_validate_json(written) == decision


def test_an_infinite_latency_is_written_as_prometheus_writes_it() -> None:
    decision = Decision(severity=Severity.SEV2, rule="high-latency", measured={"latency": math.inf})
    assert decision.model_dump(mode="json")["measured"] == {"latency": "+Inf"}


def test_a_record_of_before_is_read() -> None:
    old = {"severity": "SEV-2", "rule": "high-latency", "measured": {"latency": None}}
    decision = Decision.model_validate(old)
    assert decision.measured == {"latency": math.inf}
    assert decision.scope_from is None
