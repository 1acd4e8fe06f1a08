"""docs/getting-started.md is followed step by step with the real Alertmanager; only the ports differ."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, Block, blocks
from tests.faults.programs import free_port

pytestmark = pytest.mark.e2e
PAGE = list(blocks(DOCS / "getting-started.md"))
KEY = "0123456789abcdef0123456789abcdef"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Reader:
    """Types the page's commands into its terminals."""

    def __init__(self, folder: Path, vendor: str) -> None:
        self.folder = folder
        year = str(datetime.now(UTC).year)
        self.changes = {":8080": f":{free_port()}", ":9193": f":{free_port()}", "INC-2026": f"INC-{year}"}
        self.environment = {**os.environ, "PAGERDUTY_URL": vendor, "RECEIVER_DATA_DIR": str(folder / "data")}
        self.running: dict[str, subprocess.Popen[str]] = {}
        self.said = ""
        listen = self.typed("127.0.0.1:8080")
        self.environment["RECEIVER_URL"] = f"http://{listen}"
        shown = subprocess.run(
            ["make", "--silent", "--dry-run", "run", f"LISTEN={listen}"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.make_run = shown.stdout.strip().splitlines()[-1]
        (folder / ".venv").symlink_to(Path(sys.executable).parents[1])

    def typed(self, text: str) -> str:
        for old, new in self.changes.items():
            text = text.replace(old, new)
        return text

    def start(self, terminal: str, text: str) -> None:
        """Start a long-running command; the previous one of that terminal is stopped, as with Ctrl-C."""
        self.end(terminal)
        lines = self.typed(text).replace("make run", self.make_run)
        lines = lines.replace("receiver.yaml\n", f"receiver.yaml --listen {self.typed('127.0.0.1:8080')}\n")
        lines = re.sub(r"(check-config \S+) --listen \S+", r"\1", lines)
        with (self.folder / f"{terminal}.log").open("a") as log:
            self.running[terminal] = subprocess.Popen(
                ["bash", "-ec", lines], cwd=self.folder, env=self.environment, stdout=log, stderr=log,
                text=True, start_new_session=True,
            )  # fmt: skip

    def end(self, terminal: str) -> None:
        process = self.running.pop(terminal, None)
        if process is not None:
            # A terminal sends Ctrl-C to all its processes.
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)

    def run(self, text: str) -> None:
        """Run `text` until it succeeds and prints something: the page says how long that may take."""
        # A terminal keeps its variables.
        kept = "touch kept; . ./kept"
        keep = 'if [ -n "$INC" ]; then declare -p INC > kept; fi'
        lines = f"export PATH=$PWD/.venv/bin:$PATH\n{kept}\n{self.typed(text)}\n{keep}"
        until = time.monotonic() + 120
        while True:
            done = subprocess.run(
                ["bash", "-ec", lines], cwd=self.folder, env=self.environment, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            self.said = done.stdout
            if done.returncode == 0 and (self.said or "list" not in text):
                return
            assert time.monotonic() < until, f"{text}{done.stdout}{done.stderr}{self.logs()}"
            time.sleep(0.3)

    def logs(self) -> str:
        return "\n".join(file.read_text()[-3000:] for file in self.folder.glob("*.log"))

    def saw(self, block: Block) -> None:
        """Check that the page's output was printed, apart from times; only `…` stands for omitted text."""
        said, shown = MOMENT.sub("TIME", self.said), MOMENT.sub("TIME", self.typed(block.text))
        parts = [re.escape(part) for part in re.split("^…\\n", f"{shown.rstrip()}\n", flags=re.MULTILINE)]
        assert re.fullmatch("(?:.*\n)*?".join(parts), f"{said.rstrip()}\n"), f"{block}: {said}"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    # A separate process: this test blocks, and a fake in the same loop would not respond meanwhile.
    files = ["--ledger", str(tmp_path / "ledger"), "--port-file", str(tmp_path / "port")]
    fake = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes", *files], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert fake.stdout is not None
    made = Reader(tmp_path, f"http://127.0.0.1:{fake.stdout.readline().strip()}")
    try:
        yield made
    finally:
        for terminal in list(made.running):
            made.end(terminal)
        fake.terminate()
        fake.communicate(timeout=10)


def rung(reader: Reader) -> set[str]:
    """Return the people who were paged."""
    lines = [json.loads(line) for line in (reader.folder / "ledger").read_text().splitlines()]
    taken = [line for line in lines if line.get("vendor") == "pagerduty" and line.get("taken")]
    return {line["body"]["routing_key"] for line in taken if line["body"]["event_action"] == "trigger"}


def test_it_goes_as_the_page_says(reader: Reader) -> None:
    typed = []
    for block in PAGE:
        if block.language == "yaml":
            (reader.folder / block.name).write_text(reader.typed(block.text))
        elif block.language == "text":
            reader.saw(block)
        elif block.name == "third-terminal":
            reader.run(block.text)
        else:
            reader.start(block.name, block.text)
        typed += [block.name.partition("-")[0]] if block.language == "sh" else []
    assert typed == ["first", "second", *["third"] * 6, "first", "third"]
    assert "Drill" in reader.said
    until = time.monotonic() + 60
    while rung(reader) != {KEY}:
        assert time.monotonic() < until, reader.logs()
        time.sleep(0.1)
    log = (reader.folder / "first-terminal.log").read_text()
    assert f'"alertmanager":"- url: http://{reader.typed("127.0.0.1:8080")}/webhooks/alertmanager"' in log
