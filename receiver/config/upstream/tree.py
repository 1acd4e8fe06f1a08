"""Alertmanager's YAML as plain values with their places: anchors, aliases and merges are taken, as it takes them."""

from __future__ import annotations

from typing import Any

import yaml

from receiver.config.document import DEEPEST, LARGEST, Document, Mark
from receiver.config.problems import ConfigError, Path, Problem

MOST = 200_000
"""Values of a file with its aliases written out: more is no configuration but a bomb."""


def parse(text: str, file: str) -> Document:
    """Return the document in `text`; every scalar is text, or None where nothing stands.

    Raises ConfigError for what is no YAML.
    """
    document = Document(file)
    try:
        if len(text) > LARGEST:
            raise yaml.MarkedYAMLError(problem="larger than 1 MB")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document.value = None if node is None else _Walk(document).value(node, node, (), "")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ConfigError([Problem(file, line, column, "", f"not YAML: {error.problem or error.context}")]) from None
    except yaml.YAMLError:
        raise ConfigError([Problem(file, 1, 1, "", "not YAML: a character that it does not allow")]) from None
    return document


class _Walk:
    def __init__(self, document: Document) -> None:
        self.marks = document.marks
        self.left = MOST

    def value(self, node: Any, key: Any, path: Path, spelt: str) -> Any:
        self.left -= 1
        if self.left < 0 or len(path) > DEEPEST:
            raise yaml.MarkedYAMLError(problem="nested too deeply, or too much of it", problem_mark=node.start_mark)
        here, above = node.start_mark, key.start_mark
        self.marks[path] = Mark(here.line + 1, here.column + 1, above.line + 1, above.column + 1, spelt)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, item, (*path, index), "") for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        return None if node.tag.endswith(":null") else node.value

    def mapping(self, node: Any, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, item in node.value:
            if key.value == "<<" and key.tag.endswith(":merge"):
                for source in item.value if isinstance(item, yaml.SequenceNode) else [item]:
                    # The first of several that has a key gives it.
                    merged = {**self.mapping(source, path), **merged} if hasattr(source, "value") else merged
            elif isinstance(key, yaml.ScalarNode):
                own[key.value] = (key, item)
        for name, (key, item) in own.items():
            own[name] = self.value(item, key, (*path, name), name)
        return {**merged, **own}
