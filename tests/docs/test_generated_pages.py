"""Generated pages are up to date, and everything on them has a description."""

from __future__ import annotations

import re

import pytest

from receiver.channels import discover
from receiver.metrics import Metrics
from receiver.web.openapi_document import document_offered
from reference.channels import BEGIN, END, row
from reference.pages import DOCS, FOLDER, PAGES, TABLES
from reference.settings import names


@pytest.mark.parametrize("name", PAGES)
def test_it_is_fresh(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), "outdated: run `make docs`"


@pytest.mark.parametrize("name", TABLES)
def test_its_table_is_fresh(name: str) -> None:
    text = (DOCS / name).read_text("utf-8")
    assert TABLES[name](text) == text, "outdated: run `make docs`"


def test_the_table_of_channels_says_what_the_classes_can_do() -> None:
    kinds = discover()
    assert row("pagerduty", kinds["pagerduty"]) == ("[pagerduty](#pagerduty)", "yes", "yes", "yes", "-", "yes")
    assert row("log", kinds["log"])[1] == "-", "a log pages no one"
    for kind, channel in kinds.items():
        assert channel.idempotent or not (channel.looks_up or (channel.keyed and channel.wakes)), kind
    with pytest.raises(ValueError, match="generated"):
        TABLES["channels.md"](f"{BEGIN} without {END[1:]}")


def test_no_other_page_lies_there() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(PAGES)


def test_every_setting_says_what_it_is() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", PAGES["configuration.md"](), re.MULTILINE)
    assert len(rows) > 200
    assert [setting for setting, rest in rows if not rest.rpartition("|")[2].strip()] == []


def test_every_setting_is_there() -> None:
    assert {
        "incidents.customer_visible.scopes", "schedules.NAME.layers[].name", "people.NAME.KEY", "server.max_body",
        "channels.NAME.incident_channels.prefix", "links.github.repositories", "rules[].unless",
    } <= names()  # fmt: skip


def test_every_operation_and_every_field_of_a_body_is_there() -> None:
    page, document = PAGES["http-api.md"](), document_offered()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"### `{method.upper()} {path}`\n" in page
    assert not re.findall(r"^\| `(\w+)` \|[^|]*\| (?:required)? ?\|  \|$", page, re.MULTILINE), "no description"


def test_every_metric_says_what_it_counts() -> None:
    page = PAGES["metrics.md"]()
    for metric in Metrics().registry.collect():
        assert metric.documentation
        assert re.search(rf"^\| `{metric.name}(_total|_info)?` \|", page, re.MULTILINE)
