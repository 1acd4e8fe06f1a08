"""Quantities are read from the text of alerts in every unit; unreadable ones are reported with the reason."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.model.alert.alert import Alert, AlertStatus
from receiver.triage.measurements.measurements import Measurement, MeasurementSettings
from receiver.triage.measurements.units import Unit, Unreadable, parse_quantity, written


@pytest.mark.parametrize(
    ("unit", "text", "value"),
    [
        ("ratio", "7.3%", 0.073),
        ("ratio", "0.073", 0.073),
        ("ratio", "7.3 percent", 0.073),
        ("ratio", " 7.3 % ", 0.073),
        ("ratio", "7.3Percent", 0.073),
        ("ratio", "120%", 1.2),
        ("ratio", "1", 1.0),
        ("ratio", "0", 0.0),
        ("ratio", "-0", 0.0),
        ("ratio", "+5%", 0.05),
        ("ratio", "7e-2", 0.07),
        ("ratio", ".5", 0.5),
        ("seconds", "6.2s", 6.2),
        ("seconds", "850ms", 0.85),
        ("seconds", "5100ms", 5.1),
        ("seconds", "1m30s", 90.0),
        ("seconds", "1h 2m 3s", 3723.0),
        ("seconds", "6.2", 6.2),
        ("seconds", "1e3", 1000.0),
        ("seconds", "1d", 86400.0),
        ("seconds", "1w1y", 32140800.0),
        ("seconds", "250us", 0.00025),
        ("seconds", "250µs", 0.00025),
        ("seconds", "250μs", 0.00025),
        ("seconds", "10ns", 1e-8),
        ("seconds", "+Inf", math.inf),
        ("seconds", "Inf", math.inf),
        ("factor", "1.6x", 1.6),
        ("factor", "1.6", 1.6),
        ("factor", "2 X", 2.0),
        ("factor", "3×", 3.0),
    ],
)
def test_reads(unit: str, text: str, value: float) -> None:
    assert parse_quantity(text, Unit(unit)) == value


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "N/A", "NaN", "nan", "-Inf", "-1", "-1%", "-5s", "-0m5s", "7,3%", "7,3", "1,000", "five", "0x10",
        "1_0", "--0", "+-0", "1e99999", "5 s %", "%", "x", "٣", "<no value>", "9" * 65, "1.2.3", "5sx", "1s-2s",
    ],
)  # fmt: skip
def test_unreadable_in_every_unit(unit: Unit, text: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse_quantity(text, unit)
    assert 0 < len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("unit", "text", "says"),
    [
        ("ratio", "7.3", "above 1 without a percent sign"),
        ("ratio", "1.0001", "above 1"),
        ("ratio", "+Inf", "not finite"),
        ("factor", "Inf", "not finite"),
        ("ratio", "7.3s", "not a number"),
        ("seconds", "7.3%", "not a duration"),
        ("seconds", "5 parsecs", "not a duration"),
        ("seconds", "1e9999s", "too large"),
        ("factor", "2%", "not a number"),
        ("ratio", "7,3%", "written with a point"),
        ("ratio", "", "empty"),
        ("ratio", "NaN", '"NaN" is not a number'),
    ],
)
def test_says_why(unit: str, text: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        parse_quantity(text, Unit(unit))


@given(st.text(max_size=80), st.sampled_from(Unit))
def test_any_text_is_a_quantity_of_at_least_nothing_or_unreadable(text: str, unit: Unit) -> None:
    try:
        value = parse_quantity(text, unit)
    except Unreadable:
        return
    assert value >= 0


@given(st.decimals(min_value=0, max_value=100, places=3))
def test_a_percentage_and_its_ratio_are_exactly_equal(percent: object) -> None:
    from decimal import Decimal

    assert isinstance(percent, Decimal)
    assert parse_quantity(f"{percent}%", Unit.RATIO) == parse_quantity(f"{percent.scaleb(-2):f}", Unit.RATIO)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.073, "ratio", "7.3%"),
        (0.0, "ratio", "0%"),
        (1.2, "ratio", "120%"),
        (1 / 3, "ratio", "33.33%"),
        (6.2, "seconds", "6.2s"),
        (86400.0, "seconds", "86400s"),
        (math.inf, "seconds", "+Inf"),
        (1.6, "factor", "1.6x"),
    ],
)
def test_writes(value: float, unit: str, text: str) -> None:
    assert written(value, Unit(unit)) == text


@given(st.floats(min_value=0, max_value=1e300, allow_nan=False), st.sampled_from(Unit))
def test_what_is_written_exactly_reads_back(value: float, unit: Unit) -> None:
    assert parse_quantity(written(value, unit, 0), unit) == value


def _alert(labels: dict[str, str], annotations: dict[str, str]) -> Alert:
    return Alert(status=AlertStatus.FIRING, labels=labels, annotations=annotations)


def _measurement() -> Measurement:
    sources = [
        "annotations.error_rate",
        "labels.error_rate",
        {"source": "annotations.value", "alerts": ['alertname=~".*ErrorRate.*"', 'team!="none"']},
    ]
    return Measurement("error_rate", MeasurementSettings.model_validate({"unit": "ratio", "from": sources}))


def test_the_first_source_that_can_be_read_is_used_and_the_others_are_said() -> None:
    reading = _measurement().read(_alert({"error_rate": "6%"}, {"error_rate": "lots", "value": "0.9"}))
    assert reading.value == 0.06
    assert reading.unreadable == ('error_rate unreadable: "lots" is not a number',)


def test_a_shared_field_counts_only_where_all_its_matchers_hold() -> None:
    measurement = _measurement()
    assert measurement.read(_alert({"alertname": "HighErrorRate"}, {"value": "0.1"})).value == 0.1
    assert measurement.read(_alert({"alertname": "Latency"}, {"value": "seven"})) == (None, ())
    assert measurement.read(_alert({"alertname": "HighErrorRate", "team": "none"}, {"value": "0.1"})) == (None, ())


def test_an_empty_annotation_is_said_and_an_absent_one_is_not() -> None:
    assert _measurement().read(_alert({}, {"error_rate": ""})).unreadable == ("error_rate unreadable: it is empty",)
    assert _measurement().read(_alert({}, {})) == (None, ())


def test_a_foreign_text_is_cut_and_stays_on_one_line() -> None:
    (text,) = _measurement().read(_alert({}, {"error_rate": "a\nb\u202e" + "x" * 3000})).unreadable
    assert len(text) < 200
    assert text.isprintable()
