"""A YAML document as plain values, with the line and column of every key and value.

Narrower than YAML: no aliases, no tags, no duplicate keys, one document, true and false only as such (`no` is
text), and dates and times stay text, so that a value is what it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from receiver.config.problems import Path, Problem, dotted

LARGEST = 1024 * 1024
"""Characters: a configuration is some 10 KB."""
DEEPEST = 40

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{0,18}")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

Expand = Callable[[str, Path], str]
"""Replaces what stands for something else in a scalar; raises ValueError with what is wrong in it."""


@dataclass(frozen=True)
class Mark:
    """Where something stands; lines and columns count from 1."""

    line: int
    column: int
    key_line: int
    key_column: int
    key: str = ""
    """The key as it is written."""
    expanded: bool = False
    """Whether the value came from the environment."""
    end: tuple[int, int] = (0, 0)
    """Line and column just behind the value."""


@dataclass
class Document:
    """One file, read."""

    file: str
    value: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def known(self, path: Path) -> Path:
        """Return the longest part of `path` that the document has, from the top."""
        while path and path not in self.marks:
            path = path[:-1]
        return path

    def problem(self, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """Return a problem at `path`, or at the nearest thing above it that the document has."""
        known = self.known(path)
        mark = self.marks.get(known, Mark(1, 1, 1, 1))
        at_key = at_key or known != path
        line, column = (mark.key_line, mark.key_column) if at_key else (mark.line, mark.column)
        return Problem(self.file, line, column, dotted(path), message, hint)


def read(text: str, file: str, expand: Expand | None = None) -> Document:
    """Return the document in `text`; its mistakes are in `problems`, and what could be read is in `value`.

    `file` is how messages call it; `expand` is applied to every scalar that is not a key.
    """
    document = Document(file)
    if len(text) > LARGEST:
        document.problems.append(Problem(file, 1, 1, "", "larger than 1 MB", "split off the severity rules"))
        return document
    try:
        _Reader(document, text, expand).run()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = " ".join(part for part in (error.context, error.problem) if part)
        document.problems.append(Problem(file, line, column, "", f"not YAML: {said}", _hint(said)))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        hint = "remove the control character"
        document.problems.append(Problem(file, line, column, "", "a character that YAML does not allow", hint))
    return document


def _hint(said: str) -> str:
    # `{token: ${TOKEN}}` is the slip that the ${NAME} form invites.
    if said.endswith("but got '{'"):
        return "put ${NAME} in quotes between { and }"
    if "'\\t'" in said:
        return "indent with spaces"
    if "while parsing a flow" in said:
        return "put text with brackets, braces, commas or question marks in quotes"
    return "put text with special characters in quotes" if "cannot start any token" in said else ""


def _events(text: str) -> Iterable[Any]:
    """Return the parser's events: by libyaml where it is there, since a reload must not hold up who is served.

    What it cannot read is read by the parser in Python, which says in better words why.
    """
    try:
        return list(yaml.parse(text, Loader=yaml.CSafeLoader))
    except (AttributeError, UnicodeError, yaml.YAMLError):
        return yaml.parse(text, Loader=yaml.SafeLoader)


class _Unreadable(yaml.MarkedYAMLError):
    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(None, None, problem, mark)


class _Reader:
    def __init__(self, document: Document, text: str, expand: Expand | None) -> None:
        self.document = document
        self.expand = expand
        self.events = iter(_events(text))
        self.seen: Any = None

    def next(self) -> Any:
        self.seen = next(self.events)
        return self.seen

    def run(self) -> None:
        self.next()
        start = self.next()
        if isinstance(start, yaml.StreamEndEvent):
            return
        self.document.value = self.node(self.next(), (), None)
        self.next()
        more = self.next()
        if isinstance(more, yaml.DocumentStartEvent):
            self.say((), more, "a second document", "one file holds one document: remove the ---")

    def say(self, path: Path, event: Any, message: str, hint: str) -> None:
        mark = event.start_mark
        problem = Problem(self.document.file, mark.line + 1, mark.column + 1, dotted(path), message, hint)
        self.document.problems.append(problem)

    def node(self, event: Any, path: Path, key: Any, spelt: str = "") -> Any:
        if len(path) > DEEPEST:
            raise _Unreadable("nested too deeply", event.start_mark)
        here, above = event.start_mark, (key or event).start_mark
        self.document.marks[path] = Mark(here.line + 1, here.column + 1, above.line + 1, above.column + 1, spelt)
        if isinstance(event, yaml.AliasEvent):
            self.say(path, event, "an alias", "aliases are not taken: write the value out")
            return None
        if event.tag is not None:
            self.say(path, event, "a tag", "tags are not taken: write the plain value, or put text in quotes")
        value = self.content(event, path)
        end = self.seen.end_mark
        self.document.marks[path] = replace(self.document.marks[path], end=(end.line + 1, end.column + 1))
        return value

    def content(self, event: Any, path: Path) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, path)
        return self.sequence(path) if isinstance(event, yaml.SequenceStartEvent) else self.mapping(path)

    def sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items)), None))
        return items

    def mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(key := self.next(), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                hint = "put text with braces or brackets in quotes"
                raise _Unreadable(f"a key that is no text ({hint})", key.start_mark)
            inner = (*path, key.value)
            if key.value in found:
                self.say(inner, key, "this key is here twice", "keep one of them")
            found[key.value] = self.node(self.next(), inner, key, key.value)
        return found

    def scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        text: str = event.value
        if self.expand is not None and "$" in text:
            try:
                expanded = self.expand(text, path)
            except ValueError as error:
                self.say(path, event, str(error), "write ${NAME} or ${NAME:-default}; $${ stands for ${ itself")
                return text
            if expanded != text:
                # What the environment says is text, whatever it looks like: a token of digits stays a token.
                self.document.marks[path] = replace(self.document.marks[path], expanded=True)
                return expanded
        return text if event.style else _plain(text)


def _plain(text: str) -> Any:
    if text in _WORDS:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
