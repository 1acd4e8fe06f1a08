"""The log can be read line by line, contains no secrets, and never blocks the service."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from receiver import log

NOW = datetime(2026, 11, 23, 14, 2, 11, 611000, UTC)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore the logging setup."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in ("asyncio", "aiohttp")}
    yield
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    # Not its defaults, whose tracebacks took the tests after these up to 45 seconds each.
    structlog.configure(**configured)


def written(say: Any, *, terminal: bool = False) -> str:
    """Return the output of calling `say` with a logger."""
    out = io.StringIO()
    writer = log.configure(lambda: NOW, stream=out, terminal=terminal)
    say(structlog.get_logger("receiver.test"))
    writer.close()
    return out.getvalue()


def test_a_record_is_one_line_of_json() -> None:
    text = written(lambda logger: logger.info("delivery_failed", channel="pager", took_ms=12, at=NOW))
    assert text.endswith("\n")
    assert json.loads(text) == {
        "timestamp": "2026-11-23T14:02:11.611Z", "level": "info", "logger": "receiver.test", "event": "delivery_failed",
        "channel": "pager", "took_ms": 12, "at": str(NOW),
    }  # fmt: skip


@pytest.mark.parametrize("make", [structlog.get_logger, log.DirectLog])
def test_a_renamed_event_has_its_former_name_beside_it(make: Any) -> None:
    text = written(lambda _: make("receiver.test").info("delivery_attempted", channel="pager"))
    assert list(json.loads(text).items())[2:] == [
        ("logger", "receiver.test"), ("event", "delivery_attempted"), ("was", "delivery"), ("channel", "pager")
    ]  # fmt: skip


def test_on_a_terminal_it_is_for_people() -> None:
    text = written(lambda logger: logger.info("delivery_attempted", channel="pager"), terminal=True)
    assert "delivery_attempted" in text
    assert "was" not in text
    assert not text.startswith("{")
    assert text.count("\n") == 1


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    "hostile", ["a\nlevel=error forged", "\r\x1b[2J\x1b]0;x\x07", "\x9b31m", "\u2028x\u0085", "\u202eevil", "\ud800"]
)
def test_foreign_text_cannot_begin_a_line_or_act(terminal: bool, hostile: str) -> None:
    text = written(
        lambda logger: logger.info("webhook_answered", receiver=hostile, more={"k": [hostile], hostile: 1}),
        terminal=terminal,
    )
    assert len(text.splitlines()) == 1
    assert text.rstrip("\n").isprintable() or terminal
    own = {"\x1b"} if terminal else set[str]()
    assert (set("\r\x07\x9b\x85\u2028\u202e\ud800\x1b") - own).isdisjoint(text)


@pytest.mark.parametrize(
    "name", ["token", "secret", "password", "authorization", "routing_key", "bot_token", "api-key", "Authorization"]
)
def test_what_has_the_name_of_a_secret_is_hidden_at_any_depth(name: str) -> None:
    text = written(lambda logger: logger.warning("x", **{name: "hunter2"}, deep={"a": [{name: "hunter2"}]}))
    assert "hunter2" not in text
    assert text.count("***") == 2


def test_a_secret_of_the_settings_hides_itself() -> None:
    assert "hunter2" not in written(lambda logger: logger.info("x", value=SecretStr("hunter2")))


def test_an_exception_is_kept_with_its_traceback_on_one_line() -> None:
    def fails(logger: Any) -> None:
        try:
            raise KeyError("gone\x1b[2J")
        except KeyError:
            logger.exception("step_failed", step="beat")

    text = written(fails)
    record = json.loads(text)
    assert "Traceback" in record["exception"]
    assert "\x1b" not in record["exception"]
    assert text.count("\n") == 1


def test_the_standard_library_goes_the_same_way() -> None:
    def says(_: Any) -> None:
        logging.getLogger("aiohttp.server").error("bad request from %s", "a\nb")
        logging.getLogger("aiohttp.access").info("not wanted")
        try:
            raise ValueError("inside")
        except ValueError:
            logging.getLogger("asyncio").exception("Task failed")

    first, second = (json.loads(line) for line in written(says).splitlines())
    assert (first["level"], first["logger"], first["event"]) == (
        "error",
        "aiohttp.server",
        "bad request from a\\u000ab",
    )
    assert "ValueError: inside" in second["exception"]


def test_a_level_is_kept() -> None:
    assert written(lambda logger: logger.debug("unheard")) == ""


def test_configuring_twice_writes_once() -> None:
    log.configure(lambda: NOW, stream=io.StringIO(), terminal=False)
    assert written(lambda logger: logger.info("once")).count("once") == 1


class Stuck(io.StringIO):
    """A reader that does not read."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.reached = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.go.wait(10)
        return super().write(text)


def test_a_reader_who_is_stuck_costs_records_and_holds_up_nobody() -> None:
    out = Stuck()
    writer = log.Writer(out, waiting=2)
    record = logging.LogRecord("x", logging.INFO, "", 0, "one", None, None)
    writer.emit(record)
    assert out.reached.wait(10)
    for _ in range(5):
        writer.emit(record)
    assert writer.dropped == 3
    out.go.set()
    writer.close()
    assert '"count":3' in out.getvalue()
    assert out.getvalue().count("one\n") == 3


class Full(io.StringIO):
    """A full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_costs_records_only() -> None:
    writer = log.Writer(Full())
    writer.emit(logging.LogRecord("x", logging.INFO, "", 0, "one", None, None))
    writer.close()
    assert writer.dropped == 1


@pytest.mark.parametrize(
    ("level", "fields", "direct"),
    [
        ("info", {"outcome": "duplicate", "alerts": 1, "incident": None, "truncated": False}, True),
        ("warning", {"duration_ms": 0.4}, True),
        ("info", {"receiver": "naïve"}, False),
        ("info", {"receiver": "a\x1b[31m\u202eb"}, False),
        ("info", {"receiver": "a\x7fb"}, False),
        ("info", {"receiver": "\ud800"}, False),
        ("info", {"receiver": 'say "no"'}, False),
        ("info", {"receiver": "x" * 10_000}, False),
        ("info", {"token": "abc"}, False),
        ("info", {"key": SecretStr("abc")}, False),
    ],
)
def test_a_direct_line_is_the_line_that_structlog_writes(level: str, fields: dict[str, Any], direct: bool) -> None:
    def lines(make: Any) -> tuple[str, int]:
        out, passed = io.StringIO(), []
        writer = log.configure(lambda: NOW, stream=out, terminal=False)
        root = logging.getLogger()
        for handler in [one for one in root.handlers if one is not writer]:
            root.removeHandler(handler)  # those of the test runner; `restored` does not restore them
        writer.addFilter(lambda record: not passed.append(record))  # type: ignore[func-returns-value]
        getattr(make("receiver.webhook"), level)("webhook_answered", **fields)
        writer.close()
        return out.getvalue(), len(passed)

    kept = list(logging.getLogger().handlers)
    try:
        (usual, _), (line, passed) = lines(structlog.get_logger), lines(log.DirectLog)
    finally:
        logging.getLogger().handlers[:] = kept
    assert line == usual
    assert passed == (0 if direct else 1)


def test_a_direct_log_keeps_the_level_and_can_be_captured() -> None:
    out = io.StringIO()
    writer = log.configure(lambda: NOW, stream=out, terminal=False, level="warning")
    root = logging.getLogger()
    kept = list(root.handlers)
    root.handlers[:] = [writer]
    made = log.DirectLog("receiver.webhook")
    try:
        made.info("webhook_answered", outcome="opened")
        with structlog.testing.capture_logs() as captured:
            made.warning("webhook_answered", outcome="refused")
        made.warning("webhook_answered", outcome="error")
    finally:
        root.handlers[:] = kept
        writer.close()
    assert captured == [{"event": "webhook_answered", "outcome": "refused", "log_level": "warning"}]
    assert [json.loads(line)["outcome"] for line in out.getvalue().splitlines()] == ["error"]


@pytest.mark.parametrize("receiver", ["team", "naïve", 'say "duration_ms":0.0'])
def test_a_line_that_is_repeated_is_the_direct_line(receiver: str) -> None:
    out = io.StringIO()
    writer = log.configure(lambda: NOW, stream=out, terminal=False)
    root = logging.getLogger()
    kept = list(root.handlers)
    root.handlers[:] = [writer]
    made = log.DirectLog("receiver.webhook")
    fields: dict[str, Any] = {"outcome": "duplicate", "duration_ms": 0.0, "receiver": receiver, "severity": None}
    try:
        template = made.template("webhook_answered", "duration_ms", **fields)
        assert (template is not None) == (receiver == "team"), "what is to be escaped takes the usual path"
        if template is not None:
            assert made.repeat(template, 12.5)
            made.info("webhook_answered", **fields | {"duration_ms": 12.5})
            with structlog.testing.capture_logs():
                assert not made.repeat(template, 1.0)
    finally:
        root.handlers[:] = kept
        writer.close()
    written = out.getvalue().splitlines()
    assert len(written) == (2 if template else 0)
    assert len(set(written)) <= 1
