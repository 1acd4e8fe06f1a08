"""A YAML document as plain values, with the line and column of every key and value.

This is a subset of YAML: no tags, no duplicate keys, and one document. Only `true` and `false` are booleans (`no` is
text), and dates and times stay text, so that a value is what it looks like. Anchors, aliases and merge keys (`<<`) are
supported, within limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from receiver.config.config_errors import Path, Problem, dotted
from receiver.config.yaml.yaml_nodes import Node, NodeError, Place, documents, merged

LARGEST = 1024 * 1024
"""Characters: a configuration is some 10 KB."""
EXTENSION = "x-"
"""Prefix of top-level keys that contain only anchors for other places and are not settings, as in Compose files."""
DEEPEST = 40
MOST_EXPANDED = 10_000
TEMPLATE = "a Helm or Jinja template? Render it first (helm template does)"
"""Maximum number of values after aliases are expanded: a file with more is not a configuration but an attack."""

LONGEST_KEY = 1000
"""Characters of a line that are searched for a template."""
_TEMPLATED = re.compile(r"\s*(?:-\s+)?(?:[^\s:{}]+:\s+)?\{[{%]")
"""A line that begins with a template, or a key whose whole value is one."""
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{0,18}")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

Expand = Callable[[str, Path], str]
"""Expands the references in a scalar; raises ValueError with the message."""


@dataclass(frozen=True)
class Mark:
    """The place of a value; lines and columns count from 1."""

    line: int
    column: int
    key_line: int
    key_column: int
    key: str = ""
    """The key as it is written."""
    expanded: bool = False
    """Whether the value came from the environment."""
    end: tuple[int, int] = (0, 0)
    """Line and column after the value."""
    indent: int = 0
    """For a block of text (`|`): the indentation of each of its lines."""
    file: str = ""
    """The file that contains it; empty: the document's own file."""


@dataclass
class Document:
    """The contents of one file."""

    file: str
    value: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    begins: Place = (1, 1)
    above: Path = ()
    """The place of the document in the file, as a prefix of paths in messages."""
    respell: Callable[[str], str] | None = None
    """How the file writes the names that messages use; None: unchanged."""

    def known(self, path: Path) -> Path:
        """Return the longest part of `path` that the document has, from the top."""
        while path and path not in self.marks:
            path = path[:-1]
        return path

    def problem(self, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """Return a problem at `path`, or at its nearest parent that the document has."""
        known = self.known(path)
        mark = self.marks.get(known, Mark(1, 1, 1, 1))
        at_key = at_key or known != path
        line, column = (mark.key_line, mark.key_column) if at_key else (mark.line, mark.column)
        where = dotted((*self.above, *path))
        if self.respell is not None:
            where, message, hint = self.respell(where), self.respell(message), self.respell(hint)
        return Problem(mark.file or self.file, line, column, where, message, hint)

    def below(self, path: Path) -> Document:
        """Return the value at `path` as a separate document, whose messages have the whole path."""
        size = len(path)
        marks = {inner[size:]: mark for inner, mark in self.marks.items() if inner[:size] == path}
        return Document(self.file, marks=marks, above=(*self.above, *path), respell=self.respell)


def read(text: str, file: str, expand: Expand | None = None) -> Document:
    """Return the document in `text`; its errors are in `problems`, and what could be read is in `value`.

    `file` is the name in messages; `expand` is applied to every scalar that is not a key. Top-level keys that begin
    with `x-` are left out.
    """
    document = Document(file)
    if len(text) > LARGEST:
        document.problems.append(Problem(file, 1, 1, "", "larger than 1 MB", "split off the severity rules"))
        return document
    try:
        found = documents(text, DEEPEST)
        _, root = next(found, (None, None))
        if root is not None:
            document.value = _without_extensions(_Reader(document, expand).node(root, (), None))
        for place, _ in found:
            hint = "a file must have one document: remove the ---"
            document.problems.append(Problem(file, *place, "", "a second document", hint))
            break
    except NodeError as error:
        document.value = None
        hint = TEMPLATE if _is_templated(text, error.place[0]) else _hint(str(error))
        document.problems.append(Problem(file, *error.place, "", str(error), hint))
    return document


def _is_templated(text: str, line: int) -> bool:
    # YAML may report the line after that of the template.
    near = text.splitlines()[max(0, line - 3) : line]
    return any(_TEMPLATED.match(one[:LONGEST_KEY]) for one in near)


def _without_extensions(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if not str(key).startswith(EXTENSION)}


def _hint(said: str) -> str:
    # `{token: ${TOKEN}}` is the usual mistake with ${NAME}.
    if said.endswith("but got '{'"):
        return "put ${NAME} in quotes between { and }"
    if "'\\t'" in said:
        return "indent with spaces"
    if "while parsing a flow" in said:
        return "put text with brackets, braces, commas or question marks in quotes"
    if "character that YAML" in said:
        return "remove the control character"
    return "put text with special characters in quotes" if "cannot start any token" in said else ""


class _Reader:
    def __init__(self, document: Document, expand: Expand | None) -> None:
        self.document = document
        self.expand = expand
        self.read = 0
        self.aliased = False

    def say(self, path: Path, node: Node, message: str, hint: str) -> None:
        self.document.problems.append(Problem(self.document.file, *node.start, dotted(path), message, hint))

    def node(self, node: Node, path: Path, key: Node | None, spelt: str = "") -> Any:
        self.count(node, path)
        above = (key or node).start
        self.document.marks[path] = Mark(*node.start, *above, spelt, end=node.end)
        if node.tag is not None:
            self.say(path, node, "a tag", "tags are not supported: write the plain value, or put text in quotes")
        if node.items is not None:
            return [self.node(item, (*path, index), None) for index, item in enumerate(node.items)]
        return self.scalar(node, path) if node.pairs is None else self.mapping(node, path)

    def count(self, node: Node, path: Path) -> None:
        self.read += 1
        self.aliased = self.aliased or node.aliased
        if len(path) > DEEPEST:
            raise NodeError("nested too deeply", node.start)
        if self.aliased and self.read > MOST_EXPANDED:
            raise NodeError(f"more than {MOST_EXPANDED:,} values after aliases are expanded", node.start)

    def mapping(self, node: Node, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in node.pairs or []:
            if key.text is None:
                hint = "put text with braces or brackets in quotes"
                raise NodeError(f"the key is not text ({hint})", key.start)
            inner = (*path, key.text)
            if key.is_merge:
                self.merge_key(key, item, inner)
                continue
            if key.text in found:
                self.say(inner, key, "duplicate key", "keep one of them")
            found[key.text] = self.node(item, inner, key, key.text)
        for source in merged(node.pairs or []):
            self.count(source, path)
            for name, value in self.inherited(source, path, found):
                found[name] = value
        return found

    def inherited(self, source: Node, path: Path, own: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield what the mapping `source` adds to one whose keys are in `own`: its own keys, then those it merges."""
        for key, item in source.pairs or []:
            if key.text is not None and not key.is_merge and key.text not in own:
                yield key.text, self.node(item, (*path, key.text), key, key.text)
        for further in merged(source.pairs or []):
            self.count(further, path)
            yield from self.inherited(further, path, own)

    def merge_key(self, key: Node, item: Node, path: Path) -> None:
        sources = [item] if item.items is None else item.items
        if any(source.pairs is None for source in sources):
            self.say(path, key, "the merged value is not a mapping", "write <<: *NAME with the anchor of a mapping")

    def scalar(self, node: Node, path: Path) -> Any:
        text: str = node.text or ""
        if self.expand is not None and "$" in text:
            try:
                expanded = self.expand(text, path)
            except ValueError as error:
                self.say(path, node, str(error), "write ${NAME} or ${NAME:-default}; $${ stands for ${ itself")
                return text
            if expanded != text:
                # Values from the environment are always text, so that a token of digits stays a token.
                self.document.marks[path] = replace(self.document.marks[path], expanded=True)
                return expanded
        return _plain(text) if node.plain else text


def _plain(text: str) -> Any:
    if text in _WORDS:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
