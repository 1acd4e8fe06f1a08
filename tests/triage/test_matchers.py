"""Matchers are parsed and applied as in Alertmanager, in bounded time and memory."""

from __future__ import annotations

import time

import pytest

from receiver.triage.matchers import PATTERN_LIMIT, Matcher, MatcherError, Operator, parse_matcher, split_matchers


@pytest.mark.parametrize(
    ("text", "name", "operator", "value"),
    [
        ('alertname="ApiDown"', "alertname", "=", "ApiDown"),
        ("alertname=ApiDown", "alertname", "=", "ApiDown"),
        (' alertname != "ApiDown" ', "alertname", "!=", "ApiDown"),
        ('alertname=~"Api.*"', "alertname", "=~", "Api.*"),
        ("environment!~staging|dev", "environment", "!~", "staging|dev"),
        ('a=""', "a", "=", ""),
        ("a=", "a", "=", ""),
        ('a="b=c"', "a", "=", "b=c"),
        ("a=b,c", "a", "=", "b,c"),
        (r'a="say \"hi\" \\ and\nmore"', "a", "=", 'say "hi" \\ and\nmore'),
        (r'a=~"foo\.bar\d+"', "a", "=~", r"foo\.bar\d+"),
        ('"service name"="x"', "service name", "=", "x"),
        ('"quoted"=plain', "quoted", "=", "plain"),
        (r'"tab\there"="a\tb"', "tab\there", "=", "a\tb"),
        (r'"é"="\u00e9"', "é", "=", "é"),
        (r'"snow.depth"="\xe2\x98\x83"', "snow.depth", "=", "☃"),
        ("k8s.io/name=x", "k8s.io/name", "=", "x"),
        ("größe=1", "größe", "=", "1"),
        ("a='b'", "a", "=", "'b'"),
    ],
)
def test_reads_what_alertmanager_reads(text: str, name: str, operator: str, value: str) -> None:
    matcher = parse_matcher(text)
    assert (matcher.name, matcher.operator, matcher.value) == (name, Operator(operator), value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", 'name="value"'),
        ("alertname", "no operator"),
        ('alertname=="x"', "one ="),
        ("alertname==x", "one ="),
        ('{a="b"}', "without braces"),
        ('a="b"}', "without braces"),
        ("a=~x{2}", "in double quotes"),
        (r'"a"="\ud800"', "does not exist"),
        ('"a.b"="c",', "a separate entry"),
        ('a="b", c="d"', "a separate entry"),
        ('a="b', "not closed"),
        ('a=b"c', "not closed"),
        ("error_rate > 5%", "`when`"),
        ('a=~"("', "RE2"),
        ('a=~"(?!staging).*"', "exclude with !~"),
        (r'a=~"(x)\1"', "RE2"),
        ('a=~"' + "x" * (PATTERN_LIMIT + 1) + '"', "at most 1024"),
        ('""="x"', "empty label name"),
        (r'"a\q"="x"', "does not exist"),
    ],
)
def test_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(MatcherError) as caught:
        parse_matcher(text)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("{}", []),
        ('{a="b", c=~"d,e",}', ['a="b"', ' c=~"d,e"']),
        ("a=b}", ["a=b"]),
        ('a="}"}', ['a="}"']),
        ('a="{"}', ['a="{"']),
        ("path=~/v[0-9]{2}", ["path=~/v[0-9]{2}"]),
        ("{path=~/v[0-9]{2}}", ["path=~/v[0-9]{2}"]),
        ("{path=~/v[0-9]{2}", ["path=~/v[0-9]{2}"]),
        ('a="\\"}", b="c"', ['a="\\"}"', ' b="c"']),
    ],
)
def test_a_list_is_split_at_its_commas_and_freed_of_its_braces(text: str, parts: list[str]) -> None:
    assert split_matchers(text) == parts


@pytest.mark.parametrize(
    ("text", "labels", "holds"),
    [
        ('a="x"', {"a": "x"}, True),
        ('a="x"', {"a": "xy"}, False),
        ('a=""', {}, True),
        ('a!="x"', {}, True),
        ('a!=""', {}, False),
        ('a=~".+"', {}, False),
        ('a=~".*"', {}, True),
        ('a!~"staging|dev"', {}, True),
        ('a!~"staging|dev"', {"a": "dev"}, False),
        ('a!~"staging|dev"', {"a": "development"}, True),
        ('a=~"Down"', {"a": "ApiDown"}, False),
        ('a=~"x|y"', {"a": "xz"}, False),
        ('a=~"x.y"', {"a": "x\ny"}, False),
        ('a=~"x"', {"a": "x\n"}, False),
        ('a=~"(?i)down"', {"a": "DOWN"}, True),
        ('a=~"über.*"', {"a": "überall"}, True),
    ],
)
def test_holds(text: str, labels: dict[str, str], holds: bool) -> None:
    matcher = parse_matcher(text)
    assert matcher.matches(labels) is holds
    assert matcher.matches(labels) is holds, "the cached result is the same"


def test_a_text_that_utf8_cannot_carry_is_only_unequal() -> None:
    assert not parse_matcher('a=~"x.*y"').matches({"a": "\ud800"})


def test_a_catastrophic_pattern_costs_nothing() -> None:
    matcher = parse_matcher('a=~"(a+)+"')
    started = time.process_time()
    assert not matcher.matches({"a": "a" * 4000 + "!"})
    assert time.process_time() - started < 1.0


def test_many_values_do_not_pile_up_and_stay_right() -> None:
    matcher = parse_matcher('a=~"v[0-9]*[02468]"')
    assert [matcher.matches({"a": f"v{n}"}) for n in range(5000)] == [n % 2 == 0 for n in range(5000)]


def test_is_a_value_written_as_it_is_read() -> None:
    for text in ('a="b"', '"a b"!~"x\\\\d"', 'a=~"say \\"hi\\""'):
        assert parse_matcher(str(parse_matcher(text))) == parse_matcher(text)
    assert Matcher("a", Operator.EQUAL, "b") == parse_matcher("a=b")
