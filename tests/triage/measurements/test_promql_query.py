"""A query with placeholders for labels: the content of a label cannot change the query."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.triage.measurements.promql_query import BadQuestion, Question

RATE = 'sum(rate(errors_total{service="{{ service }}",env=~"{{env}}|all"}[5m])) / sum(rate(all_total[5m]))'


def test_places_are_filled_in() -> None:
    asked = Question(RATE)
    assert asked.labels == ("service", "env")
    assert asked.ask({"service": "api", "env": "prod"}) == (
        'sum(rate(errors_total{service="api",env=~"prod|all"}[5m])) / sum(rate(all_total[5m]))'
    )


@pytest.mark.parametrize("labels", [{}, {"service": "api"}, {"service": "", "env": "x"}])
def test_without_a_label_it_is_not_asked(labels: dict[str, str]) -> None:
    assert Question(RATE).ask(labels) is None


def test_a_regular_expression_takes_a_label_as_plain_text() -> None:
    assert Question('up{a=~"{{ a }}"}').ask({"a": ".*"}) == r'up{a=~"\\.\\*"}'
    assert Question('up{a !~ "{{ a }}"}').ask({"a": "x|y"}) == r'up{a !~ "x\\|y"}'


@pytest.mark.parametrize(
    ("promql", "said"),
    [("up{{ x }}", "outside quotes"), ("{{ metric }}", "outside quotes"), ("up{a=`{{ a }}`}", "backquotes"),
     ('up{a="{{ a b }}"}', "hold a label"), ('up{a="{{ a"}', "hold a label"), ('up{a="x}', "not closed"),
     ("  ", "empty"),
     ('up # "{{ a }}"', "outside quotes")],
)  # fmt: skip
def test_a_place_that_a_label_could_abuse_is_refused(promql: str, said: str) -> None:
    with pytest.raises(BadQuestion, match=re.escape(said)):
        Question(promql)


@given(st.text(min_size=1, max_size=50))
def test_no_label_leaves_its_quotes(value: str) -> None:
    for quote in "\"'":
        query = Question(f"up{{a={quote}{{{{ a }}}}{quote}}}").ask({"a": value})
        assert query is not None
        inner = query[len("up{a=") + 1 : -2]
        assert re.fullmatch(rf"(?:[^\\{quote}\n]|\\.)*", inner, re.DOTALL)
        assert "\n" not in query
