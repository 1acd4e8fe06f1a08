"""Labels in a LogQL query are always values, regardless of their content."""

from __future__ import annotations

import pytest

from receiver.incident.context.logql_query import query_of

EVIL = '"} or {app=~".*"} |= `x'


@pytest.mark.parametrize(
    ("template", "value", "made"),
    [
        ('{app="{{ s }}"}', "api", '{app="api"}'),
        ('{app="{{ s }}"}', EVIL, '{app="\\"} or {app=~\\".*\\"} |= `x"}'),
        ('{app=~"{{ s }}.*"}', "api-1", r'{app=~"api\\-1.*"}'),
        ('{app=~"{{ s }}"}', ".*", r'{app=~"\\.\\*"}'),
        ('{a="b"} |~ "{{ s }}"', ".+", r'{a="b"} |~ "\\.\\+"'),
        ("{app=`{{ s }}`}", r"a\b", r"{app=`a\b`}"),
        ("{app=~`{{ s }}`}", "a.b", r"{app=~`a\.b`}"),
        ("{app=`{{ s }}`}", "x`} or {app=~`.*", None),
        (r'{a="\"{{ s }}"}', "api", r'{a="\"api"}'),
        ('{a="b"} | json {{ s }}', "level", '{a="b"} | json level'),
        ('{a="b"} | json {{ s }}', "level | drop x", None),
        ('{app="{{ s }}"}', "", None),
        ('{app="{{ other }}"}', "x", None),
        ('{app="{{ s }}"}', "{{ s }}", '{app="{{ s }}"}'),
    ],
)
def test_a_label_stands_as_a_value(template: str, value: str, made: str | None) -> None:
    assert query_of(template, {"s": value}) == made
