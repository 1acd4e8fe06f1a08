"""The part of a file that Alertmanager or Prometheus would read.

It may be the whole file, or be inside an object of Kubernetes, Helm, an operator or Mimir.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from receiver.config.alertmanager_file.upstream_yaml import LARGEST, parse_all
from receiver.config.config_errors import ConfigError, Path
from receiver.config.yaml.yaml_document import Document, Mark

DEEPEST = 8
"""Maximum number of levels to search: a List of Secrets in a chart of charts has six."""
_BINARY = ("data", "binaryData")

Wanted = Callable[[Any], bool]
"""Whether a value is the wanted part."""


def parts(documents: list[Document], wanted: Wanted, word: str) -> list[Document]:
    """Return the outermost parts of `documents` that are `wanted`, each as a separate document, in order.

    A text that contains `word` is read as YAML in place, as in a ConfigMap, a Secret or Mimir's API.
    """
    return [part for document in documents for part in _within(document, (), wanted, word)]


def kind_of(document: Document) -> str:
    """Return the `kind` of a Kubernetes object, empty for anything else."""
    value = document.value
    kind = value.get("kind") if isinstance(value, dict) and value.get("apiVersion") else None
    return kind if isinstance(kind, str) else ""


def unreadable(documents: list[Document], part: str) -> tuple[Document, Path, str, str] | None:
    """Return the document whose contents are not in the file, the place, a message, and how to get `part`."""
    for document in documents:
        value = document.value if isinstance(document.value, dict) else {}
        kind = kind_of(document)
        if kind == "SealedSecret" or "sops" in value:
            said = "encrypted, so it cannot be checked"
            return document, ("kind",) if kind else ("sops",), said, f"decrypt it and check only its {part}"
        if kind in ("ExternalSecret", "SecretProviderClass", "ClusterExternalSecret"):
            return document, ("kind",), f"a {kind} only refers to its contents", f"fetch its {part} and check that"
        if kind in ("Alertmanager", "Prometheus", "ThanosRuler", "VMAlertmanager", "VMAlert"):
            return document, ("kind",), f"a {kind} object only names its configuration", f"check that {part}"
    return None


def _within(document: Document, path: Path, wanted: Wanted, word: str) -> Iterator[Document]:
    value = _at(document.value, path)
    if wanted(value):
        yield _cut(document, path)
    elif isinstance(value, dict | list) and len(path) < DEEPEST:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, _ in items:
            yield from _within(document, (*path, key), wanted, word)
    elif isinstance(value, str) and path:
        yield from _in_text(document, path, value, wanted, word)


def _in_text(document: Document, path: Path, value: str, wanted: Wanted, word: str) -> Iterator[Document]:
    decoded = _decoded(value) if path[-2:-1] and path[-2] in _BINARY and "\n" not in value.strip() else None
    text = value if decoded is None else decoded
    if word not in text:
        return
    try:
        inner = parse_all(text, document.file)
    except ConfigError:
        return
    for part in parts(inner[:1], wanted, word):
        yield _shifted(part, document, path, in_place=decoded is None)


def _decoded(value: str) -> str | None:
    try:
        raw = base64.b64decode("".join(value.split()), validate=True)
        if raw[:2] == b"\x1f\x8b":
            raw = zlib.decompressobj(wbits=31).decompress(raw, LARGEST)
        return raw.decode()
    except (binascii.Error, ValueError, zlib.error):
        return None


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _cut(document: Document, path: Path) -> Document:
    size = len(path)
    marks = {key[size:]: mark for key, mark in document.marks.items() if key[:size] == path}
    return replace(document, value=_at(document.value, path), marks=marks, above=(*document.above, *path))


def _shifted(part: Document, document: Document, path: Path, *, in_place: bool) -> Document:
    """Return `part`, which was read from the text at `path`, with its places in the file."""
    outer = document.marks[path]
    # A block begins on the line after its `|`; for other texts, only the place of the whole text is known.
    block = in_place and outer.end[0] > outer.line
    marks = {key: _moved(mark, outer) if block else replace(outer, key=mark.key) for key, mark in part.marks.items()}
    return replace(part, marks=marks, above=(*document.above, *path, *part.above))


def _moved(mark: Mark, outer: Mark) -> Mark:
    line, key_line = outer.line + mark.line, outer.line + mark.key_line
    shift = outer.indent
    return replace(
        mark,
        line=line,
        column=mark.column + shift,
        key_line=key_line,
        key_column=mark.key_column + shift,
        end=(outer.line + mark.end[0], mark.end[1] + shift),
        indent=mark.indent + shift,
    )


_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_SNAKE = (
    "group_by", "group_wait", "group_interval", "repeat_interval", "mute_time_intervals", "active_time_intervals",
    "webhook_configs", "send_resolved", "max_alerts", "http_config", "basic_auth", "match_re",
)  # fmt: skip
"""Names of Alertmanager in messages that AlertmanagerConfig writes differently."""


def snake(name: str) -> str:
    """Return Alertmanager's form of `name` in an AlertmanagerConfig: `group_by` for `groupBy`."""
    return _CAMEL.sub(lambda found: "_" + found[1].lower(), name)


def camel(text: str) -> str:
    """Return `text` with Alertmanager's names in the form of an AlertmanagerConfig."""
    for name in _SNAKE:
        head, *rest = name.split("_")
        text = text.replace(name, head + "".join(part.title() for part in rest))
    return text
