"""Values of log records: secrets are hidden, control characters escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson

from receiver.log.former_names import former_name

HIDDEN = "***"
"""Shown in place of a secret."""
CUT = 8192
"""Maximum number of characters of one value."""
SECRET = re.compile(r"(^|[_-])(token|secret|password|authorization|api[_-]?key|routing[_-]key|cookie)$", re.IGNORECASE)
_INVISIBLE = "\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
_CONTROL = re.compile(f"[\x00-\x1f{_INVISIBLE}]")
_CONTROL_BUT_LINES = re.compile(f"[\x00-\x09\x0b-\x1f{_INVISIBLE}]")

Record = MutableMapping[str, Any]


def redact(_: Any, __: str, record: Record) -> Record:
    """Replace the values whose name is that of a secret, at any depth."""
    for name, value in record.items():
        record[name] = HIDDEN if SECRET.search(str(name)) and value else _redacted(value)
    return record


def _redacted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: HIDDEN if SECRET.search(str(key)) and item else _redacted(item) for key, item in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, list | tuple) else value


def escape(_: Any, __: str, record: Record) -> Record:
    r"""Write control characters, direction marks and lone surrogates as `\u....`; a traceback keeps its lines."""
    for name, value in record.items():
        if name == "exception" and isinstance(value, str):
            record[name] = _CONTROL_BUT_LINES.sub(_named, value)
        elif not str(name).startswith("_"):
            record[name] = _escaped(value)
    return record


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        text = str(value) if len(value) <= CUT else value[:CUT] + "…"
        return _CONTROL.sub(_named, text)
    if isinstance(value, Mapping):
        return {_escaped(str(key)): _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_escaped(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else _escaped(str(value))


def _named(character: re.Match[str]) -> str:
    return f"\\u{ord(character[0]):04x}"


def to_json(_: Any, __: str, record: Record) -> str:
    """Return the record as one line of JSON: timestamp, level, logger, event, its former name, then the rest."""
    first = {name: record.pop(name) for name in ("timestamp", "level", "logger", "event") if name in record}
    return orjson.dumps(
        {**first, **former_name(first.get("event")), **record}, default=str, option=orjson.OPT_NON_STR_KEYS
    ).decode()
