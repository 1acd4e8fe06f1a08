"""What check-config says of channels that lead to phones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.sample import SMALL, problems_of, text_of
from tests.config.test_unwise import warnings_of

NTFY = SMALL.replace("channels:\n", "channels:\n  push: {kind: ntfy, url: 'https://ntfy.example.com', token: abc}\n")
TOPIC = "  ann: {name: Ann, console: ann, push: TOPIC}"


def with_topic(topic: str) -> str:
    return NTFY.replace("  ann: {name: Ann, console: ann}", TOPIC.replace("TOPIC", topic))


def test_a_topic_that_can_be_guessed_is_unwise(tmp_path: Path) -> None:
    (note,) = (one for one in warnings_of(tmp_path, with_topic("alice-phone")) if "guess" in one)
    assert "people.ann.push: an address of 11 characters" in note
    assert "alice-phone" not in note
    assert not [one for one in warnings_of(tmp_path, with_topic("alice-7f3k9qxw2m4d")) if "guess" in one]


@pytest.mark.parametrize("url", ["https://ntfy.sh", "https://eu.ntfy.sh"])
def test_a_server_of_everybodys_needs_a_token_or_says_that_it_is_shared(url: str) -> None:
    open_server = NTFY.replace("https://ntfy.example.com", url).replace(", token: abc", "")
    (problem,) = problems_of(open_server)
    assert "channels.push.url: anybody who knows a topic of" in problem
    assert text_of(open_server.replace("kind: ntfy", "kind: ntfy, shared: true")).channels["push"].kind == "ntfy"
    assert text_of(NTFY.replace("https://ntfy.example.com", url)).channels["push"].kind == "ntfy"


def test_a_hook_needs_an_address() -> None:
    hook = NTFY.replace("kind: ntfy", "kind: ntfy, answers: hook")
    (problem,) = problems_of(hook)
    assert "channels.push.answers: phones do not know this service's address" in problem
    assert text_of(hook + "service: {public_url: 'https://incidents.example.com'}\n")


def test_a_person_with_a_topic_alone_can_be_paged() -> None:
    text = (
        with_topic("alice-7f3k9qxw2m4d")
        .replace("console: ann, push", "push")
        .replace("  console: {kind: log}\n", "")
        .replace("console: boss", "push: boss-7f3k9qxw2m4d1")
    )
    assert text_of(text).off == {}


def test_a_topic_that_is_none_is_told_with_its_place() -> None:
    (problem,) = problems_of(NTFY.replace("token: abc", "reply_topic: 'a b'"))
    assert "channels.push.reply_topic" in problem
