"""Generates the page of settings: every key of the configuration and of the severity rules, from the settings' text."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from receiver.channels import discover
from receiver.config.loader.secret_files import SUFFIX
from receiver.config.setting_docs import field_docs
from receiver.config.settings.whole_config import Sections
from receiver.model.severity import Severity
from receiver.model.severity_policy import SEVERITY_DEFAULTS, SeveritySettings
from receiver.triage.rules.rule_tests import RuleTests
from receiver.triage.rules.rules_file import RulesSettings
from reference.table import full, sentence, table
from reference.words import default, limits, models, wording

HEAD = ("setting", "value", "default", "meaning")
INTRODUCTION = f"""# Every setting

This page is generated from the settings in the code (`python -m reference`). `config/receiver.yaml` shows nearly all of
them in use; `receiver check-config` finds errors in your file, and so does an editor with the schemas in `config/`.

- `[]` is an entry in a list, and `NAME` is a key that you choose. A *required* setting is required if its section is
  present.
- Durations have a unit: `ms`, `s`, `m`, `h`, `d`, `w`. Units can be combined, as in `1m30s`. Sizes have a unit: `B`,
  `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`. All times of day are wall-clock times in the time zone of the same section.
- `${{NAME}}` anywhere in a value stands for an environment variable; `${{NAME:-text}}` has a default. A *secret* can
  also be read from a file: write `token{SUFFIX}: /run/secrets/token` instead of `token:`.
- An empty secret or address turns its feature off; it never opens access.
- The file is read at startup, and again on SIGHUP or `POST /-/reload`. If it has an error, nothing changes.
"""
RULES = "The file named by `severity_rules`. [Rules](../rules.md) explains it with examples."
TESTS = "Files for `receiver test-rules`, each next to the rules file that it names."


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION, "## The configuration\n", *_top(Sections)]
    for name, field in _fields(Sections):
        if name == "channels":
            parts += [
                f"### {name}\n",
                f"{sentence(field.description)} [Channels](../channels.md) explains what each is for.\n",
            ]
            parts += list(_channels())
        elif list(models(field.annotation)):
            parts += [f"### {name}\n", f"{sentence(field.description)}\n", *_rows(field.annotation, name)]
    parts += ["## Severity rules\n", RULES + "\n", *_file(RulesSettings)]
    parts += ["## Tests of severity rules\n", TESTS + "\n", *_file(RuleTests)]
    return "\n".join(parts).rstrip() + "\n"


def _top(model: type[BaseModel]) -> list[str]:
    rows = []
    for name, field in _fields(model):
        shown = f"[`{name}`](#{name})" if list(models(field.annotation)) or name == "channels" else f"`{name}`"
        rows.append((shown, "required" if field.is_required() else "", sentence(field.description)))
    return [*table(("section", "", "meaning"), rows), ""]


def _file(model: type[BaseModel]) -> list[str]:
    return [*table(HEAD, (row for name, field in _fields(model) for row in _setting(field, name, model))), ""]


def _rows(annotation: Any, path: str) -> list[str]:
    lines: list[str] = []
    for place, model in models(annotation):
        rows = [row for name, field in _fields(model) for row in _setting(field, f"{path}{place}.{name}", model)]
        lines += [*table(HEAD, rows), ""]
    return lines


def _channels() -> Iterator[str]:
    for kind, channel in sorted(discover().items()):
        yield f"#### {kind}\n"
        yield f"{sentence(channel.Settings.__doc__)}\n"
        rows = [
            row
            for name, field in _fields(channel.Settings)
            if name != "kind"
            for row in _setting(field, f"channels.NAME.{name}", channel.Settings)
        ]
        yield from [*table(HEAD, [("`channels.NAME.kind`", f"`{kind}`", "required", "The kind."), *rows]), ""]


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield each key as it is written, with its field; fields gathered under any other key are yielded as `KEY`."""
    hints = typing.get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        key = "KEY" if name == getattr(model, "gathers", None) else field.alias or name
        whole = FieldInfo.merge_field_infos(field)
        whole.annotation = hints[name]
        whole.description = field_docs(model).get(name)
        yield key, whole


def _setting(field: FieldInfo, path: str, model: type[BaseModel] | None = None) -> Iterator[tuple[str, str, str, str]]:
    said = full(field.description)
    below = list(models(field.annotation))
    text = wording(field.annotation, field.metadata)
    if path.endswith(".KEY"):
        yield f"`{path}`", "secret", "-", said
        return
    left_out = _severity_default(path) if model is SeveritySettings else None
    if "section" not in text or not below:
        yield f"`{path}`", text + limits(field), left_out or default(field), said
        return
    same = _described(model) if model is not None else set()
    shared = any((name, deeper.description) in same for _, inner in below for name, deeper in _fields(inner))
    more = f" Also accepts the keys of `{path.rpartition('.')[0]}`." if shared else ""
    yield f"`{path}`", _of(text), left_out or default(field), said + more
    for place, inner in below:
        for name, deeper in _fields(inner):
            if (name, deeper.description) not in same:
                yield from _setting(deeper, f"{path}{place}.{name}", inner)


def _described(model: type[BaseModel]) -> set[tuple[str, str | None]]:
    return {(name, field.description) for name, field in _fields(model)}


def _of(text: str) -> str:
    return text.replace("list of section", "list").replace("section by name", "map").replace("section", "map")


def _severity_default(path: str) -> str | None:
    name = path.rpartition(".")[2]
    if name not in SEVERITY_DEFAULTS[Severity.SEV1]:
        return None
    return ", ".join(f"`{SEVERITY_DEFAULTS[severity][name]}`" for severity in Severity)


def names() -> set[str]:
    """Return every setting as the page writes it, and every section that contains one: `people.NAME`."""
    found = {*Sections.model_fields}
    for line in page().splitlines():
        if line.startswith("| `"):
            path = line.split("`")[1]
            while path:
                found.add(path)
                path = path.rpartition(".")[0].removesuffix("[]") if "." in path else ""
    return found
