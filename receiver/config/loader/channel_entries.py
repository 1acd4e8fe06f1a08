"""The entries of `channels`: each is validated by the settings of its `kind`."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

from receiver.channels import Kinds, discover
from receiver.channels.base import Channel, ChannelSettings, Http
from receiver.config.config_errors import Problem, nearest, one_of
from receiver.config.loader import secret_files
from receiver.config.loader.validation import validate
from receiver.config.yaml.yaml_document import Document


def read_channels(
    raw: dict[str, Any], document: Document, base: FilePath
) -> tuple[dict[str, ChannelSettings], list[Problem], list[Problem]]:
    """Return the settings of each valid entry, the problems of the others, and notes."""
    kinds, found = discover(), dict[str, ChannelSettings]()
    problems: list[Problem] = []
    notes: list[Problem] = []
    for name, value in raw.items():
        path = ("channels", name)
        kind, problem = _kind(value, name, document, kinds)
        if kind is None:
            problems += [problem] if problem else []
            continue
        problems += secret_files.read_files(value, kind.Settings, document, base, path)
        settings, wrong = validate(kind.Settings, value, document, path)
        problems += wrong
        notes += secret_files.in_clear(value, kind.Settings, document, path)
        if isinstance(settings, ChannelSettings):
            found[name] = settings
    return found, problems, notes


def _kind(value: Any, name: str, document: Document, kinds: Kinds) -> tuple[type[Channel[Any]] | None, Problem | None]:
    path = ("channels", name)
    if not isinstance(value, dict):
        return None, document.problem(path, "not a mapping", "write at least kind: " + "|".join(sorted(kinds)))
    if "kind" not in value:
        near = nearest("kind", value)
        if near is not None:
            return None, document.problem((*path, near), "unknown key", "did you mean kind?", at_key=True)
        return None, document.problem((*path, "kind"), "missing", "write kind: " + "|".join(sorted(kinds)))
    kind = value["kind"]
    if not isinstance(kind, str) or kind not in kinds:
        return None, document.problem((*path, "kind"), "no such kind of channel", one_of(str(kind), kinds))
    return kinds[kind], None


def made(name: str, settings: ChannelSettings) -> Channel[Any]:
    """Return the channel itself, to find out which settings it lacks; it opens no connection until it sends."""
    return discover()[settings.kind](name, settings, Http())
