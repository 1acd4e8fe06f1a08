"""Untrusted text is escaped and stays readable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.safe_text import clean, cut, hide, href
from tests.channels.notices import HOSTILE


@pytest.mark.parametrize(
    ("foreign", "harmless"),
    [
        ("a\r\nb\rc\nd", "a b c d"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x07here\x1b]8;;\x07", "here"),
        ("\x1b[2J\x1b", ""),
        ("\x9b31m", "31m"),
        ("exe.\u202egpj", "exe.gpj"),
        ("pay\u200bpal\u2066x\u2069\ufeff", "paypalx"),
        ("\ud800x", "\ufffdx"),
        ("a\u2028b", "a b"),
        ("Größe 12 % — 東京 \U0001f525", "Größe 12 % — 東京 \U0001f525"),
    ],
)
def test_clean(foreign: str, harmless: str) -> None:
    assert clean(foreign) == harmless


def test_clean_keeps_lines_when_asked() -> None:
    assert clean("a\r\nb\u2028c", lines=True) == "a\nb\nc"


@given(st.text(max_size=300), st.integers(1, 50))
def test_clean_is_short_visible_and_can_be_written(foreign: str, limit: int) -> None:
    text = clean(foreign + "\ud800\x1b[1m\u202e", limit)
    assert len(text) <= limit
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
    assert not set(text) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200b\u200e\u200f")
    text.encode()


def test_clean_of_a_megabyte_is_cut_with_an_ellipsis() -> None:
    assert clean("a" * 500_000 + "b" * 500_000, 100) == "a" * 66 + "…" + "b" * 33
    assert len(clean(HOSTILE * 10_000, 300)) == 300


def test_cut() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert cut("abcdefghij", 7) == "abcd…ij"
    assert [cut("abc", limit) for limit in (2, 1, 0)] == ["a…", "…", ""]


def test_hide() -> None:
    assert hide("key=s3cr3t/x and s3cr3t%2Fx", ["s3cr3t/x", ""]) == "key=*** and ***"
    assert hide("to the log", ["log"]) == "to the log"


@pytest.mark.parametrize("url", ["https://x.example/a?b=c#d", "http://127.0.0.1:9090/graph"])
def test_href_takes(url: str) -> None:
    assert href(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//x.example",
        "/path",
        "",
        "https://",
        "https://[::1",
        "https://x:99999/",
        "ftp://x.example/",
        "https://x.example/a b",
        "https://x.example/\r\nb",
        "https://x.example/" + "a" * 3000,
        "https://x.example/\u202e",
    ],
)
def test_href_refuses(url: str) -> None:
    assert href(url) is None
