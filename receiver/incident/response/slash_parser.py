"""What somebody typed behind a slash command, and what it asks for (surfaces.md, Slash commands). Pure."""

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

LONGEST = 8000
"""Characters that are read; Slack sends fewer."""
_QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»", "”": "”"}
"""Opening marks and what closes each: a phone makes typographic ones of them."""
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|([^>]*))?>")
_GROUP = re.compile(r"<!subteam\^S[A-Z0-9]+\|@?([^>]+)>")
"""A user group, as Slack writes `@backend-oncall` when a group is called so."""
_SEVERITY = re.compile(r"(?:sev(?:erity)?[-=: ]?)*([1-4])", re.IGNORECASE)
_SPAN = re.compile(r"([1-9][0-9]{0,5})(m|h|d)")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class SlashCommandError(ValueError):
    """What was typed asks for nothing that is known; the text says what would be right."""


@dataclass(frozen=True)
class Word:
    """One word, or a quoted text, as it was typed."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class SlashCommand:
    """What is asked for, and of which incident."""

    verb: str
    number: str | None = None
    """The incident's id where one was typed."""
    command: Command | None = None
    declare: Declare | None = None
    more: dict[str, Any] = field(default_factory=dict)


class Words:
    """The words of one command, taken one after the other."""

    def __init__(self, text: str, number: re.Pattern[str], person: Callable[[str, str], str]) -> None:
        """`number`: what an incident's id looks like; `person`: (Slack's id, name) -> who it is."""
        self.person = person
        words = split_words(text)
        self.numbers = [word.text.upper() for word in words if not word.quoted and number.fullmatch(word.text)]
        self.rest = [word for word in words if word.quoted or not number.fullmatch(word.text)]

    def next(self, usage: str) -> str:
        """Take the next word. Raises Misunderstood with `usage` when there is none."""
        if not self.rest:
            raise SlashCommandError(f"something is missing: write {usage}")
        return self.rest.pop(0).text

    def all(self) -> str:
        """Take every word that is left, as one text; "" when there is none."""
        text = " ".join(self._shown(word) for word in self.rest).strip()
        self.rest = []
        return text

    def who(self, usage: str) -> str:
        """Take a person or a contact: `<@U..>`, `<!subteam^S..|@name>` or `@name`. Raises Misunderstood."""
        word = self.next(usage)
        match = _PERSON.fullmatch(word)
        if match is not None:
            return self.person(match[1], match[2] or "")
        return _GROUP.sub(r"\1", word).removeprefix("@")

    def number(self) -> str | None:
        """Return the id that was typed. Raises Misunderstood for several."""
        if len(set(self.numbers)) > 1:
            raise SlashCommandError(f"name one incident, not {' and '.join(self.numbers)}")
        return self.numbers[0] if self.numbers else None

    def _shown(self, word: Word) -> str:
        text = _PERSON.sub(lambda match: f"@{self.person(match[1], match[2] or '')}", word.text)
        return _GROUP.sub(r"@\1", text)


def split_words(text: str) -> list[Word]:
    """Return the words of `text`; what stands in quotation marks is one word. An open quotation ends at the end."""
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
    """Return the severity of `2`, `sev2`, `SEV-2` or `severity=2`. Raises Misunderstood."""
    match = _SEVERITY.fullmatch(text.strip())
    if match is None:
        raise SlashCommandError(f"{text[:50]} is no severity: write 1, 2, 3 or 4")
    return Severity(f"SEV-{match[1]}")


def whole(text: str) -> int | None:
    """Return the whole number that `text` is; None for anything else, such as `²`, which `int` would not read."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def seconds(text: str) -> int:
    """Return the seconds of `30m`, `2h`, `1d`. Raises Misunderstood."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise SlashCommandError(f"{text[:50]} is no duration: write 30m, 2h or 1d")
    return int(match[1]) * _SECONDS[match[2]]


def day(text: str, now: datetime) -> date | None:
    """Return the day of `2026-12-01`, `today`, `tomorrow` or `friday`; None for anything else."""
    word = text.strip().lower()
    if word in ("today", "tomorrow"):
        return now.date() + timedelta(days=word == "tomorrow")
    if word in _DAYS:
        return now.date() + timedelta(days=(_DAYS.index(word) - now.weekday() - 1) % 7 + 1)
    try:
        return date.fromisoformat(word) if len(word) == 10 else None
    except ValueError:
        return None


def made(kind: type[Any], usage: str, **fields: Any) -> Any:
    """Return the command of that kind. Raises Misunderstood with the field that does not fit."""
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise SlashCommandError(f"{where}: {first['msg']}; write {usage}") from None
