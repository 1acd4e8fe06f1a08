"""Logs frequent events of this service for a fraction of the CPU time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from receiver.log.former_names import former_name
from receiver.log.log_writer import Writer
from receiver.log.redaction import CUT, SECRET
from receiver.model.base import rfc3339

STEPS, SHAPES = 9, 100
"""Number of processors that `configure` sets, which a capture of records replaces; and sets of field names to cache."""


@dataclass(frozen=True, slots=True)
class LineTemplate:
    """A line of the log without its timestamp and one number (`DirectLog.template`)."""

    before: str
    after: str


class DirectLog:
    """Logs events whose fields are this service's own, such as the one line of each webhook, for a fraction of the CPU.

    structlog and the standard library's logging cost more than the rest of a repeated webhook together: eight steps for
    each record, two checks of each value, a record object and a formatter. Here orjson writes the line, and its output
    shows whether a value needs escaping. If so, and if logging is set up in another way (a terminal, a test that
    captures records), structlog logs the record. Both write the same line.
    """

    def __init__(self, name: str) -> None:
        """`name`: the name of the logger."""
        self._name = name
        self._structlog = structlog.get_logger(name)
        self._plain: set[tuple[str, ...]] = set()
        """Sets of field names none of which names a secret; there are a few per event."""

    def info(self, event: str, **fields: Any) -> None:
        """Log `event` at level info."""
        if not self._written("info", logging.INFO, event, fields):
            self._structlog.info(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log `event` at level warning."""
        if not self._written("warning", logging.WARNING, event, fields):
            self._structlog.warning(event, **fields)

    def template(self, event: str, number: str, **fields: Any) -> LineTemplate | None:
        """Return an `event` at level info whose fields are constant except `number`; None: use structlog.

        For events that are logged often: such a line takes a third of the CPU time of `info`.
        """
        line = self._line("info", event, fields)
        if line is None:
            return None
        mark = f'"{number}":{orjson.dumps(fields[number]).decode()}'
        before, found, after = line.partition(mark)
        return LineTemplate(f'{before}"{number}":', after) if found and not after.count(mark) else None

    def repeat(self, template: LineTemplate, value: float) -> bool:
        """Log a template's event with `value` as its number; return False if structlog must log it."""
        writer = _direct_writer()
        if writer is None or writer.direct_lines is None:
            return False
        if writer.direct_lines.level <= logging.INFO:
            stamp = rfc3339(writer.direct_lines.now())
            writer.add(f'{{"timestamp":"{stamp}",{template.before}{value!r}{template.after}')
        return True

    def _written(self, level: str, number: int, event: str, fields: Mapping[str, Any]) -> bool:
        writer = _direct_writer()
        if writer is None or writer.direct_lines is None:
            return False
        if number < writer.direct_lines.level:
            return True
        line = self._line(level, event, fields)
        if line is None:
            return False
        writer.add(f'{{"timestamp":"{rfc3339(writer.direct_lines.now())}",{line}')
        return True

    def _line(self, level: str, event: str, fields: Mapping[str, Any]) -> str | None:
        # The line after its timestamp; None if structlog must log the record.
        names = tuple(fields)
        if names not in self._plain:
            if any(SECRET.search(name) for name in names) or len(self._plain) > SHAPES:
                return None
            self._plain.add(names)
        try:
            line = orjson.dumps({"level": level, "logger": self._name, "event": event, **former_name(event), **fields})
        except TypeError:
            return None
        # structlog escapes characters and shortens values.
        if len(line) > CUT or not line.isascii() or b"\x7f" in line or b"\\" in line:
            return None
        return line[1:].decode()


def _direct_writer() -> Writer | None:
    # The writer of JSON lines; None if logging is set up in another way.
    handlers = logging.root.handlers
    writer = handlers[0] if len(handlers) == 1 else None
    if isinstance(writer, Writer) and writer.direct_lines is not None and len(_processors()) >= STEPS:
        return writer
    return None


def _processors() -> list[Any]:
    found: list[Any] = structlog.get_config()["processors"]
    return found
