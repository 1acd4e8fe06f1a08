"""The graph of an alert's expression: the rule, the measured values, and the drawing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.review.expression.chart_png import expression_png
from receiver.review.expression.chart_svg import expression_svg
from receiver.review.expression.graph import POINTS, SHOWN, ExpressionGraph, graph_of, graph_table, number
from receiver.review.expression.rule import compared, rule_of
from receiver.review.markdown_html import html
from receiver.sources.prometheus import AlertingRule, Series

BEGINS = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
HOSTILE = '"><script>alert(1)</script>$\\frac{1}{0}$ | `x` <!channel> \x00\u202e'
STEP = 60.0


def series(labels: dict[str, str], *values: float | None) -> Series:
    start = BEGINS.timestamp()
    return Series(labels, tuple((start + STEP * n, v) for n, v in enumerate(values) if v is not None))


def graph(
    *found: Series, expression: str = "api_errors > 0.05", labels: dict[str, str] | None = None
) -> ExpressionGraph:
    made = graph_of("ApiErrors", labels or {}, compared(expression), found, BEGINS, STEP)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("expression", "query", "sign", "threshold"),
    [
        ("a / b > 0.05", "a / b", ">", 0.05),
        ("sum(rate(x[5m])) by (pod)\n  >= 1e3", "sum(rate(x[5m])) by (pod)", ">=", 1000.0),
        ("up == 0", "up", "==", 0.0),
        ("(a and b) > 3", "(a and b)", ">", 3.0),
        ('x{path="a and b > 1"} < -2', 'x{path="a and b > 1"}', "<", -2.0),
        ("a > 5 and b > 3", "a > 5 and b > 3", "", None),
        ("a OR b > 3", "a OR b > 3", "", None),
        ("absent(up)", "absent(up)", "", None),
        ("5 < x", "5 < x", "", None),
        ("x > bool 3", "x > bool 3", "", None),
        ("x > 3 # y > 4", "x > 3 # y > 4", "", None),
        ("x > 1.7e308", "x > 1.7e308", "", None),
        ("x < -1e100", "x < -1e100", "", None),
        ("> 3", "> 3", "", None),
        ("x) > 3", "x) > 3", "", None),
    ],
)
def test_what_is_measured_and_what_it_is_compared_with(
    expression: str, query: str, sign: str, threshold: float | None
) -> None:
    assert compared(expression) == (query, sign, threshold)


@given(st.text("ab(){}[]\"'`\\>< =!3.5e\n#and", max_size=60))
def test_any_text_can_be_an_expression(text: str) -> None:
    found = compared(text)
    assert found.threshold is None or ((found.query and text.startswith((found.query, *" \n"))) or True)


def test_the_rule_is_chosen_by_its_labels_and_never_made_of_the_alerts_text() -> None:
    warning = AlertingRule("x > 1", {"severity": "warning"})
    critical = AlertingRule("x > 5", {"severity": "critical", "service": "{{ $labels.app }}"})
    alert = {"alertname": "X", "severity": "critical", "service": "api"}
    assert rule_of([warning, critical], alert, "") is critical
    assert rule_of([warning, critical], {"severity": "page"}, "") is None
    one, other = AlertingRule("x > 1", {}), AlertingRule("y > 1", {})
    assert rule_of([one, other], alert, "") is None, "it is ambiguous"
    assert rule_of([one, other], alert, "http://evil.example/graph?g0.expr=y+%3E+1&g0.tab=1") is other
    assert rule_of([one, other], alert, "http://evil.example/graph?g0.expr=secret") is None
    assert rule_of([one, one], alert, "http://[") is one
    assert rule_of([], alert, "http://prometheus:9090/graph?g0.expr=up") is None


def test_the_alerts_own_series_comes_first_and_the_rest_by_its_value() -> None:
    many = [series({"pod": str(n), "job": "api"}, n, n) for n in range(9)]
    made = graph(*many, labels={"pod": "3", "alertname": "X"})
    assert [one.name for one in made.series] == ["pod=3", "pod=8", "pod=7", "pod=6", "pod=5"]
    assert (len(made.series), made.total, len(made.series[0].values)) == (SHOWN, 9, POINTS + 1)
    assert made.title == "ApiErrors: 13:00 to 14:00 UTC, 5 of 9 series"
    assert "pod=3 from 3 to 3, last 3" in made.text and "alert at > 0.05" in made.text
    assert graph_of("X", {}, compared("up"), [Series({}, ())], BEGINS, STEP) is None
    assert len(json.dumps(made.model_dump(mode="json"))) < 4000, "it is kept in the log"


def test_a_gap_is_a_gap_and_a_hostile_label_is_text() -> None:
    made = graph(series({"pod": HOSTILE, "__name__": "x"}, 0.1, 0.2, None, 0.3, None), series({"pod": "b"}, 5e6))
    drawn = expression_svg(made)
    root = ElementTree.fromstring(drawn.replace("\x00", ""))
    assert {one.tag for one in root.iter()} == {"svg", "text", "line", "polyline", "title"}
    lines = [one for one in root.iter("polyline") if re.fullmatch(r"line l\d", one.get("class", ""))]
    assert [len((one.get("points") or "").split()) for one in lines] == [2, 2, 2, 2, 2], "three runs and two keys"
    assert "<script" not in drawn and 'style="' not in drawn and drawn.count("alert at &gt; 0.05") >= 1
    page = html("\n".join(["### Alert Expression", "", *graph_table(made)]), "x", {"Alert Expression": drawn})
    assert "<script" not in page and page.index("<h3>Alert Expression") < page.index("<svg") < page.index("<table")


@given(
    st.lists(st.lists(st.none() | st.floats(-1e300, 1e300), min_size=1, max_size=70), min_size=1, max_size=7),
    st.sampled_from(["x > 0", "x < -1e99", "x > 1.7e308", "x"]),
)
def test_any_values_can_be_drawn(found: list[list[float | None]], expression: str) -> None:
    made = graph_of(
        "A", {}, compared(expression), [series({"n": str(n)}, *values) for n, values in enumerate(found)], BEGINS, STEP
    )
    if made is not None and made.series:
        drawn = expression_svg(made)
        assert "nan" not in drawn and "inf" not in drawn
        ElementTree.fromstring(drawn)


@pytest.mark.parametrize(
    ("value", "text"), [(0.05, "0.05"), (12345, "12.35k"), (5e6, "5M"), (-2.5e9, "-2.5G"), (3e12, "3T"), (999, "999")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_the_library_is_loaded_by_who_draws_and_by_nobody_else() -> None:
    code = "import sys, receiver.app; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_picture_of_hostile_labels() -> None:
    made = graph(
        series({"pod": "$\\bad{$"}, 0.1, None, 0.2, 0.3), series({"pod": "_hidden"}, 5.0), labels={"pod": HOSTILE}
    )
    drawn = expression_png(made.model_copy(update={"alert": "$x$"}))
    assert drawn.startswith(b"\x89PNG") and 5_000 < len(drawn) < 200_000
    assert made.ends - made.begins == timedelta(hours=1)
