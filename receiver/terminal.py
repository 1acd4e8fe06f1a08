"""Log records that a terminal shows in more than one line: the start of the service, and pages to the terminal."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from receiver import __version__

WIDEST = 120
"""Maximum number of columns; longer lines are hard to read."""
DEFAULT_URL = "http://127.0.0.1:8080"
"""The default address of the service for the command line."""
DEFAULT_CONFIG = "the default"
"""What the record of the start says where the service runs without a configuration of the user's own."""
FOR_ALERTMANAGER = "A complete alertmanager.yml. If you already have one, add the lines that it lacks:"
ROUTE = (
    "route:",
    "  receiver: incidents",
    "  group_by: [alertname, service]",
    "  routes:",
    "    - {matchers: ['alertname=\"InfoInhibitor\"'], receiver: nowhere}",
    "    - matchers: ['alertname=\"Watchdog\"']",
    "      receiver: incidents",
    "      group_wait: 0s",
    "      group_interval: 1m",
    "      repeat_interval: 1m",
)
"""The constant parts of Alertmanager's file: one group is one incident, and the Watchdog is sent each minute."""
STARTED = ("receiver", "service_started")
PAGED = ("receiver.channels.log", "page_logged")

Record = MutableMapping[str, Any]
Render = Callable[[Any, str, Record], str]


class TerminalRenderer:
    """Writes a banner for the start, a box for a page, and a line for everything else.

    Text of a record is shown unchanged; markup in it has no effect.
    """

    def __init__(self, line: Render, width: Callable[[], int] | None = None) -> None:
        """`line` renders all other records; `width` returns the columns of the terminal."""
        self.line = line
        self.width = width or (lambda: shutil.get_terminal_size().columns)
        self._url = DEFAULT_URL

    def __call__(self, logger: Any, name: str, record: Record) -> str:
        """Return the text of `record`."""
        kind = (record.get("logger"), record.get("event"))
        if kind == STARTED:
            self._url = str(record.get("console", DEFAULT_URL)).rstrip("/")
            return self._drawn(banner(record, self._where()))
        if kind == PAGED and record.get("action") == "trigger":
            # Text to copy is printed below the box, because inside it would be wrapped.
            answer = (
                f"   {command()} incident ack {record['incident']}{self._where()}" if record.get("incident") else ""
            )
            return "\a" + self._drawn([page_box(record), *([Text(answer)] if answer else [])])
        return self.line(logger, name, record)

    def _where(self) -> str:
        return "" if self._url == DEFAULT_URL else f" --url {self._url}"

    def _drawn(self, parts: Iterable[RenderableType]) -> str:
        out = io.StringIO()
        console = Console(
            file=out, force_terminal=True, color_system="standard", width=max(40, min(self.width(), WIDEST)),
            markup=False, highlight=False, emoji=False,
        )  # fmt: skip
        for part in parts:
            # Lines to copy are not wrapped.
            console.print(part, soft_wrap=isinstance(part, Text))
        return out.getvalue().rstrip("\n")


def banner(record: Record, where: str) -> list[RenderableType]:
    """Return the banner that is shown once the service has started; `where`: the option with its address."""
    me = command()
    pages = [str(one) for one in record.get("pages", ())]
    only_here = all(one.endswith("(log)") for one in pages)
    messages = [str(one) for one in record.get("messages", ())]
    hint = "" if messages else f" ({pager_hint(record.get('config'))})"
    facts = {
        "Console": record.get("console"),
        "Pages go to": f"this terminal only, which notifies no one{hint}" if only_here else ", ".join(pages),
        **({"Messages go to": ", ".join(messages)} if messages else {}),
        "Configuration": record.get("config"),
        "Data": record.get("data") or record.get("store"),
    }
    text = Text("\n")
    for name, value in facts.items():
        text.append(f"{name:<16}", "bold").append(f"{value}\n")
    text.append(f"\n{FOR_ALERTMANAGER}\n\n")
    text.append("\n".join(alertmanager_lines(record)), "cyan")
    if record.get("closed"):
        text.append(
            "\n\nNo token in auth.tokens with the scope ingest has a value, so alerts are refused (401). Set one (in "
            "config/receiver.yaml: ALERTMANAGER_TOKEN) and start the service again.\n", "bold yellow"
        )  # fmt: skip
    else:
        text.append("\n\nTo try it, in another terminal:\n\n")
        text.append(f"{me} send-alert --alertname ApiDown --label service=api{where}{token_of(record)}\n", "cyan")
    return [Rule(Text(f"receiver {__version__} has started", "bold green"), style="green"), text, Rule(style="green")]


def pager_hint(config: object) -> str:
    """Return how to set up a pager: `receiver init` would replace a configuration that is there."""
    return f"{command()} init sets up a pager" if config == DEFAULT_CONFIG else "to add a pager: docs/channels.md"


def alertmanager_lines(record: Record) -> list[str]:
    """Return an Alertmanager file that sends everything to the service."""
    lines = [*ROUTE, "receivers:", "  - name: incidents", "    webhook_configs:", f"      {record.get('alertmanager')}"]
    lines.append("        send_resolved: true")
    if record.get("sender"):
        said = f"<the token of {record['sender']} in auth.tokens>"
        lines.append(f"        http_config: {{authorization: {{credentials: '{said}'}}}}")
    return [*lines, "  - name: nowhere"]


def token_of(record: Record) -> str:
    """Return the option with which a command passes a token; empty if none is needed."""
    return " --token TOKEN" if record.get("sender") else ""


def page_box(record: Record) -> Panel:
    """Return the box that shows a page."""
    incident = record.get("incident")
    text = Text()
    text.append(str(record.get("title") or record.get("text") or record.get("news") or ""), "bold")
    if record.get("note"):
        text.append(f"\n{record['note']}")
    if record.get("description"):
        text.append(f"\n{record['description']}")
    text.append(f"\n\nfor {record.get('person', 'no one')}")
    if record.get("contact") and record["contact"] != record.get("person"):
        text.append(f" ({record['contact']})")
    head = " · ".join(str(part) for part in ("PAGE", record.get("severity"), incident) if part)
    return Panel(
        text, title=Text(f" {head} ", "bold white on red"), box=box.HEAVY, border_style="bold red", padding=(0, 2)
    )


def command() -> str:
    """Return how this program was called: `receiver`, or its path if it is not on PATH."""
    called = sys.argv[0] if sys.argv else ""
    if os.path.basename(called) != "receiver" or shutil.which("receiver") == called:
        return "receiver"
    return called
