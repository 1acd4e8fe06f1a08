"""`receiver dashboard`, `alert-rules` and `openapi`: files for Grafana, Prometheus and API clients."""

from __future__ import annotations

import json
from enum import StrEnum
from importlib import resources
from typing import Annotated

import typer

PLACE = "https://docs.example.com/runbooks"
"""The address of the runbooks in the shipped rules; users replace it with that of their own copy."""
TOP = "groups:\n"


class Kind(StrEnum):
    """Which rules."""

    ALL = "all"
    ALERTS = "alerts"
    RECORDING = "recording"


def dashboard() -> None:
    """Print the Grafana dashboard, to import or to provision from a folder."""
    typer.echo(_carried("receiver.json"), nl=False)


def alert_rules(
    kind: Annotated[Kind, typer.Option("--kind", help="Alert rules, recording rules, or both in one file.")] = Kind.ALL,
    runbooks: Annotated[
        str,
        typer.Option(
            "--runbooks", metavar="URL", help="Base address of your runbooks; each alert links to its page there."
        ),
    ] = PLACE,
) -> None:
    """Print the Prometheus rules that monitor the service itself, as one file."""
    names = ("recording", "alerts") if kind is Kind.ALL else (kind.value,)
    first, *others = (_carried(f"{name}.yaml") for name in names)
    # A file has one `groups:`; in the later ones, only comments precede it.
    text = "\n".join([first, *(other.replace(TOP, "", 1) for other in others)])
    typer.echo(text.replace(PLACE, runbooks.rstrip("/")), nl=False)


def _carried(name: str) -> str:
    return resources.files("receiver").joinpath("data", name).read_text("utf-8")


def openapi() -> None:
    """Print the OpenAPI document of the API."""
    from receiver.web.openapi_document import document_offered

    typer.echo(json.dumps(document_offered(), ensure_ascii=False, indent=2))
