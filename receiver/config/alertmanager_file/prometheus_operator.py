"""Converts an AlertmanagerConfig of the Prometheus operator to Alertmanager's own form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from receiver.config.alertmanager_file.nested_documents import camel, snake
from receiver.config.config_errors import Path
from receiver.config.yaml.yaml_document import Document, Mark
from receiver.triage.safe_text import quoted

KINDS = ("AlertmanagerConfig", "VMAlertmanagerConfig")
_SECRETS = {
    "url_secret": "url_file",
    "credentials": "credentials_file",
    "password": "password_file",
    "bearer_token_secret": "bearer_token_file",
}
"""Keys with which an object names a secret, and the keys with which Alertmanager names a file instead."""
_FREE = ("match", "match_re", "labels", "http_headers")
"""Keys whose own keys are not settings."""


@dataclass
class _Rewriting:
    source: Document
    marks: dict[Path, Mark]


def of_operator(document: Document) -> Document:
    """Return the `spec` of an AlertmanagerConfig as an alertmanager.yml; places and names are those of the file."""
    spec = document.value.get("spec") if isinstance(document.value, dict) else None
    work = _Rewriting(document, {})
    value = _renamed(work, spec if isinstance(spec, dict) else {}, ("spec",), ())
    return Document(
        document.file, value, work.marks, begins=document.begins, above=(*document.above, "spec"), respell=camel
    )


def _renamed(work: _Rewriting, value: Any, where: Path, path: Path) -> Any:
    if where in work.source.marks:
        work.marks[path] = work.source.marks[where]
    if isinstance(value, list):
        change: Callable[..., Any] = _matcher if path[-1:] == ("matchers",) else _renamed
        return [change(work, item, (*where, index), (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    free = path[-1:] != () and path[-1] in _FREE
    for key, item in value.items():
        if item == "" and not free:
            # The operator leaves out what is empty.
            continue
        name = key if free else snake(key)
        inner = item
        if name in _SECRETS and isinstance(item, dict):
            name, inner = _SECRETS[name], str(item.get("name") or "a secret")
        found[name] = _renamed(work, inner, (*where, key), (*path, name))
    return found


def _matcher(work: _Rewriting, item: Any, where: Path, path: Path) -> Any:
    if not isinstance(item, dict):
        return _renamed(work, item, where, path)
    if where in work.source.marks:
        work.marks[path] = work.source.marks[where]
    sign = item.get("matchType") or ("=~" if str(item.get("regex")).lower() == "true" else "=")
    value = str(item.get("value") or "").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{_name(str(item.get("name") or ""))}{sign}"{value}"'


def _name(text: str) -> str:
    return text if text.replace("_", "a").isalnum() and text.isascii() else quoted(text, 1000)
