"""Structured logs: a record per line, console style on a terminal, JSON otherwise; never a secret, never in the way."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

import orjson
import structlog

from receiver.model.base import rfc3339

HIDDEN = "***"
WAITING = 10_000
"""Records that wait for a reader who is slow; what comes then is dropped and counted: a log never holds up a page."""
GATHER, BATCH, LINGER = 0.05, 500, 20
"""Seconds for which records are gathered before they are written, how many are written at once, and how many times the
thread looks for more before it has to be woken: waking it costs the event loop more than twenty records do."""
LAST_WORDS = 2.0
"""Seconds that an ending process waits for its last records."""
CUT = 8192
"""Characters of one value."""
STEPS, SHAPES = 9, 100
"""Steps of a record in `configure`, which a capture of records replaces by one; and sets of names that are kept."""

_SECRET = re.compile(r"(^|[_-])(token|secret|password|authorization|api[_-]?key|routing[_-]key|cookie)$", re.IGNORECASE)
_INVISIBLE = "\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
_CONTROL = re.compile(f"[\x00-\x1f{_INVISIBLE}]")
_CONTROL_BUT_LINES = re.compile(f"[\x00-\x09\x0b-\x1f{_INVISIBLE}]")

Record = MutableMapping[str, Any]
Step = Callable[[Any, str, Record], Record]


def configure(
    now: Callable[[], datetime], *, level: str = "info", stream: TextIO | None = None, terminal: bool | None = None
) -> Writer:
    """Send structlog and the standard library's logging to `stream` (stderr) and return what writes there.

    `now` stamps the records. `terminal`: console style; None: when the stream is one. Calling it again replaces
    what was set before.
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
    writer.takes_lines = None if pretty else _Lines(now, logging.getLevelNamesMapping()[level.upper()])
    root.addHandler(writer)
    root.setLevel(level.upper())
    # Of every request one line is ours; what asyncio and the web server say below a warning is about themselves.
    for name in ("asyncio", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It writes the paths that are asked, and in those of Apprise are credentials; what fails is in our own line.
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


def redact(_: Any, __: str, record: Record) -> Record:
    """Replace what stands under the name of a secret, at any depth."""
    for name, value in record.items():
        record[name] = HIDDEN if _SECRET.search(str(name)) and value else _redacted(value)
    return record


def _redacted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: HIDDEN if _SECRET.search(str(key)) and item else _redacted(item) for key, item in value.items()}
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
    """Return the record as one line of JSON: when, how grave, what happened, then the rest."""
    first = {name: record.pop(name) for name in ("timestamp", "level", "logger", "event") if name in record}
    return orjson.dumps({**first, **record}, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


@dataclass(frozen=True)
class _Lines:
    now: Callable[[], datetime]
    level: int


class DirectLog:
    """Logs events whose fields are this service's own, such as the one line of each webhook, for a fraction of the CPU.

    structlog and the standard library's logging cost more than the rest of a repeated webhook together: eight steps for
    each record, two looks at each value, a record object and a formatter. Here orjson writes the line, and what it
    wrote shows whether a value needs another look: then, and wherever logging is set up in another way (a terminal, a
    test that captures records), the record takes the usual path. The line is the same on both.
    """

    def __init__(self, name: str) -> None:
        """`name` is the logger's."""
        self._name = name
        self._usual = structlog.get_logger(name)
        self._plain: set[tuple[str, ...]] = set()
        """Names of fields of which none is that of a secret; every event has its own few."""

    def info(self, event: str, **fields: Any) -> None:
        """Log `event` at level info."""
        if not self._written("info", logging.INFO, event, fields):
            self._usual.info(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log `event` at level warning."""
        if not self._written("warning", logging.WARNING, event, fields):
            self._usual.warning(event, **fields)

    def _written(self, level: str, number: int, event: str, fields: Mapping[str, Any]) -> bool:
        root = logging.getLogger()
        writer = root.handlers[0] if len(root.handlers) == 1 else None
        if not isinstance(writer, Writer) or writer.takes_lines is None or len(_processors()) < STEPS:
            return False
        if number < writer.takes_lines.level:
            return True
        names = tuple(fields)
        if names not in self._plain:
            if any(_SECRET.search(name) for name in names) or len(self._plain) > SHAPES:
                return False
            self._plain.add(names)
        first = {"timestamp": rfc3339(writer.takes_lines.now()), "level": level, "logger": self._name, "event": event}
        try:
            line = orjson.dumps({**first, **fields})
        except TypeError:
            return False
        # Characters that are to be seen as escapes, and values that are to be cut, are left to the usual path.
        if len(line) > CUT or not line.isascii() or b"\x7f" in line or b"\\" in line:
            return False
        writer.add(line.decode())
        return True


def _processors() -> list[Any]:
    found: list[Any] = structlog.get_config()["processors"]
    return found


class Writer(logging.Handler):
    """Writes in a thread of its own: a full pipe or disk costs records, never a page.

    The thread is woken for the first record and then gathers: waking it for each costs the event loop more than the
    record itself does.
    """

    def __init__(self, stream: TextIO, waiting: int = WAITING) -> None:
        """Start the thread; it ends with `close`."""
        super().__init__()
        self._stream = stream
        self._most = waiting
        self._lines: deque[str] = deque()
        self._idle = True
        """Whether the thread waits to be woken."""
        self._wake = threading.Event()
        self._over = threading.Event()
        self.takes_lines: _Lines | None = None
        """By which clock and from which level on lines of JSON are written as they are; None: they are not."""
        self.dropped = 0
        """Records that nobody took in time."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, or drop and count it."""
        try:
            line = self.format(record)
        except (TypeError, ValueError, KeyError, AttributeError):
            self.handleError(record)  # a record that cannot be written must not break what it tells about
            return
        self.add(line)

    def add(self, line: str) -> None:
        """Take a line, or drop and count it."""
        if len(self._lines) >= self._most:
            self.dropped += 1
            return
        self._lines.append(line)
        if self._idle:
            self._idle = False
            self._wake.set()

    def close(self) -> None:
        """Write what waits, for two seconds at most."""
        self._over.set()
        self._wake.set()
        self._thread.join(LAST_WORDS)
        super().close()

    def _run(self) -> None:
        told = looked = 0
        while True:
            if not self._lines:
                if self._over.is_set():
                    return
                if looked < LINGER:
                    looked += 1
                    self._over.wait(GATHER)
                    continue
                # Set before the last look: a record that comes between them wakes the thread.
                self._idle = True
                if not self._lines:
                    self._wake.wait()
                self._idle = False
                self._wake.clear()
                self._over.wait(GATHER)
                continue
            told, looked = self._write(told), 0
            self._over.wait(GATHER)

    def _write(self, told: int) -> int:
        batch = []
        if self.dropped > told:
            batch.append(f'{{"level":"warning","event":"log_records_dropped","count":{self.dropped - told}}}')
            told = self.dropped
        for _ in range(min(len(self._lines), BATCH)):
            batch.append(self._lines.popleft())
        try:
            self._stream.write("\n".join(batch) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self.dropped += len(batch)
        return told
