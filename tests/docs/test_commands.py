"""Every command on every page is valid: the program, the verb, its options and its arguments exist."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from receiver.cli import app
from receiver.web.openapi_document import document_offered
from tests.docs.pages import ROOT, WRITTEN, blocks, code

SHELL = ("sh", "console", "bash")
OTHERS = {
    "amtool", "cd", "cp", "curl", "export", "git", "kill", "kubectl", "openssl", "pip", "prometheus-alertmanager",
    "promtool", "python", "systemctl", "valkey-cli", "redis-cli", "jq", "docker", "helm", "kustomize", "cat", "grep",
    "head", "cut",
}  # fmt: skip
"""Programs of others, whose options are not checked."""
BARE = {"/", "/healthz", "/readyz", "/metrics", "/-/reload", "/oncall", "/status", "/login"}
USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""What is said of a wrong word; typer carries its own copy of the library that says it."""
MISSING: Any = next(one for one in typer.BadParameter.__subclasses__() if one.__name__ == "MissingParameter")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def lines(text: str, *, console: bool = False) -> Iterator[str]:
    """Yield the commands of a block: one that goes on in the next line is one, and output is none."""
    for line in text.replace("\\\n", " ").splitlines():
        if console and not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ").split(" # ")[0].strip()
        if command and not command.startswith("#"):
            yield command


def commands(file: Path) -> Iterator[tuple[str, str]]:
    """Yield every command of a page, in blocks and in the text, with its position."""
    for block in blocks(file):
        console = "$ " in block.text and block.language == "console"
        plain = not block.language and block.text.startswith(("receiver ", "$ receiver "))
        if block.language in SHELL or plain:
            yield from ((str(block), line) for line in lines(block.text, console=console))
    # In the text, a part of a command may be named.
    yield from ((place, f"{text} ...") for place, text in code(file) if re.match(r"(receiver|make) [a-z]", text))


def wrong(line: str) -> str | None:
    """Return why `line` is invalid; None if it is valid. A line that ends in `...` may be incomplete."""
    inner = re.fullmatch(r"\w+=\$\((.*)\)", line)
    if inner:
        return next(filter(None, map(wrong, inner[1].split(" | "))), None)
    words = shlex.split(re.sub(r"\$\([^)]*\)", "x", line))
    while words and re.match(r"\w+=", words[0]):
        words.pop(0)
    program = words.pop(0).removeprefix(".venv/bin/")
    if program == "receiver":
        return _receiver(words)
    if program == "make":
        return next(
            (f"make has no {word}" for word in words if "=" not in word and word not in (*TARGETS, "...")), None
        )
    if program == "python" and words[:1] == ["-m"]:
        return None if (ROOT / words[1]).is_dir() or words[1] in ("pip", "venv") else f"no module {words[1]}"
    if program == "curl":
        return next((_path(word) for word in words if word.startswith("http") and _path(word)), None)
    return None if program in OTHERS else f"nobody knows the program {program}"


def _receiver(words: list[str]) -> str | None:
    command = _root()
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        parts = name.split("/")
        for part in parts:
            if part not in command.commands:
                return f"{command.name} has no {part}; it has {', '.join(sorted(command.commands))}"
        command = command.commands[parts[0]]
        if len(parts) > 1:
            return None  # list/show/replay: each of them exists
    options = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help": None}
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in options]
    if unknown:
        return f"{command.name} has no {unknown[0]}"
    if hasattr(command, "commands") or "--help" in words or any("[" in word for word in words):
        return None
    try:
        command.make_context(command.name, [word for word in words if word != "..."])
    except USAGE_ERROR as error:
        if words[-1:] == ["..."] and isinstance(error, MISSING):
            return None
        return str(error.format_message())
    return None


@cache
def _root() -> Any:
    return typer.main.get_command(app)


@cache
def _known() -> list[str]:
    return [re.sub(r"\{\w+\}", "[^/]+", one) for one in document_offered()["paths"]]


def _path(url: str) -> str | None:
    path = re.sub(r"^https?://[^/]+", "", url).split("?")[0] or "/"
    if not url.startswith("http://127.0.0.1:8080"):
        return None
    return None if path in BARE or any(re.fullmatch(one, path) for one in _known()) else f"no path {path}"


ALL = [(place, line) for file in WRITTEN for place, line in commands(file)]


@pytest.mark.parametrize("file", sorted({place.split(":")[0] for place, _ in ALL}))
def test_every_command_can_be_typed(file: str) -> None:
    found = {f"{place}: {line}": wrong(line) for place, line in ALL if place.startswith(f"{file}:")}
    assert found
    assert {place: why for place, why in found.items() if why} == {}


def test_there_are_commands_to_check() -> None:
    assert len(ALL) > 100


@pytest.mark.parametrize(
    "line",
    [
        "receiver incidnt list", "receiver incident lst", "receiver incident list --opn", "receiver drill --severity",
        "receiver incident ack INC-1 INC-2 INC-3", "make rnu", "rm -rf /", "curl http://127.0.0.1:8080/api/v1/incident",
        "receiver dead-letters list/shw", "receiver rules diff --check", "receiver rules diff --chek ...",
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_typed_is_found(line: str) -> None:
    assert wrong(line)


def test_make_run_tells_of_a_port_in_use_before_it_installs_anything() -> None:
    assert re.search(r"^run: free-port ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = subprocess.run([ROOT / ".ci" / "port", address], capture_output=True, text=True, check=False)
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr.startswith(f"cannot listen on {address}: the port is in use")
    for left_to_the_service in ("127.0.0.1:0", "some.name:80", "8080", "", "[::1]:0"):
        ok = subprocess.run([ROOT / ".ci" / "port", left_to_the_service], capture_output=True, text=True, check=False)
        assert (ok.returncode, ok.stderr) == (0, ""), left_to_the_service
