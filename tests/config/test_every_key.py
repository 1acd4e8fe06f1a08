"""Every key of the reference's files, misspelled, with a wrong type, or out of range, is reported at its position."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

import pytest

from receiver.channels import discover
from receiver.config.config_errors import Path, Problem, dotted
from receiver.config.loader.config_loader import reading_of
from receiver.config.loader.rules_loader import read_rules
from receiver.config.loader.validation import validate
from receiver.config.settings import settings_fields
from receiver.config.settings.whole_config import Sections
from receiver.config.yaml.yaml_document import Document, Mark, read
from receiver.triage.rules.rule_tests import RuleTests
from receiver.triage.rules.rules_file import RulesSettings
from tests.config.sample import ENV, HOME

APART = 14
"""Neighbours are spoilt in different readings: one mistake may hide its siblings (`kind`), never other entries."""


def _config(text: str) -> list[Problem]:
    return reading_of(text, "f", ENV, HOME).mistakes


def _rules(text: str) -> list[Problem]:
    return read_rules(text, "f")[1]


def _tests(text: str) -> list[Problem]:
    document = read(text, "f")
    return document.problems or validate(RuleTests, document.value, document)[1]


@dataclass(frozen=True)
class File:
    name: str
    problems: Callable[[str], list[Problem]]
    model: Any
    chosen: re.Pattern[str]
    """Keys that the user chooses: misspelt, they are other names."""

    @property
    def text(self) -> str:
        return (HOME / self.name).read_text()


FILES = [
    File(
        "receiver.yaml", _config, Sections,
        re.compile(
            r"(escalations|contacts|people|schedules|channels)\.[^.]+"
            r"|channels\.status\.components\..+|links\.github\.repositories\..+"
        ),
    ),
    File("severity-rules.yaml", _rules, RulesSettings, re.compile(r"measurements\.[^.]+|otherwise\.map\..+")),
    File("severity-rules.test.yaml", _tests, RuleTests, re.compile(r"tests\[\d+\]\.alerts\[\d+\]\.\w+\..+")),
]  # fmt: skip


def kinds_of(file: File, document: Document, path: Path) -> list[Any]:
    """Return the types that may stand at `path`."""
    found: list[Any] = [file.model]
    if path[:1] == ("channels",) and len(path) > 2:
        found, path = [discover()[document.value["channels"][path[1]]["kind"]].Settings], path[2:]
    for part in path:
        found = [inner for outer in found for inner in settings_fields.below(outer, part)]
    return [kind for outer in found for kind in settings_fields.kinds(outer)]


@dataclass(frozen=True)
class Spoilt:
    """One place of a file, and what is written there instead."""

    path: Path
    begins: tuple[int, int]
    ends: tuple[int, int]
    instead: str


Spoil = Callable[[File, Document, Path, Mark], Iterable[Spoilt]]


def misspelt(file: File, document: Document, path: Path, mark: Mark) -> Iterator[Spoilt]:
    if mark.key and not file.chosen.fullmatch(dotted(path)):
        begins = (mark.key_line, mark.key_column)
        yield Spoilt(path, begins, (mark.key_line, mark.key_column + len(mark.key)), mark.key + "q")


def of_a_wrong_type(file: File, document: Document, path: Path, mark: Mark) -> Iterator[Spoilt]:
    collection = isinstance(_value(document, path), dict | list)
    yield Spoilt(path, (mark.line, mark.column), mark.end, "7" if collection else "[[1]]")


RANGES: dict[Any, str] = {
    timedelta: "40000d", time: "'24:00'", date: "1066-10-14", int: "-1", float: "1e999", str: "'¿nonsense?'",
}  # fmt: skip
"""What lies outside of every range that a value of a type has; a word stands for none of those that are known."""
FREE = re.compile(
    r"service\.(support_email|environment)|redis\.data_dir|auth\.tokens\[\d\]\.(name|token)"
    r"|incidents\.customer_visible\.label|severities\.SEV-\d\.title|people\.[\w-]+\.(name|slack|pager|email)"
    r"|incidents\.correlate_by\[0\]|channels\.\w+\.(webhook_secret|api_token|bot_token|signing_secret|channel|page_id"
    r"|api_key|project|issue_type|user|token|space|from|secret)|channels\.chat\.incident_channels\.prefix"
    r"|channels\.status\.components\.\w+|status_page\.title|status_page\.components\[\d\]\.(id|name)"
    r"|links\.(grafana|loki)\.datasource|links\.loki\.query|links\.jaeger\.service|links\.sentry\.(organization|project)"
    r"|links\.github\.(token|repositories\.\w+)|service\.name|objectives\[0\]\.name|maintenance\[0\]\.name"
    r"|verification\.checks\[\d\]\.(name|promql)"
    r"|rules|scope\.(order|everyone)\[\d\]|scope\.tenant_label|rules\[\d+\]\.name|otherwise\.label"
    r"|tests\[\d+\]\.(name|alerts\[\d+\]\.(labels|annotations)\..*|expect\.(rule|capped_by|scope))"
)
"""Texts that may be anything, as far as this file alone can say; most of them may not be empty."""


def out_of_range(file: File, document: Document, path: Path, mark: Mark) -> Iterator[Spoilt]:
    if isinstance(_value(document, path), dict | list):
        return
    kinds = [kind for kind in kinds_of(file, document, path) if kind not in (type(None), bool)]
    if not kinds or (FREE.fullmatch(dotted(path)) and not _never_empty(file, document, path)):
        return
    instead = next((RANGES[kind] for kind in kinds if kind in RANGES and kind is not str), RANGES[str])
    instead = "''" if FREE.fullmatch(dotted(path)) else instead
    yield Spoilt(path, (mark.line, mark.column), mark.end, instead)


def _never_empty(file: File, document: Document, path: Path) -> bool:
    for model in settings_fields.models(next(iter(kinds_of(file, document, path[:-1])), None)):
        for name, field in model.model_fields.items():
            if path[-1] in (name, field.alias):
                return any(getattr(item, "min_length", 0) for item in field.metadata)
    return False


def _value(document: Document, path: Path) -> Any:
    value = document.value
    for part in path:
        value = value[part]
    return value


def batches(spoil: Spoil) -> list[Any]:
    found = []
    for file in FILES:
        document, by_depth = read(file.text, "f"), dict[int, list[Spoilt]]()
        for path, mark in document.marks.items():
            if path:
                by_depth.setdefault(len(path), []).extend(spoil(file, document, path, mark))
        for depth, all_of_depth in by_depth.items():
            for start in range(APART):
                if all_of_depth[start::APART]:
                    found.append(pytest.param(file, all_of_depth[start::APART], id=f"{file.name}-{depth}-{start}"))
    return found


def written(text: str, spoilt: list[Spoilt]) -> tuple[str, dict[tuple[int, int], Spoilt]]:
    """Return the text with all of `spoilt` in it, and where each stands then; no line moves up or down."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    out, at, places = "", 0, dict[tuple[int, int], Spoilt]()
    for one in sorted(spoilt, key=lambda one: one.begins):
        begin = starts[one.begins[0] - 1] + one.begins[1] - 1
        end = starts[one.ends[0] - 1] + one.ends[1] - 1
        out += text[at:begin]
        places[one.begins[0], len(out) - out.rfind("\n")] = one
        down = one.ends[0] - one.begins[0]
        out += one.instead + ("\n" * down + " " * (one.ends[1] - 1) if down else "")
        at = end
    return out + text[at:], places


def check(file: File, spoilt: list[Spoilt], hint: Callable[[Spoilt, Problem], bool]) -> None:
    text, places = written(file.text, spoilt)
    told: dict[tuple[int, int], list[Problem]] = {}
    for problem in file.problems(text):
        told.setdefault((problem.line, problem.column), []).append(problem)
    for place, one in places.items():
        assert place in told, f"{dotted(one.path)} at {place}: {sorted(told)}"
        assert any(hint(one, problem) for problem in told[place]), f"{dotted(one.path)}: {told[place]}"


@pytest.mark.parametrize(("file", "spoilt"), batches(misspelt))
def test_a_misspelt_key(file: File, spoilt: list[Spoilt]) -> None:
    check(file, spoilt, lambda one, problem: one.instead[:-1] in problem.hint)


@pytest.mark.parametrize(("file", "spoilt"), batches(of_a_wrong_type))
def test_a_value_of_a_wrong_type(file: File, spoilt: list[Spoilt]) -> None:
    check(file, spoilt, lambda one, problem: problem.path == dotted(one.path))


@pytest.mark.parametrize(("file", "spoilt"), batches(out_of_range))
def test_a_value_out_of_range(file: File, spoilt: list[Spoilt]) -> None:
    check(file, spoilt, lambda one, problem: problem.path == dotted(one.path))


def test_the_generator_reaches_every_key() -> None:
    spoilt = {
        spoil.__name__: [one for batch in batches(spoil) for one in batch.values[1]]
        for spoil in (misspelt, of_a_wrong_type, out_of_range)
    }
    assert {name: len(found) > low for (name, found), low in zip(spoilt.items(), (400, 700, 250), strict=True)} == {
        "misspelt": True, "of_a_wrong_type": True, "out_of_range": True,
    }, {name: len(found) for name, found in spoilt.items()}  # fmt: skip
