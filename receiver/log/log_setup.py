"""Sets up structlog and the standard library's logging: console style on a terminal, otherwise JSON."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

import structlog

from receiver.log.log_writer import DirectLines, Writer
from receiver.log.redaction import Record, escape, redact, to_json
from receiver.model.base import rfc3339

Step = Callable[[Any, str, Record], Record]


def configure(
    now: Callable[[], datetime], *, level: str = "info", stream: TextIO | None = None, terminal: bool | None = None
) -> Writer:
    """Send structlog and the standard library's logging to `stream` (stderr) and return its writer.

    `now` gives the time of a record. `terminal`: console style; None: if the stream is a terminal. A second call
    replaces the first.
    """
    out = stream or sys.stderr
    pretty = out.isatty() if terminal is None else terminal
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(), _stamp(now), structlog.processors.format_exc_info,
        redact, escape,
    ]  # fmt: skip
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _for_people() if pretty else to_json],
    )
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, Writer)]:
        root.removeHandler(old)
        old.close()
    writer = Writer(out)
    writer.setFormatter(formatter)
    writer.direct_lines = None if pretty else DirectLines(now, logging.getLevelNamesMapping()[level.upper()])
    root.addHandler(writer)
    root.setLevel(level.upper())
    # This service logs one line for every request; asyncio and the web server below warnings only report on themselves.
    for name in ("asyncio", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It logs request paths, which contain credentials for Apprise; failures are in the line of this service.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    return writer


def _for_people() -> Callable[[Any, str, Record], str]:
    # Only a terminal needs it, and it takes a tenth of a second to load.
    from receiver.terminal import TerminalRenderer  # noqa: PLC0415

    line = structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)
    return TerminalRenderer(line)


def _stamp(now: Callable[[], datetime]) -> Step:
    def stamp(_: Any, __: str, record: Record) -> Record:
        record["timestamp"] = rfc3339(now())
        return record

    return stamp
