"""`receiver serve`: runs the service, or prints in one line why it cannot start."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from receiver.cli.light_structlog import load_structlog

if TYPE_CHECKING:
    from receiver.config import Problem

OPTIONS = {"server.listen": "--listen", "redis.url": "--redis"}
"""The settings that options of the command line override."""
LEVEL = "RECEIVER_LOG_LEVEL"


def serve(
    config: Annotated[
        Path | None, typer.Option("--config", help="Configuration file; default: the built-in one.")
    ] = None,
    listen: Annotated[str | None, typer.Option("--listen", metavar="A:P", help="Overrides server.listen.")] = None,
    redis: Annotated[str | None, typer.Option("--redis", metavar="URL", help="Overrides redis.url.")] = None,
) -> None:
    """Run the service until SIGTERM."""
    if config is not None:
        _check_readable(config)
    load_structlog()
    from receiver.config import ConfigError, load
    from receiver.web.http.listen_addresses import CannotListen, check_addresses

    given = {"server.listen": listen, "redis.url": redis}
    # An empty --redis comes from a variable that is not set: the embedded store would not be the intended one.
    overrides = {name: text for name, text in given.items() if text or (name == "redis.url" and text is not None)}
    level = os.environ.get(LEVEL, "info")
    if level.upper() not in logging.getLevelNamesMapping():
        _stop(f"{LEVEL}: {level[:50]} is not a log level (write debug, info, warning, error or critical)")
    try:
        loaded = load(config, os.environ, overrides=overrides)
    except ConfigError as error:
        _stop("\n".join(_line(problem, overrides, packaged=config is None) for problem in error.problems))
    try:
        check_addresses(loaded.server.addresses)
    except CannotListen as taken:
        _stop(str(taken))
    # Most of the program is loaded only now, so that errors are reported sooner.
    from receiver.app import serve as run
    from receiver.clock import Clock
    from receiver.log import configure

    writer = configure(Clock().now, level=level)
    try:
        code = run(loaded, source=lambda: load(config, os.environ, overrides=overrides))
    finally:
        writer.close()
    raise typer.Exit(code)


def _check_readable(file: Path) -> None:
    # Before the program is loaded, which takes seconds on a busy machine.
    try:
        file.open("rb").close()
    except OSError as error:
        _stop(f"{file}:1:1: the file cannot be read: {error.strerror} (check path and permissions)")


def _stop(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(1)


def _line(problem: Problem, overrides: Mapping[str, str], *, packaged: bool) -> str:
    # A value from the command line is in no file; it is not repeated, because a URL may contain a password. The
    # packaged file is not the user's: an error in it comes from a variable.
    where = OPTIONS.get(problem.path) if problem.path in overrides else None
    if where is None and packaged:
        with suppress(OSError, IndexError):
            written = Path(problem.file).read_text("utf-8").splitlines()[problem.line - 1]
            where = next(iter(re.findall(r"\$\{(\w+)", written)), None)
    if where is None:
        return str(problem)
    return f"{where}: {problem.message}{f' ({problem.hint})' if problem.hint else ''}"
