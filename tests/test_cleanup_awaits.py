"""Lists every `await` in a cleanup or an error handler, with the reason why it cannot leak an error into the caller.

An await in an `except` or `finally` block, in `__aexit__`, or after the `yield` of an async context manager runs
outside the deadline and the error handling of the block before it. An exception that it raises replaces the error that
is being handled, and a future that it shares with other tasks may end as another task's cancellation: the caller then
gets a CancelledError without a cancellation, and a loop that catches only `Exception` ends.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "receiver"
FILES = sorted(PACKAGE.rglob("*.py"))


class Cleanup(NamedTuple):
    """One await of a cleanup: its place and the awaited call."""

    file: str
    function: str
    awaited: str


OWN_REQUEST = (
    "the step's next request, and shared with no other task: what it raises is what the function documents, "
    "and a cancellation is one that the caller was sent"
)
OWN_COMMAND = (
    "one command of the store in a deadline of its own, and shared with no other task: it raises StoreAway, which the "
    "function documents"
)

REASONS = {
    # Channels and sources: the second request of a delivery, inside the same deadline (Channel.send).
    Cleanup("channels/email/channel.py", "Email.deliver", "self._hand_over"): OWN_REQUEST,
    Cleanup("channels/slack/channel.py", "Slack.deliver", "self._anew"): OWN_REQUEST,
    Cleanup("channels/slack/channel_lookup.py", "SlackChannelLookup.post", "self._join"): OWN_REQUEST,
    Cleanup("channels/slack/incident_channel.py", "SlackIncidentChannel._make", "self._ours"): OWN_REQUEST,
    Cleanup(
        "pipeline/delivery/channel_test.py", "ChannelTest._send", "self._end"
    ): "it catches DeliveryError and StoreAway and returns text",
    # The command line: one task, which ends with the command.
    Cleanup(
        "cli/commands/simulate.py", "_of_alertmanager.ask", "source_client.close"
    ): "the process has no other task and ends next",
    Cleanup("cli/commands/init.py", "_sent", "http.close"): "the process has no other task and ends next",
    # Steps of the work loop that respond to a failure with a store command.
    Cleanup("pipeline/context/recent_changes.py", "RecentChangesReader.on_timer", "self.intake.due.later"): OWN_COMMAND,
    Cleanup("pipeline/context/expression_graphs.py", "ExpressionGraphs._series", "prometheus.query_range"): OWN_REQUEST,
    Cleanup(
        "pipeline/context/chart_process.py", "ChartProcess._drawn", "_ended"
    ): "the process was killed and is no one else's, so that it ends; a cancellation is one that the caller was sent",
    Cleanup("pipeline/response/silences.py", "Silences.end", "self.intake.due.later"): OWN_COMMAND,
    Cleanup("pipeline/delivery/row_notices.py", "RowNotices.read", "self.unreadable.to_page"): OWN_COMMAND,
    Cleanup(
        "pipeline/delivery/delivery_attempts.py", "DeliveryAttempts._send", "self.results.record_failed"
    ): OWN_COMMAND,
    Cleanup(
        "pipeline/delivery/delivery_attempts.py", "DeliveryAttempts._send", "self.results.start_fallback"
    ): OWN_COMMAND,
    Cleanup("pipeline/delivery/delivery_attempts.py", "DeliveryAttempts._send", "self.keys.refused"): OWN_COMMAND,
    Cleanup("pipeline/response/command_handler.py", "CommandHandler.act", "self.before"): OWN_COMMAND,
    Cleanup("pipeline/response/command_handler.py", "CommandHandler.declare", "self.before"): OWN_COMMAND,
    Cleanup("pipeline/response/command_handler.py", "CommandHandler.merge", "self.before"): OWN_COMMAND,
    Cleanup("pipeline/response/split.py", "IncidentSplit.split", "self.respond.before"): OWN_COMMAND,
    Cleanup(
        "pipeline/store_outage/emergency_escalation.py", "EmergencyEscalation._commit", "self.intake.incidents.incident"
    ): OWN_COMMAND,
    Cleanup("pipeline/supervision.py", "run_step", "probe"): OWN_COMMAND,
    Cleanup(
        "pipeline/worker/leased_deliveries.py", "LeasedDeliveries._fetch", "asyncio.sleep"
    ): "a task of its own; a sleep shares nothing",
    # Deadlines.
    Cleanup("loop_time.py", "Deadline.__aexit__", "self._timeout.__aexit__"): (
        "asyncio.timeout's own exit, which does not wait: it turns its own cancellation into TimeoutError and no other"
    ),
    Cleanup("pipeline/worker/leased_deliveries.py", "LeasedDeliveries._send", "self.deliver.results.record_spoiled"): (
        "it runs in a task of its own, whose guard counts what it raises; the row comes back with its lease"
    ),
    # Requests.
    Cleanup(
        "web/webhooks/alertmanager.py", "Webhooks._begin", "body.read_body"
    ): "the body is here whole; what is wrong is refused",
    Cleanup(
        "web/webhooks/alertmanager.py", "Webhooks._parse", "self._rejected.keep"
    ): "it catches StoreAway: the answer stays 400",
}
"""The reason why each of them cannot leak an exception, or a foreign cancellation, into its caller."""


class Finder(ast.NodeVisitor):
    """Collects the awaits in cleanups of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Cleanup] = []
        self._names: list[str] = []
        self._cleanup = False
        self._manager = False

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._inside(node, node.name, cleanup=False, manager=False)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._inside(node, node.name, cleanup=False, manager=False)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        manager = any("contextmanager" in ast.unparse(each) for each in node.decorator_list)
        self._inside(node, node.name, cleanup=node.name == "__aexit__", manager=manager)

    def _inside(self, node: ast.AST, name: str, *, cleanup: bool, manager: bool) -> None:
        before = self._cleanup, self._manager
        self._names.append(name)
        self._cleanup, self._manager = cleanup, manager
        self.generic_visit(node)
        self._names.pop()
        self._cleanup, self._manager = before

    def visit_Try(self, node: ast.Try) -> None:
        before = self._cleanup
        for each in (*node.body, *node.orelse):
            self.visit(each)
        yielded = self._cleanup
        self._cleanup = True
        for handler in (*node.handlers, *node.finalbody):
            self.visit(handler)
        # After a `yield` of a context manager it is still a cleanup; after any other `try` it is not.
        self._cleanup = before or (self._manager and yielded)

    visit_TryStar = visit_Try

    def visit_Yield(self, node: ast.Yield) -> None:
        self.generic_visit(node)
        self._cleanup = self._cleanup or self._manager

    def visit_Await(self, node: ast.Await) -> None:
        self._note(node.value)
        self.generic_visit(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        for item in node.items:
            self._note(item.context_expr)
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._note(node.iter)
        self.generic_visit(node)

    def _note(self, awaited: ast.expr) -> None:
        if self._cleanup:
            called = awaited.func if isinstance(awaited, ast.Call) else awaited
            self.found.append(Cleanup(self.file, ".".join(self._names), ast.unparse(called)))


def cleanups(source: str, file: str = "file.py") -> list[Cleanup]:
    """Return every await of a cleanup, in source order."""
    finder = Finder(file)
    finder.visit(ast.parse(source, file))
    return finder.found


def everywhere() -> Iterator[Cleanup]:
    """Yield those of the whole package."""
    for path in FILES:
        yield from cleanups(path.read_text("utf-8"), path.relative_to(PACKAGE).as_posix())


def test_each_await_of_a_cleanup_has_a_reason() -> None:
    unexplained = sorted(set(everywhere()) - REASONS.keys())
    assert unexplained == [], "say in REASONS why it cannot leak an exception or a cancellation into its caller"


def test_each_reason_is_for_one_that_is_there() -> None:
    assert sorted(REASONS.keys() - set(everywhere())) == []


@pytest.mark.parametrize(
    ("source", "awaited"),
    [
        ("async def f():\n    try:\n        pass\n    except OSError:\n        await g()", ["g"]),
        ("async def f():\n    try:\n        pass\n    finally:\n        await self.pool.close(1)", ["self.pool.close"]),
        ("async def f():\n    try:\n        pass\n    except* OSError:\n        await g()", ["g"]),
        ("async def f():\n    try:\n        pass\n    finally:\n        async with lock: pass", ["lock"]),
        ("async def f():\n    try:\n        pass\n    finally:\n        async for x in rows(): pass", ["rows"]),
        (
            "async def f():\n    try:\n        pass\n    except OSError:\n        if a:\n            return await g()",
            ["g"],
        ),
        ("class A:\n    async def __aexit__(self, *a):\n        await self.close()", ["self.close"]),
        ("@asynccontextmanager\nasync def f():\n    await a()\n    yield\n    await g()", ["g"]),
        ("@contextlib.asynccontextmanager\nasync def f():\n    async with a():\n        yield\n    await g()", ["g"]),
        (
            "@asynccontextmanager\nasync def f():\n    try:\n        yield\n    except OSError:\n        await g()\n"
            "    await h()",
            ["g", "h"],
        ),
    ],
)
def test_an_await_of_a_cleanup_is_seen(source: str, awaited: list[str]) -> None:
    assert [each.awaited for each in cleanups(source)] == awaited


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n    try:\n        await g()\n    except OSError:\n        pass\n    await h()",
        "async def f():\n    try:\n        pass\n    except OSError:\n        pass\n    else:\n        await g()",
        "async def f():\n    try:\n        pass\n    finally:\n        async def g():\n            await h()",
        "async def f():\n    await g()\n    yield 1\n    await h()",
    ],
)
def test_an_await_elsewhere_is_let_pass(source: str) -> None:
    assert cleanups(source) == []
