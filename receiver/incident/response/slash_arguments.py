"""Parses the text after a slash command. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from receiver.model.command import Command, Declare
from receiver.model.severity import Severity
from receiver.model.wall_clock import check_day

LONGEST = 8000
"""Maximum number of characters that are read; Slack sends fewer."""
_QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»", "”": "”"}
"""Opening quotation marks, each with its closing mark; phones type typographic ones."""
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|([^>]*))?>")
_GROUP = re.compile(r"<!subteam\^S[A-Z0-9]+\|@?([^>]+)>")
"""A user group, as Slack sends `@backend-oncall` if a group has that name."""
_SEVERITY = re.compile(r"(?:sev(?:erity)?[-=: ]?)*([1-4])", re.IGNORECASE)
_SPAN = re.compile(r"([1-9][0-9]{0,5})(m|h|d)")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class SlashCommandError(ValueError):
    """The text is not a valid command; the message gives the valid form."""


@dataclass(frozen=True)
class Word:
    """One word, or a quoted text, as it was typed."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class SlashCommand:
    """A parsed command, and its incident."""

    verb: str
    number: str | None = None
    """The incident's id, if the text has one."""
    command: Command | None = None
    declare: Declare | None = None
    more: dict[str, Any] = field(default_factory=dict)


class Words:
    """The words of one command, read one after another."""

    def __init__(self, text: str, number: re.Pattern[str], person: Callable[[str, str], str]) -> None:
        """`number`: the pattern of an incident's id; `person`: (Slack's id, name) -> the person's key."""
        self.person = person
        words = split_words(text)
        self.numbers = [word.text.upper() for word in words if not word.quoted and number.fullmatch(word.text)]
        self.rest = [word for word in words if word.quoted or not number.fullmatch(word.text)]

    def next(self, usage: str) -> str:
        """Read the next word. Raises SlashCommandError with `usage` if there is none."""
        if not self.rest:
            raise SlashCommandError(f"something is missing: write {usage}")
        return self.rest.pop(0).text

    def all(self) -> str:
        """Read all remaining words as one text; "" if there are none."""
        text = " ".join(self._shown(word) for word in self.rest).strip()
        self.rest = []
        return text

    def who(self, usage: str) -> str:
        """Read a person or a contact: `<@U..>`, `<!subteam^S..|@name>` or `@name`. Raises SlashCommandError."""
        word = self.next(usage)
        match = _PERSON.fullmatch(word)
        if match is not None:
            return self.person(match[1], match[2] or "")
        return _GROUP.sub(r"\1", word).removeprefix("@")

    def number(self) -> str | None:
        """Return the incident's id. Raises SlashCommandError for more than one."""
        if len(set(self.numbers)) > 1:
            raise SlashCommandError(f"name one incident, not {' and '.join(self.numbers)}")
        return self.numbers[0] if self.numbers else None

    def _shown(self, word: Word) -> str:
        text = _PERSON.sub(lambda match: f"@{self.person(match[1], match[2] or '')}", word.text)
        return _GROUP.sub(r"@\1", text)


def split_words(text: str) -> list[Word]:
    """Return the words of `text`; a quoted text is one word. A missing closing mark is ignored."""
    text, words, at = html.unescape(text[:LONGEST]), list[Word](), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] in _QUOTES:
            ends = [found for mark in _QUOTES[text[at]] if (found := text.find(mark, at + 1)) >= 0]
            end = min(ends, default=len(text))
            words.append(Word(text[at + 1 : end].strip(), quoted=True))
            at = end + 1
        else:
            end = at
            while end < len(text) and not text[end].isspace():
                end = text.find(">", end) + 1 if text[end] == "<" and text.find(">", end) > 0 else end + 1
            words.append(Word(text[at:end]))
            at = end
    return [word for word in words if word.text]


def severity(text: str) -> Severity:
    """Return the severity of `2`, `sev2`, `SEV-2` or `severity=2`. Raises SlashCommandError."""
    match = _SEVERITY.fullmatch(text.strip())
    if match is None:
        raise SlashCommandError(f"{text[:50]} is not a severity: write 1, 2, 3 or 4")
    return Severity(f"SEV-{match[1]}")


def whole(text: str) -> int | None:
    """Return the integer in `text`; None for anything else, such as `²`, which `int` rejects."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def seconds(text: str) -> int:
    """Return the seconds of `30m`, `2h`, `1d`. Raises SlashCommandError."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise SlashCommandError(f"{text[:50]} is not a duration: write 30m, 2h or 1d")
    return int(match[1]) * _SECONDS[match[2]]


def day(text: str, now: datetime) -> date | None:
    """Return the day of `2026-12-01`, `today`, `tomorrow` or `friday`; None for anything else."""
    word = text.strip().lower()
    if word in ("today", "tomorrow"):
        return now.date() + timedelta(days=word == "tomorrow")
    if word in _DAYS:
        return now.date() + timedelta(days=(_DAYS.index(word) - now.weekday() - 1) % 7 + 1)
    try:
        return check_day(date.fromisoformat(word)) if len(word) == 10 else None
    except ValueError:
        return None


def made(kind: type[Any], usage: str, **fields: Any) -> Any:
    """Return the command of that kind. Raises SlashCommandError with the invalid field."""
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise SlashCommandError(f"{where}: {first['msg'].removeprefix('Value error, ')}; write {usage}") from None
