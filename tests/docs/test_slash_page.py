"""docs/slash-commands.md is correct: it has exactly the commands that exist, as they are typed."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from receiver.incident.response.slash_arguments import Words
from receiver.incident.response.slash_commands import COMMANDS, ON_CALL, PAGE, SAME, STATUS, USAGE
from tests.docs.pages import DOCS, WRITTEN, blocks, code

FILE = DOCS / "slash-commands.md"
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
NUMBER = re.compile(r"INC-\d+-\d+|INC-\.\.")
TOLD = [text for _, text in code(FILE) if text.startswith("/")]
EXAMPLES = [
    *((str(block), line) for file in WRITTEN for block in blocks(file) for line in block.text.splitlines()),
    *((place, text) for file in WRITTEN for place, text in code(file)),
]


def understood(line: str) -> str:
    """Return the verb of a typed command. Raises Misunderstood."""
    command, _, rest = line.partition(" ")
    rest = re.sub(r"\[[^]]*\]", "", rest.partition(", or ")[0])  # optional words are omitted
    rest = re.sub(r"(\S+?)\|\S+", r"\1", rest)  # the first of several words
    rest = re.sub(r"\bN\b", "2", rest).replace("OPTION", "rollback")
    return COMMANDS[command](Words(rest, NUMBER, lambda _, name: name), NOW).verb


def test_every_command_is_told_of() -> None:
    known = {*USAGE.values(), PAGE, STATUS.partition(", or ")[0], "/status approve", *re.split(r",(?: or)? ", ON_CALL)}
    assert set(TOLD) == known


@pytest.mark.parametrize("line", TOLD)
def test_every_command_is_understood(line: str) -> None:
    assert understood(line) != "help"


def test_every_example_of_another_page_is_understood() -> None:
    lines = [(place, text) for place, text in EXAMPLES if re.match(r"/(incident|page|status|oncall) \w|/page @", text)]
    assert len(lines) > 10
    for place, line in lines:
        assert understood(line), place


def test_other_words_mean_what_the_page_says() -> None:
    text = FILE.read_text("utf-8").partition("These synonyms also work:")[2].partition("\n\n")[0]
    said = {
        word: words[-1]
        for part in text.split(";")
        for words in [re.findall(r"`([\w-]+)`", part)]
        for word in words[:-1]
    }
    assert len(said) > 8
    assert said.items() <= SAME.items()
