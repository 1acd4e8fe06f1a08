"""The line of a problem is shown with a caret and without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.config.config_errors import Problem
from receiver.config.error_excerpt import HIDDEN, WIDEST, Excerpts
from tests.config.sample import SMALL

SECRET = "s3cr3t-and-long-enough"


def shown(text: str, line: int, column: int) -> list[str]:
    return Excerpts(lambda _: text).under(Problem("r.yaml", line, column, "", ""))


def test_the_caret_stands_under_the_place() -> None:
    assert shown(SMALL, 12, 8) == [
        "    12 |   ann: {name: Ann, console: ***}",
        "       |        ^",
    ]
    assert shown(SMALL, 99, 1) == []
    assert shown("a: 1\n", 1, 1)[1] == "       | ^"


@pytest.mark.parametrize(
    ("line", "caret"),
    [
        (f"auth: {{tokens: [{{name: a, token: {SECRET}, scopes: [read]}}]}}", "scopes"),
        (f"auth: {{tokens: [{{name: a, tokn: {SECRET}, scopes: [read]}}]}}", "scopes"),
        (f"redis: {{url: 'redis://u:{SECRET}@db/0', lease: 5s}}", "lease"),
        (f"redis: {{url: '${{URL:-redis://u:{SECRET}@db/0}}', lease: 5s}}", "lease"),
        (f"heartbeat: {{url: https://beats.example.com/{SECRET}, every: 1m}}", "every"),
        (f"channels: {{p: {{kind: pagerduty, api_token: {SECRET}, colour: red}}}}", "colour"),
        (f"channels: {{p: {{kind: pagrduty, api_token: {SECRET}, colour: red}}}}", "kind"),
        (f"people: {{ann: {{name: Ann, pager: {SECRET}, consle: ann}}}}", "consle"),
        # Not YAML: the content of the line is unknown.
        (f"auth: {{tokens: [{{name: a, token: {SECRET}, scopes: [read}}]", "scopes"),
        (f"token: {SECRET}: [", "token"),
        ("password: short: [", "password"),
    ],
)
def test_a_secret_is_hidden_and_the_caret_still_right(line: str, caret: str) -> None:
    text, place = shown(line + "\n", 1, line.index(caret) + 1)
    assert SECRET not in text
    assert "short" not in text
    assert HIDDEN in text
    if ": [" not in line[-3:] and "[read}" not in line:
        assert text[place.index("^") :].startswith(caret)


def test_a_variable_is_shown_and_its_default_is_not() -> None:
    text = "auth: {tokens: [{name: a, token: '${T}'}, {name: b, token: '${T:-}'}, {name: c, token: '${T:-abc}'}]}\n"
    assert "'${T}'" in shown(text, 1, 1)[0]
    assert "'${T:-}'" in shown(text, 1, 1)[0]
    assert "abc" not in shown(text, 1, 1)[0]


def test_a_secret_over_several_lines_is_hidden() -> None:
    text = "channels:\n  p:\n    kind: pagerduty\n    api_token: |\n      one\n      two\n    api_url: x\n"
    assert shown(text, 5, 1)[0] == "     5 |       ***"
    assert shown(text, 6, 1)[0] == "     6 |       ***"
    assert shown(text, 7, 5)[0] == "     7 |     api_url: x"


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = "service: {name: '" + "é" * 300 + "', colour: red}\n"
    line, caret = shown(text, 1, text.index("colour") + 1)
    assert len(line) < WIDEST + 14
    assert line[caret.index("^") :].startswith("colour")
    assert "…" in line


def test_what_moves_a_terminal_does_nothing() -> None:
    line, caret = shown("a:\t\x1b[31mred\n", 1, 3)
    assert "\x1b" not in line
    assert "\t" not in line
    assert caret.endswith("^")


def test_alertmanagers_secrets_are_hidden_too() -> None:
    text = (
        "route: {receiver: a}\nreceivers:\n  - {name: a, webhook_configs: [{url: http://x/y, send_resolved: false,"
        " http_config: {authorization: {credentials: abc}}}]}\n"
    )
    line, caret = shown(text, 3, text.split("\n")[2].index("false") + 1)
    assert "abc" not in line
    assert "http://x" not in line
    assert line[caret.index("^") :].startswith("false")


def test_a_file_that_is_gone_has_no_excerpt() -> None:
    from receiver.config.loader.config_loader import read_file

    assert Excerpts(read_file).under(Problem(str(Path("nowhere") / "r.yaml"), 1, 1, "", "")) == []
