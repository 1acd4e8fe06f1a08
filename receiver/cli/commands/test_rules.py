"""`receiver test-rules`: unit tests of severity rules, and of the pages that a configuration sends."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from receiver.config import Config
    from receiver.incident.paging.policy import Policy
    from receiver.model.incident.event import Event
    from receiver.model.incident.incident import Incident
    from receiver.triage.rules.rule_set import RuleSet
    from receiver.triage.rules.rule_tests import Case, CaseResult, Planned, Planning

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""The time of a case without one: a Monday, within the usual business hours."""


class Report(StrEnum):
    """The format of the results."""

    TEXT = "text"
    JSON = "json"


def test_rules(
    files: Annotated[list[Path], typer.Argument(metavar="F...", help="Rule test files.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="Configuration for pages; default: the file's own `config:`.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="OUT.xml", help="Output file for JUnit XML.")] = None,
    coverage: Annotated[
        float,
        typer.Option("--min-coverage", metavar="PCT", help="Fail if fewer than this percentage of rules have a test."),
    ] = 0.0,
    form: Annotated[Report, typer.Option("--format", help="text or json.")] = Report.TEXT,
) -> None:
    """Run unit tests for severity rules: print a diff for each failure, and list the rules without a test."""
    from receiver.config import check_files
    from receiver.triage.rules.rule_tests import untested

    problems, _ = check_files(files, os.environ)
    if problems:
        _stop([str(problem) for problem in problems])
    reports: list[dict[str, Any]] = []
    suites: list[tuple[str, list[CaseResult]]] = []
    low = False
    for file in files:
        rules, results = _results(file, config)
        missing = untested(results, rules)
        share = 100 * (1 - len(missing) / len(rules.names))
        low = low or share < coverage
        suites.append((str(file), results))
        reports.append(_report(file, results, missing, share))
        if form is Report.TEXT:
            _print_results(results, missing, share)
    every = [result for _, results in suites for result in results]
    passed = sum(result.passed for result in every)
    if junit is not None:
        junit.write_bytes(_junit(suites))
    if form is Report.JSON:
        typer.echo(json.dumps({"files": reports, "passed": passed, "total": len(every)}, ensure_ascii=False))
    else:
        typer.echo(f"{passed} of {len(every)} passed")
    raise typer.Exit(1 if passed < len(every) or low else 0)


def _print_results(results: list[CaseResult], missing: list[str], share: float) -> None:
    for result in results:
        typer.echo(result.report)
    typer.echo(f"{share:.0f}% of rules have a test" + (f"; none: {', '.join(missing)}" if missing else ""))


def _stop(lines: list[str]) -> NoReturn:
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(1)


def _results(file: Path, config: Path | None) -> tuple[RuleSet, list[CaseResult]]:
    from receiver.config import ConfigError

    try:
        return _run(file, config)
    except ConfigError as error:
        _stop([str(problem) for problem in error.problems])
    except LookupError as error:
        _stop([f"{file}: {error.args[0]}"])


def _run(file: Path, config: Path | None) -> tuple[RuleSet, list[CaseResult]]:
    from receiver.config import load
    from receiver.config.yaml.yaml_document import read
    from receiver.triage.rules.rule_set import RuleSet
    from receiver.triage.rules.rule_tests import run
    from receiver.triage.rules.rules_file import RulesSettings

    # The configuration's own reader, so that a label that is written `no` stays text.
    document = read(file.read_text("utf-8"), str(file)).value
    if not isinstance(document, dict) or "tests" not in document:
        _stop([f"{file}: no rule tests (expected a file with `rules` and `tests`)"])
    beside = file.parent / str(document.get("rules"))
    settings = RulesSettings.model_validate(read(beside.read_text("utf-8"), str(beside)).value)
    named = config or (file.parent / str(document["config"]) if document.get("config") else None)
    planning = None
    if named is not None:
        loaded = load(named, os.environ)
        planning = _planning(loaded.model_copy(update={"rules": settings}))
    rules = RuleSet(settings)
    return rules, run(document, rules, planning)


def _planning(config: Config) -> Planning:
    from receiver.active_config_builder import build_active_config, make_channels
    from receiver.channels.base import Http
    from receiver.incident.alerts.notification_decision import on_notification
    from receiver.incident.log.notification_outcome import KeyState
    from receiver.model.alert.alert import AlertStatus, Notification
    from receiver.pipeline.intake.notification_parts import judged
    from receiver.triage.rules.rule_tests import Planned, fired

    setting = build_active_config(config, make_channels(config, Http()))

    def plan(case: Case) -> Planned:
        now = (case.at or NOON).astimezone(UTC) if (case.at or NOON).tzinfo else (case.at or NOON).replace(tzinfo=UTC)
        alerts = tuple(alert.model_copy(update={"starts_at": now}) for alert in fired(case))
        if not alerts:
            return Planned((), (), "none")
        notification = Notification(
            version="4", group_key="test", receiver="test", status=AlertStatus.FIRING, alerts=alerts
        )
        parts = judged(notification, setting)
        policy = replace(setting.policy, storm=None)
        opened = [on_notification(part, KeyState("", None, {}, {}, {}), policy, "test", now) for part in parts]
        known = [verdict for verdict in opened if verdict.incident is not None]
        if not known:
            return Planned((), (), "none")
        first = min(known, key=lambda verdict: verdict.incident.severity.rank if verdict.incident else 9)
        assert first.incident is not None  # noqa: S101  (decisions without an incident were left out)
        return _planned(first.incident, tuple(first.events), policy)

    return plan


def _planned(incident: Incident, events: tuple[Event, ...], policy: Policy) -> Planned:
    from receiver.incident.whatif.escalation_forecast import forecast
    from receiver.model.incident.policy_snapshot import ContactMethod
    from receiver.triage.rules.rule_tests import Planned

    calls = forecast(incident, events, policy)
    called = policy.called(incident)
    shown = called.publish is not None and (
        called.publish_when is None or policy.visible(incident.labels, incident.decision.scope) is True
    )
    return Planned(
        tuple((call.minute, call.contact, call.person) for call in calls if call.way is ContactMethod.PAGE),
        tuple(call.person for call in calls if call.way is ContactMethod.NOTIFY and call.minute == 0),
        str(called.publish) if shown else "none",
    )


def _report(file: Path, results: list[CaseResult], missing: list[str], share: float) -> dict[str, Any]:
    return {
        "file": str(file),
        "cases": [
            {"name": result.name, "passed": result.passed, "differences": list(result.differences)}
            for result in results
        ],
        "coverage": round(share, 1),
        "untested": missing,
    }


def _junit(suites: list[tuple[str, list[CaseResult]]]) -> bytes:
    from xml.etree import ElementTree

    top = ElementTree.Element("testsuites")
    for name, results in suites:
        failed = sum(not result.passed for result in results)
        suite = ElementTree.SubElement(
            top, "testsuite", name=_printable(name), tests=str(len(results)), failures=str(failed)
        )
        for result in results:
            case = ElementTree.SubElement(suite, "testcase", classname=_printable(name), name=_printable(result.name))
            if not result.passed:
                words = _printable("\n".join(result.differences))
                failure = ElementTree.SubElement(case, "failure", message=words.split("\n", 1)[0])
                failure.text = words
    written: bytes = ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)
    return written


def _printable(text: str) -> str:
    # XML has no way to write control characters.
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
