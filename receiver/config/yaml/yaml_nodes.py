"""The documents of a YAML text as nodes with their places, with aliases replaced by their values.

The time of both libyaml and the Python parser grows with the square of the depth, and libyaml's composer overflows the
stack. The depth is therefore checked while events are read, so that an extreme file is rejected in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

WORDED = 100_000
"""Maximum length of a text that libyaml rejects and that the Python parser reads again, for its better messages."""

Place = tuple[int, int]
"""Line and column, from 1."""


class NodeError(ValueError):
    """A text that is not YAML, or YAML that is not supported: the error and its place."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place


@dataclass(slots=True, eq=False)
class Node:
    """A value: exactly one of `text`, `items` and `pairs` counts, by `kind`."""

    start: Place
    end: Place
    tag: str | None = None
    text: str | None = None
    plain: bool = False
    """Whether the text has no quotes and is not a block."""
    items: list[Node] | None = None
    pairs: list[tuple[Node, Node]] | None = None
    aliased: bool = False
    """Whether it is used elsewhere through an alias."""
    complete: bool = field(default=False, repr=False)

    @property
    def is_null(self) -> bool:
        """Whether it is an empty value."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")

    @property
    def is_merge(self) -> bool:
        """Whether, as a key, it merges mappings."""
        return self.plain and self.text == "<<"


def documents(text: str, deepest: int) -> Iterator[tuple[Place, Node | None]]:
    """Yield where each document in `text` begins, and its root: None for an empty one.

    Raises NodeError if the text is not YAML, if it has more than `deepest` levels, or if an alias refers to a value
    that contains it.
    """
    try:
        yield from _Composer(_events(text, deepest)).documents()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise NodeError(f"not YAML: {said}", (mark.line + 1, mark.column + 1) if mark else (1, 1)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise NodeError("a character that YAML does not allow", place) from None


def merged(pairs: list[tuple[Node, Node]]) -> Iterator[Node]:
    """Yield the mappings that the merge keys among `pairs` name, in order; the first that has a key gives it."""
    for key, value in pairs:
        if key.is_merge:
            yield from (one for one in (value.items or [value]) if one.pairs is not None)


def _events(text: str, deepest: int) -> Iterator[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from _shallow(yaml.parse(text, Loader=loader), deepest)
    except (UnicodeError, yaml.YAMLError) as error:
        worded = len(text) <= WORDED or not isinstance(error, yaml.MarkedYAMLError)
        if isinstance(error, _TooDeep) or not worded:
            raise
        # It is rejected again, with a better message and, for a character, with its place.
        for _ in _shallow(yaml.parse(text, Loader=yaml.SafeLoader), deepest):
            pass
        raise


def _mark(event: Any) -> Any:
    return event.start_mark


class _TooDeep(yaml.MarkedYAMLError):
    pass


def _shallow(events: Iterator[Any], deepest: int) -> Iterator[Any]:
    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > deepest:
                raise _TooDeep(problem="nested too deeply", problem_mark=_mark(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        yield event


def _place(mark: Any) -> Place:
    return mark.line + 1, mark.column + 1


class _Composer:
    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.anchors: dict[str, Node] = {}

    def documents(self) -> Iterator[tuple[Place, Node | None]]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors = {}
                node = self.node(next(self.events))
                yield _place(event.start_mark), None if node.is_null and not node.text else node

    def node(self, event: Any) -> Node:
        start = _place(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            known = self.anchors.get(event.anchor or "")
            if known is None or not known.complete:
                said = "no anchor has this name" if known is None else "an alias for a value that contains it"
                raise NodeError(f"not YAML: {said}", start)
            known.aliased = True
            return known
        node = Node(start, start, event.tag)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            node.text, node.plain = event.value, not event.style
        elif isinstance(event, yaml.SequenceStartEvent):
            node.items = []
            while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
                node.items.append(self.node(event))
        else:
            node.pairs = []
            while not isinstance(event := next(self.events), yaml.MappingEndEvent):
                node.pairs.append((self.node(event), self.node(next(self.events))))
        node.end = _place(event.end_mark)
        node.complete = True
        return node
