"""YAML files of Alertmanager and Prometheus as plain values with their places, read as those programs read them."""

from __future__ import annotations

from typing import Any

from receiver.config.config_errors import ConfigError, Path, Problem
from receiver.config.yaml.yaml_document import Document, Mark
from receiver.config.yaml.yaml_nodes import Node, NodeError, documents, merged

LARGEST = 16 * 1024 * 1024
"""Maximum length of a file in characters; the largest public collections of alert rules have some 2 MB."""
DEEPEST = 120
"""Maximum number of levels: a route below a route takes two."""
MOST_REPEATED = 200_000
"""Maximum number of values that aliases may add to a file: a file with more is not a configuration but an attack."""


def parse_all(text: str, file: str) -> list[Document]:
    """Return every document in `text`, at least one; those after an invalid one are left out.

    Every scalar is text, or None if it is empty. Raises ConfigError if the first document is not YAML.
    """
    found: list[Document] = []
    if len(text) > LARGEST:
        raise ConfigError([Problem(file, 1, 1, "", "larger than 16 MB", "check it in parts")])
    try:
        for place, root in documents(text, DEEPEST):
            document = Document(file, begins=place)
            if root is not None:
                document.value = _Walk(document, text.splitlines()).value(root, root, (), "")
            found.append(document)
    except NodeError as error:
        if not found:
            raise ConfigError([Problem(file, *error.place, "", str(error), _hint(text))]) from None
    return found or [Document(file)]


def _hint(text: str) -> str:
    if "{{" not in text:
        return ""
    part = "route:" if "route:" in text else "groups:"
    return f"a Helm or Jinja template? Render it first (helm template does), or extract the part from {part} on"


class _Walk:
    def __init__(self, document: Document, lines: list[str]) -> None:
        self.marks = document.marks
        self.lines = lines
        self.seen: set[int] = set()
        self.left = MOST_REPEATED

    def count(self, node: Node, path: Path) -> None:
        if id(node) in self.seen:
            self.left -= 1
        self.seen.add(id(node))
        if self.left < 0 or len(path) > DEEPEST:
            raise NodeError("not YAML: nested too deeply, or too large", node.start)

    def value(self, node: Node, key: Node, path: Path, spelt: str) -> Any:
        self.count(node, path)
        self.marks[path] = Mark(*node.start, *key.start, spelt, end=node.end, indent=self.indent(node))
        if node.items is not None:
            return [self.value(item, item, (*path, index), "") for index, item in enumerate(node.items)]
        if node.pairs is not None:
            return self.mapping(node, path)
        return None if node.is_null else node.text

    def indent(self, node: Node) -> int:
        """Return the indentation of the lines of a block of text."""
        if node.text is None or node.plain or node.end[0] <= node.start[0]:
            return 0
        block = self.lines[node.start[0] : node.end[0] - (node.end[1] == 1)]
        return min((len(line) - len(line.lstrip()) for line in block if line.strip()), default=0)

    def mapping(self, node: Node, path: Path) -> dict[str, Any]:
        self.count(node, path)
        found: dict[str, Any] = {}
        for key, item in node.pairs or []:
            if key.text is not None and not key.is_merge:
                found[key.text] = self.value(item, key, (*path, key.text), key.text)
        for source in merged(node.pairs or []):
            found = {**self.inherited(source, path, found), **found}
        return found

    def inherited(self, source: Node, path: Path, own: dict[str, Any]) -> dict[str, Any]:
        self.count(source, path)
        found: dict[str, Any] = {}
        for key, item in source.pairs or []:
            if key.text is not None and not key.is_merge and key.text not in own:
                found[key.text] = self.value(item, key, (*path, key.text), key.text)
        for further in merged(source.pairs or []):
            found = {**self.inherited(further, path, {**own, **found}), **found}
        return found
