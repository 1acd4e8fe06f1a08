"""Parses the Dockerfile into stages and instructions. It supports only the instructions that ours uses."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """One stage: its base, its instructions, and the settings of its containers."""

    base: str
    name: str = ""
    steps: list[tuple[str, str]] = field(default_factory=list)
    """RUN and COPY, in order."""
    env: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    port: int = 0


def read(file: Path) -> list[Stage]:
    """Return the stages. Raises ValueError for an unsupported instruction."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        rest = re.sub(r"\s+", " ", rest).strip()
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        else:
            _take(stages[-1], word, rest)
    return stages


def _take(stage: Stage, word: str, rest: str) -> None:
    if word in ("RUN", "COPY"):
        stage.steps.append((word, rest))
    elif word == "ENV":
        stage.env |= dict(re.findall(r"(\w+)=(\S+)", rest))
    elif word == "WORKDIR":
        stage.folder = rest
    elif word == "USER":
        stage.user = rest
    elif word == "EXPOSE":
        stage.port = int(rest)
    elif word == "ENTRYPOINT":
        stage.entrypoint = json.loads(rest)
    elif word == "CMD":
        stage.command = json.loads(rest)
    elif word == "HEALTHCHECK":
        stage.health = json.loads(rest.partition("CMD ")[2])
    elif word != "LABEL":
        raise ValueError(f"{word}: not known here")
