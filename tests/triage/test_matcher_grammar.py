"""Alertmanager's two grammars for matchers: the input that each accepts, and its meaning."""

from __future__ import annotations

import time

import pytest

from receiver.triage.matcher_grammar import (
    GrammarError,
    UnknownEscape,
    Written,
    classic_matcher,
    classic_matchers,
    utf8_matchers,
)

Plain = list[tuple[str, str, str]]

CLASSIC: list[tuple[str, Plain]] = [
    ("", []),
    ("  ", []),
    ("{}", []),
    ("{ }", []),
    ("tier=gold", [("tier", "=", "gold")]),
    ("tier=gold,", [("tier", "=", "gold")]),
    ("tier = gold , zone != eu-1 , ", [("tier", "=", "gold"), ("zone", "!=", "eu-1")]),
    ("{tier=~gold|silver,zone!~us-.*}", [("tier", "=~", "gold|silver"), ("zone", "!~", "us-.*")]),
    ('{job="a,b", path=~"/v1/{2,3}"}', [("job", "=", "a,b"), ("path", "=~", "/v1/{2,3}")]),
    # A brace at one end only, and more than one at an end.
    ("tier=gold}", [("tier", "=", "gold")]),
    ("{tier=gold", [("tier", "=", "gold")]),
    ("{tier=gold}}", [("tier", "=", "gold}")]),
    ("tier=~x{2}", [("tier", "=~", "x{2")]),
    ("{tier=~x{2}}", [("tier", "=~", "x{2}")]),
    ("{tier=gold} ", [("tier", "=", "gold}")]),
    ("{tier=}end", [("tier", "=", "}end")]),
    # Quotes and escapes.
    (r'said="\"yes, no\""', [("said", "=", '"yes, no"')]),
    (r"said=\"", [("said", "=", '"')]),
    (r'path="C:\\temp\new"', [("path", "=", "C:\\temp\new")]),
    (r'unit=~"\d+\.\w"', [("unit", "=~", r"\d+\.\w")]),
    ("unit=kg\\", [("unit", "=", "kg\\")]),
    ("unit=a\\,zone=b", [("unit", "=", "a\\"), ("zone", "=", "b")]),
    ('note="two\nlines"', [("note", "=", "two\nlines")]),
    ("note='single'", [("note", "=", "'single'")]),
    ("note=`tick`", [("note", "=", "`tick`")]),
    # Empty values, and operators within values.
    ("tier=", [("tier", "=", "")]),
    ('tier=""', [("tier", "=", "")]),
    ("{tier=,zone!=}", [("tier", "=", ""), ("zone", "!=", "")]),
    ("tier==gold", [("tier", "=", "=gold")]),
    ("tier=~=~", [("tier", "=~", "=~")]),
    ("_a:b9=1", [("_a:b9", "=", "1")]),
    ("city=Łódź nad Nerem", [("city", "=", "Łódź nad Nerem")]),
]


@pytest.mark.parametrize(("text", "found"), CLASSIC)
def test_the_classic_grammar(text: str, found: Plain) -> None:
    assert classic_matchers(text) == [Written(*one) for one in found]


@pytest.mark.parametrize(
    "text",
    [
        ",", "{,}", "tier=gold,,zone=eu", ",tier=gold", "tier", "tier>5", "=gold", "9tier=gold", "a.b=c",
        '"tier"="gold"', 'tier="gold', 'tier=gold"', 'tier=go"ld', 'tier="a"b"', " {tier=gold}", "{{tier=gold}}",
        "tier~=gold", "tier=~x{1,2}",
    ],
)  # fmt: skip
def test_what_the_classic_grammar_refuses(text: str) -> None:
    with pytest.raises(GrammarError):
        classic_matchers(text)


UTF8: list[tuple[str, Plain]] = [
    ("", []),
    ("{}", []),
    (" { } ", []),
    ("tier=gold", [("tier", "=", "gold")]),
    ("{tier=gold,}", [("tier", "=", "gold")]),
    ("tier=gold , ", [("tier", "=", "gold")]),
    ('"k8s.pod.name"="api-0"', [("k8s.pod.name", "=", "api-0")]),
    ('{"service.name"=~"pay.*", zone!=eu-1}', [("service.name", "=~", "pay.*"), ("zone", "!=", "eu-1")]),
    ('{"a,b"="c,d","e=f"!="g}"}', [("a,b", "=", "c,d"), ("e=f", "!=", "g}")]),
    ("host.name=web_1", [("host.name", "=", "web_1")]),
    ("9lives!~[a-z]+", [("9lives", "!~", "[a-z]+")]),
    ("straße=Łódź", [("straße", "=", "Łódź")]),
    ('"a b" = "c d"', [("a b", "=", "c d")]),
    ('"with \\"quotes\\""="\\\\"', [('with "quotes"', "=", "\\")]),
    (r'"snow"="\u2603\U0001f328\x41\101\t"', [("snow", "=", "☃🌨AA\t")]),
    # Several escapes may form the bytes of one character.
    (r'"snow"="\xe2\x98\x83\342\230\203"', [("snow", "=", "☃☃")]),
    ('""="x"', [("", "=", "x")]),
    ('"a"=""', [("a", "=", "")]),
    ("\u2003tier\u00a0=\u3000gold\u2028", [("tier", "=", "gold")]),
]


@pytest.mark.parametrize(("text", "found"), UTF8)
def test_the_utf8_grammar(text: str, found: Plain) -> None:
    assert utf8_matchers(text) == [Written(*one) for one in found]


@pytest.mark.parametrize(
    "text",
    [
        ",", "{,}", "{", "}", "{}{}", "{tier=gold", "tier=gold}", "{tier=gold} x", "{{tier=gold}}", "tier", "tier=",
        "=gold", "tier==gold", "tier=a=b", "tier=a,,zone=b", "tier=~x{2}", "tier=go'ld", "tier=go`ld", 'tier="gold',
        "tier=a b", "tier=a\\", '"tier"="a"b', '"a"="two\nlines"', "tier~gold", "tier!gold", r'"a"="\xf0\x9f"',
        r'"a"="\377"',
    ],
)  # fmt: skip
def test_what_the_utf8_grammar_refuses(text: str) -> None:
    with pytest.raises(GrammarError):
        utf8_matchers(text)


@pytest.mark.parametrize(
    ("text", "escape"),
    [(r'"a"="\d"', "d"), (r'"a"="\'"', "'"), (r'"\ä"=b', "�"), (r'"a"="\ud800"', "ud800"), (r'"a"="\400"', "400"),
     (r'"a"="\Uffffffff"', "Uffffffff"), (r'"a"="\x4"', "x"), (r'"a"="\18"', "1")],
)  # fmt: skip
def test_an_escape_that_does_not_exist_is_named(text: str, escape: str) -> None:
    with pytest.raises(UnknownEscape) as caught:
        utf8_matchers(text)
    assert caught.value.escape == escape


def test_what_a_file_cannot_hold_is_refused_as_well() -> None:
    with pytest.raises(GrammarError):
        utf8_matchers('"a"="\ud800"')


@pytest.mark.parametrize(
    "text",
    ["a=" + " " * 200_000 + "b", "a=b," * 20_000, '"' * 200_001, "{" * 200_000, "\\" * 200_000, '"\\x41' * 50_000,
     " " * 200_000, "a" * 200_000, "a=" + '\\"' * 100_000],
)  # fmt: skip
def test_long_texts_are_read_in_time(text: str) -> None:
    started = time.process_time()
    for read in (classic_matchers, utf8_matchers, classic_matcher):
        try:
            read(text)
        except GrammarError:
            continue
    # CPU time; a quadratic algorithm would take minutes for any of these.
    assert time.process_time() - started < 2.0
