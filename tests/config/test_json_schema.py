"""The JSON schemas are up to date, accept valid configurations, and reject invalid ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from receiver.cli import app
from receiver.config.json_schema import FILES, Kind, schema
from receiver.config.loader.rules_loader import PACKAGED
from receiver.config.yaml.yaml_document import read
from tests.config.loader.test_schedules import FULL
from tests.config.sample import HOME, SMALL

NAMES = {
    Kind.CONFIG: "receiver.yaml",
    Kind.RULES: "severity-rules.yaml",
    Kind.RULE_TESTS: "severity-rules.test.yaml",
}


def validator(kind: Kind) -> Draft202012Validator:
    document = json.loads(schema(kind))
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def wrong(kind: Kind, value: Any) -> list[str]:
    return [f"{error.json_path} {error.message}" for error in validator(kind).iter_errors(value)]


@pytest.mark.parametrize("kind", Kind)
def test_it_is_fresh(kind: Kind) -> None:
    written = (HOME / FILES[kind]).read_text()
    assert written == schema(kind), f"run: receiver config-schema --kind {kind} > config/{FILES[kind]}"
    assert CliRunner().invoke(app, ["config-schema", "--kind", kind.value]).output == written


@pytest.mark.parametrize("kind", Kind)
def test_the_reference_is_right_and_names_its_schema(kind: Kind) -> None:
    text = (HOME / NAMES[kind]).read_text()
    assert text.startswith(f"# yaml-language-server: $schema={FILES[kind]}\n")
    assert wrong(kind, read(text, "f").value) == []


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        SMALL + "links:\nauth:\n",
        SMALL.split("schedules:")[0] + FULL + "channels: {console: {kind: log}}\n",
        SMALL + "auth: {tokens: [{name: a, token_file: token, scopes: [read]}]}\nserver: {max_body: 1MB}\n",
        SMALL + "incidents: {auto_resolve: '${R:-false}'}\nredis: {replicas: '${N}', durability: '${D:-fsync}'}\n",
        (PACKAGED / "receiver.yaml").read_text(),
        (HOME.parent / "deploy" / "k8s" / "base" / "receiver.yaml").read_text(),
    ],
)
def test_what_loads_is_right(text: str) -> None:
    assert wrong(Kind.CONFIG, read(text, "f").value) == []


def test_the_packaged_rules_are_right() -> None:
    assert wrong(Kind.RULES, read((PACKAGED / "severity-rules.yaml").read_text(), "f").value) == []


def _misspelt(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from _misspelt(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _misspelt(item, (*path, index))


# Keys that the user chooses, and a person's addresses, may be anything.
CHOSEN = re.compile(
    r"(escalations|contacts|people|schedules|channels|measurements)\.[^.]+|people\.[^.]+\.[^.]+|otherwise\.map\..*"
    r"|channels\.status\.components\..*|links\.github\.repositories\..*|tests\..*\.(labels|annotations)\..*"
)


@pytest.mark.parametrize("kind", Kind)
def test_a_misspelt_key_is_wrong(kind: Kind) -> None:
    right = read((HOME / NAMES[kind]).read_text(), "f").value
    judge, seen = validator(kind), 0
    for path in list(_misspelt(right)):
        if CHOSEN.fullmatch(".".join(map(str, path))):
            continue
        inner = right
        for part in path[:-1]:
            inner = inner[part]
        given = dict(inner)
        inner.clear()
        inner.update({f"{key}q" if key == path[-1] else key: item for key, item in given.items()})
        assert not judge.is_valid(right), path
        inner.clear()
        inner.update(given)
        seen += 1
    assert judge.is_valid(right)
    assert seen > 20


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: log", "kind: logg"),
        ("until: resolved", "until: never"),
        ("after: 15m", "after: 15"),
        ("ticket: true", "ticket: maybe"),
        ("ticket: true", "business_hours: {from: '9'}"),
        ("people: [ann]", "people: ann"),
        ("SEV-3:", "SEV-5:"),
    ],
)
def test_a_wrong_value_is_wrong(old: str, new: str) -> None:
    assert old in SMALL
    assert wrong(Kind.CONFIG, read(SMALL.replace(old, new), "f").value)


def test_a_default_is_shown_as_it_is_written() -> None:
    text = schema(Kind.CONFIG)
    assert '"default": "15m"' in text
    assert "PT15M" not in text
    assert "*****" not in text
