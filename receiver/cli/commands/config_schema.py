"""`receiver config-schema`: the JSON schema of a file, for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """Which file."""

    CONFIG = "config"
    RULES = "rules"
    RULE_TESTS = "rule-tests"


def config_schema(kind: Annotated[Kind, typer.Option("--kind", help="The kind of file.")] = Kind.CONFIG) -> None:
    """Print the JSON schema of the configuration, of severity rules, or of their tests."""
    from receiver.config import json_schema

    typer.echo(json_schema.schema(json_schema.Kind(kind.value)), nl=False)
