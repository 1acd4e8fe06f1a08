"""Secrets in a configuration: read from mounted files, and reported if they are in plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from receiver.config.config_errors import Path, Problem
from receiver.config.settings import settings_fields
from receiver.config.yaml.yaml_document import Document

LARGEST = 64 * 1024
"""Maximum size of a mounted secret in bytes; the largest usual one is a key of some kilobytes."""
SUFFIX = "_file"
_CREDENTIAL = re.compile("auth|token|key|secret|password|cookie|session|signature", re.IGNORECASE)


def read_files(value: Any, annotation: Any, document: Document, base: FilePath, path: Path = ()) -> list[Problem]:
    """Replace each `x_file` in `value` with `x` and the contents of the file, if `x` is a secret; return the problems.

    `value` is changed in place. Files are relative to `base`; one final line break is removed.
    """
    problems: list[Problem] = []
    if isinstance(value, dict):
        for key in [key for key in value if key.endswith(SUFFIX) and not _declared(annotation, key)]:
            stem = key.removesuffix(SUFFIX)
            if any(settings_fields.is_secret(kind) for kind in settings_fields.below(annotation, stem)):
                problems += _read(value, key, stem, document, base, path)
        items: list[tuple[str | int, Any]] = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list) else []
    for part, item in items:
        if isinstance(item, dict | list):
            for kind in settings_fields.below(annotation, part):
                problems += read_files(item, kind, document, base, (*path, part))
    return problems


def _declared(annotation: Any, key: str) -> bool:
    return key in settings_fields.keys(annotation)


def _read(value: dict[str, Any], key: str, stem: str, document: Document, base: FilePath, path: Path) -> list[Problem]:
    where, name = (*path, key), value.pop(key)
    mark = document.marks[where]
    if stem in value:
        return [document.problem(where, f"both {stem} and {key}", "keep one of them", at_key=True)]
    # Problems with the secret are reported at the key that names the file.
    document.marks[(*path, stem)] = mark
    value[stem] = ""
    if name in (None, ""):
        return []
    if not isinstance(name, str):
        return [document.problem(where, "not a file name", "write a path")]
    try:
        content = (base / name).read_bytes()
        text = content.decode()
    except UnicodeDecodeError:
        return [document.problem(where, "the file is not UTF-8 text", "write the secret as plain text")]
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "not a path"
        return [document.problem(where, f"the file cannot be read: {said}", "check path and permissions")]
    if len(content) > LARGEST:
        return [
            document.problem(where, "the file is larger than 64 KiB", "name the file that contains only the secret")
        ]
    value[stem] = text.removesuffix("\n").removesuffix("\r")
    return []


def in_clear(value: Any, annotation: Any, document: Document, path: Path = ()) -> Iterator[Problem]:
    """Yield a note for each secret in plain text; an address without a password is not a secret."""
    if isinstance(value, str):
        mark = document.marks.get(path)
        written = mark is not None and not mark.expanded and not mark.key.endswith(SUFFIX)
        harmless = not value or value == "embedded" or ("://" in value and "@" not in value) or _plain_header(path)
        if written and not harmless and settings_fields.is_secret(annotation):
            yield document.problem(path, "a secret in plain text", f"write ${{NAME}}, or {path[-1]}_file: PATH")
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, item in pairs:
        for kind in settings_fields.below(annotation, part):
            yield from in_clear(item, kind, document, (*path, part))


def _plain_header(path: Path) -> bool:
    """Return whether a value belongs to a header whose name does not suggest a credential, such as X-Scope-OrgID."""
    return len(path) > 1 and path[-2] == "headers" and not _CREDENTIAL.search(str(path[-1]))
