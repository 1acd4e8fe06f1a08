"""Every configuration on every page loads, and named settings, metrics, variables, files and paths exist."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from receiver.config import Config, ConfigError, check_files, load_text
from receiver.config.settings.whole_config import Sections
from receiver.triage.rules.rules_file import RulesSettings
from receiver.web.api.bodies import oncall_bodies, request_bodies, review_bodies
from receiver.web.openapi_document import document_offered
from reference import metrics, settings
from tests.docs.pages import ROOT, WRITTEN, Block, blocks, code

BLOCKS = [block for file in WRITTEN for block in blocks(file)]
WORDS = [found for file in WRITTEN for found in code(file)]
RUN_ELSEWHERE = {"docs/rules.md", "docs/on-call.md"}
"""Pages whose files refer to each other: test_rules_page.py and test_oncall_page.py run them."""
SETTINGS = settings.names()
METRICS = metrics.names()
OTHERS_METRICS = re.compile(r"receiver_[a-z_]+:")
"""Recording rules have a colon."""
SOURCE = "\n".join(
    file.read_text("utf-8")
    for folder in ("receiver", "deploy")
    for file in sorted((ROOT / folder).rglob("*"))
    if file.suffix in (".py", ".yaml", ".yml")
)
LOADED = "loads as a configuration"


def complete(text: str) -> Config:
    """Return a partial configuration, completed from the reference. Raises ConfigError."""
    base = yaml.safe_load((ROOT / "config" / "receiver.yaml").read_text("utf-8"))
    for name in ("ann", "ben", "cem", "dia"):
        base["people"][name] = {"name": name.title(), "pager": "0" * 31 + name[0]}
    for section, value in yaml.safe_load(text).items():
        merge = isinstance(value, dict) and isinstance(base.get(section), dict)
        base[section] = {**base[section], **value} if merge else value
    return load_text(yaml.safe_dump(base), "page.yaml", environment(text, yaml.safe_dump(base)), ROOT / "config")


def environment(*texts: str) -> dict[str, str]:
    """Return a value for every variable without a default: 32 characters, like a routing key, all different."""
    names = [name for text in texts for name in re.findall(r"\$\{(\w+)\}", text)]
    return {name: hashlib.sha256(name.encode()).hexdigest()[:32] for name in names}


def checked(block: Block, folder: Path) -> str:
    """Return how a block of YAML was checked. Raises if it is invalid."""
    loaded = yaml.safe_load(block.text)
    keys = set(loaded)
    if block.name == "slack-manifest.yaml":
        return _manifest(loaded)
    if keys <= {"route", "receivers", "inhibit_rules", "global"}:
        return _alertmanager(block.text, loaded, folder)
    if keys <= {"scrape_configs", "rule_files", "alerting", "global"}:
        return _promtool("config", block.text, folder)
    if keys == {"groups"}:
        return _promtool("rules", block.text, folder)
    if keys & {"apiVersion", "kind"}:
        assert {"apiVersion", "kind"} <= keys
        return "is an object of Kubernetes"
    if keys <= set(RulesSettings.model_fields) and not keys <= set(Sections.model_fields):
        RulesSettings.model_validate(loaded)
        return "is a file of severity rules"
    if block.name == "receiver.yaml":
        load_text(block.text, "receiver.yaml", environment(block.text), ROOT / "config")
        return LOADED
    if block.name == "with-the-channel":
        return "is loaded with the channel that its page adds"
    unknown = keys - set(Sections.model_fields)
    assert not unknown, f"not a section of a configuration: {unknown}"
    complete(block.text)
    return LOADED


def _alertmanager(text: str, loaded: dict[str, Any], folder: Path) -> str:
    file, config = folder / "alertmanager.yml", folder / "receiver.yaml"
    names = [one["name"] for one in loaded["receivers"]]
    file.write_text(text if "route" in loaded else f"route: {{receiver: {names[0]}}}\n{text}")
    amtool = shutil.which("amtool")
    assert amtool is not None, "amtool is missing: `make tools` installs it"
    done = subprocess.run([amtool, "check-config", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    config.write_text("channels: {log: {kind: log}}\nseverities: {SEV-1: {notify: []}}\n")
    problems, _ = check_files([config], {}, alertmanager=file)
    assert problems == []
    return "is taken by amtool and by receiver"


def _promtool(what: str, text: str, folder: Path) -> str:
    (folder / "receiver-token").write_text("x")
    file = folder / "prometheus.yml"
    file.write_text(re.sub(r"/etc/prometheus/receiver-token", str(folder / "receiver-token"), text))
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: `make tools` installs it"
    done = subprocess.run([promtool, "check", what, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return "is taken by promtool"


def _manifest(loaded: dict[str, Any]) -> str:
    from receiver.incident.response.slash_commands import COMMANDS

    given = loaded["features"]["slash_commands"]
    assert [one["command"] for one in given] == list(COMMANDS)
    urls = {one["url"] for one in given} | {one["request_url"] for one in loaded["settings"].values()}
    assert {url.rpartition("YOUR-ADDRESS")[2] for url in urls} == {
        "/slack/commands", "/slack/events", "/slack/interactions",
    }  # fmt: skip
    return "has every command and door"


YAML = [block for block in BLOCKS if block.language == "yaml" and block.file not in RUN_ELSEWHERE]


@pytest.mark.parametrize("block", YAML, ids=str)
def test_every_configuration_loads(block: Block, tmp_path: Path) -> None:
    assert checked(block, tmp_path)


def test_there_are_configurations_to_check() -> None:
    assert len(YAML) > 15


@pytest.mark.parametrize(
    "text",
    ["channels: {x: {kind: slak}}", "nothing: 1", "severities: {SEV-1: {pge: [x]}}", "contacts: {a: {person: b}}"],
)
def test_a_configuration_that_does_not_load_is_found(text: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, AssertionError)):
        checked(Block("page", 1, "yaml", "", text), tmp_path)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "json"], ids=str)
def test_every_body_is_one(block: Block) -> None:
    method, path = block.name.split(" ")
    operation = document_offered()["paths"][path][method.lower()]
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    (vars(request_bodies) | vars(oncall_bodies) | vars(review_bodies))[name].model_validate_json(block.text)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "promql"], ids=str)
def test_every_query_can_be_read(block: Block, tmp_path: Path) -> None:
    rules = [{"record": f"a:b{n}", "expr": line} for n, line in enumerate(block.text.splitlines()) if line]
    assert _promtool("rules", json.dumps({"groups": [{"name": "page", "rules": rules}]}), tmp_path)
    named = set(re.findall(r"\breceiver_\w+", block.text))
    assert named
    assert named <= METRICS


def test_every_language_is_checked_by_somebody() -> None:
    known = {"yaml", "json", "promql", "sh", "console", "python", "text", "nginx", ""}
    assert {str(block): block.language for block in BLOCKS if block.language not in known} == {}


def unknown_metrics() -> Iterator[str]:
    for place, text in WORDS:
        for name in re.findall(r"\breceiver_\w+:?", text):
            if name not in METRICS and not OTHERS_METRICS.match(name) and f"{name}_total" not in METRICS:
                yield f"{place}: {text}"


def test_every_metric_exists() -> None:
    assert list(unknown_metrics()) == []


def is_setting(text: str) -> bool:
    """Return whether the text is the path of a setting: a section, a dot, a name."""
    head = re.match(r"([a-z_]+)(\.|\[\])", text)
    return bool(head and head[1] in Sections.model_fields and re.fullmatch(r"[\w.\[\]*-]+", text)) and not re.search(
        r"\.(md|py|yaml|json|yml|atom)$", text
    )


def exists(text: str) -> bool:
    """Return whether the setting exists; a user's name replaces NAME or KEY."""
    wanted = text.removesuffix(".*").replace("[]", "").split(".")
    for known in SETTINGS:
        parts = known.replace("[]", "").split(".")
        if len(parts) == len(wanted) and all(
            theirs in ("NAME", "KEY") or ours in (theirs, "*") for theirs, ours in zip(parts, wanted, strict=True)
        ):
            return True
    return False


def test_every_setting_exists() -> None:
    named = [(place, text) for place, text in WORDS if is_setting(text)]
    assert len(named) > 250
    assert [f"{place}: {text}" for place, text in named if not exists(text)] == []


@pytest.mark.parametrize("text", ["service.nme", "ingest.storm.size", "server.listen.port", "channels.NAME.nothing"])
def test_a_setting_that_does_not_exist_is_found(text: str) -> None:
    assert is_setting(text)
    assert not exists(text)


def test_every_variable_exists() -> None:
    named = {(place, name) for place, text in WORDS for name in re.findall(r"\bRECEIVER_[A-Z_]+", text)}
    assert [f"{place}: {name}" for place, name in sorted(named) if name not in SOURCE] == []


def test_every_file_exists() -> None:
    for place, text in WORDS:
        if re.fullmatch(r"(receiver|config|deploy|docs|tests|bench|reference)/[\w./-]*", text):
            assert (ROOT / text).exists(), f"{place}: {text}"


def shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path.partition("?")[0])


def test_every_path_exists() -> None:
    known = {
        f"{method.upper()} {shape(path)}" for path, methods in document_offered()["paths"].items() for method in methods
    }
    routes = "\n".join(file.read_text("utf-8") for file in (ROOT / "receiver" / "web").glob("*.py"))
    for place, text in WORDS:
        if not re.match(r"(GET|POST|PUT|PATCH|DELETE) /", text):
            continue
        method, path = text.split(" ")[:2]
        written = f'"{path}"' in routes or ('"/slack/{name}"' in routes and path.startswith("/slack/"))
        assert f"{method} {shape(path)}" in known or written, f"{place}: {text}"
