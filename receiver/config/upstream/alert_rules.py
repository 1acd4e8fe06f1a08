"""The alert rules of a Prometheus rules file, as far as the file alone tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from receiver.config.document import Document
from receiver.config.problems import ConfigError, Path, Problem
from receiver.config.upstream.tree import parse


@dataclass(frozen=True)
class AlertRule:
    """One alert rule; its labels and annotations may hold templates of Prometheus."""

    name: str
    group: str
    line: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def alert_rules(text: str, file: str) -> list[AlertRule]:
    """Return the alert rules in `text`, in its order; recording rules are left out.

    Raises ConfigError with every place that no rules file of Prometheus may have.
    """
    document = parse(text, file)
    found: list[AlertRule] = []
    problems: list[Problem] = []
    top = document.value if isinstance(document.value, dict) else {}
    groups = top.get("groups")
    if not isinstance(groups, list):
        raise ConfigError([document.problem((), "no rules file of Prometheus", "it has groups:, each with rules:")])
    for at, group in enumerate(groups):
        rules = group.get("rules") if isinstance(group, dict) else None
        if not isinstance(rules, list):
            problems.append(document.problem(("groups", at), "a group without rules", "write rules: and a list"))
            continue
        name = str(group.get("name") or "")
        for place, rule in enumerate(rules):
            path: Path = ("groups", at, "rules", place)
            if isinstance(rule, dict) and "record" in rule:
                continue
            made = _rule(rule, name, path, document, problems)
            if made is not None:
                found.append(made)
    if problems:
        raise ConfigError(problems)
    return found


def _rule(rule: Any, group: str, path: Path, document: Document, problems: list[Problem]) -> AlertRule | None:
    if not isinstance(rule, dict) or not isinstance(rule.get("alert"), str) or not rule["alert"]:
        problems.append(document.problem(path, "neither an alert nor a recording rule", "write alert: and a name"))
        return None
    texts: dict[str, dict[str, str]] = {}
    for part in ("labels", "annotations"):
        value = rule.get(part) or {}
        if not isinstance(value, dict) or not all(isinstance(item, str | None) for item in value.values()):
            problems.append(document.problem((*path, part), f"{part} that are no texts by name", "write name: text"))
            return None
        texts[part] = {name: item or "" for name, item in value.items()}
    line = document.marks[path].line if path in document.marks else 0
    return AlertRule(rule["alert"], group, line, texts["labels"], texts["annotations"])
