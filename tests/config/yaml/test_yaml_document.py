"""Only a part of YAML is accepted, and other syntax is reported with an explanation."""

from __future__ import annotations

import pytest

from receiver.config.yaml.yaml_document import LARGEST, read
from tests.config.sample import SMALL, problems_of


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: [1, 2\nb: 3\n", "2:", "not YAML"),
        ("service: {name: a, name: b}\n", "1:20", "duplicate"),
        ("service: *x\n", "1:10", "no anchor has this name"),
        ("service: &x {name: *x}\n", "1:20", "an alias for a value that contains it"),
        ("service: {<<: a}\n", "1:11", "the merged value is not a mapping"),
        ("service: !!python/object/apply:os.system [id]\n", "1:10", "a tag"),
        ("service: !mine {name: a}\n", "1:10", "a tag"),
        ("service: {}\n---\nserver: {}\n", "2:1", "a second document"),
        ("? [a, b]\n: c\n", "1:3", "the key is not text"),
        ("service: {name: '${A'}\n", "1:17", "${ is not followed by a variable"),
        ("[a]\n", "1:1", "not a mapping"),
        ("[" * 1000, "1:", "nested too deeply"),
        ("a: \x01\n", "1:4", "a character that YAML does not allow"),
        ("#" * (LARGEST + 1), "1:1", "larger than 1 MB"),
        ("a: @b\n", "1:4", "not YAML"),
        ("", "1:1", "missing"),
    ],
)
def test_yaml_that_cannot_be_taken_is_told_without_a_stack_trace(text: str, place: str, message: str) -> None:
    found = problems_of(text)
    assert any(line.startswith(f"r.yaml:{place}") and message in line for line in found), found


def test_an_alias_bomb_is_refused_at_once() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    (problem,) = problems_of(bomb)
    assert "more than 10,000 values after aliases are expanded" in problem
    merging = "a0: &a0 {k0: x}\n" + "".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 9)
    )
    (problem,) = problems_of(merging)
    assert "more than 10,000 values" in problem


def test_aliases_and_merge_keys_stand_for_what_their_anchors_hold() -> None:
    text = """\
base: &base {a: 1, b: [x, y], c: {d: '${D}'}}
more: &more {<<: *base, a: 2}
own: {<<: [{e: 5, a: 9}, *more], b: 3}
list: [*base, &text word, *text]
"""
    document = read(text, "f", lambda text, path: text.replace("${D}", ".".join(map(str, path))))
    assert document.problems == []
    assert document.value["more"] == {"a": 2, "b": ["x", "y"], "c": {"d": "more.c.d"}}
    assert document.value["own"] == {"b": 3, "e": 5, "a": 9, "c": {"d": "own.c.d"}}
    assert document.value["list"][1:] == ["word", "word"]
    # A position is that of the text with the value.
    assert (document.marks["own", "c", "d"].line, document.marks["own", "b"].line) == (1, 3)


def test_a_file_without_aliases_may_have_as_many_values_as_it_writes() -> None:
    document = read("".join(f"k{i}: [a, b]\n" for i in range(5000)), "f")
    assert document.problems == []
    assert len(document.value) == 5000


def test_words_are_what_they_look_like() -> None:
    value = read("{a: no, b: 09:00, c: 2026-11-02, d: 007, e: 1e9, f: true, g: 12, h: ~, i: 1.5, j: '5'}", "f").value
    assert list(value.values()) == ["no", "09:00", "2026-11-02", "007", "1e9", True, 12, None, 1.5, "5"]


def test_a_variable_without_quotes_between_braces_is_told_what_to_do() -> None:
    found = problems_of(SMALL + "auth: {tokens: [{name: a, token: ${T}, scopes: [read]}]}\n")
    assert found == [
        "r.yaml:18:35: not YAML: while parsing a flow mapping expected ',' or '}', but got '{'"
        " (put ${NAME} in quotes between { and })"
    ]
