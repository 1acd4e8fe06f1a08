"""The alert rules of a Prometheus rules file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from receiver.config.alertmanager_file import nested_documents
from receiver.config.alertmanager_file.upstream_yaml import parse_all
from receiver.config.config_errors import ConfigError, Path, Problem
from receiver.config.yaml.yaml_document import Document


@dataclass(frozen=True)
class AlertRule:
    """One alert rule; its labels and annotations may contain Prometheus templates."""

    name: str
    group: str
    line: int
    labels: Mapping[str, str]
    """Its own labels and those of its group; its own take precedence."""
    annotations: Mapping[str, str]


@dataclass
class _Found:
    rules: list[AlertRule] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def alert_rules(text: str, file: str) -> tuple[list[AlertRule], list[Problem]]:
    """Return the alert rules in `text`, in order and without recording rules, and warnings about the file.

    The text may be a rules file, or have the rules in objects of kind PrometheusRule, in a ConfigMap, in the values of
    a Helm chart, or in the output of Mimir's API and tools. Raises ConfigError with every invalid place.
    """
    documents = parse_all(text, file)
    first, notes = documents[0], list[Problem]()
    found = _Found()
    if any(isinstance(one.value, dict) and {"namespace", "groups"} <= one.value.keys() for one in documents):
        # The tools of Mimir and Loki read every document; each one is a namespace.
        for document in documents:
            _groups(document, ("groups",), found)
    elif _is_file(first.value):
        more = [one for one in documents[1:] if one.value is not None]
        if more:
            said = "Prometheus reads only the first document; everything after this line is ignored"
            line, column = more[0].begins
            notes.append(Problem(file, line, column, "", said, "write the groups of all into one list"))
        _groups(first, ("groups",), found)
    else:
        parts = nested_documents.parts(documents, _has_groups, "groups")
        if not parts and not _of_namespaces(documents, found):
            raise ConfigError([_missing(documents)])
        for part in parts:
            _groups(part, ("groups",), found)
    if found.problems:
        raise ConfigError(found.problems)
    return found.rules, notes


def _is_file(value: Any) -> bool:
    """Return whether Prometheus accepts a document as a rules file, perhaps one without rules."""
    return value is None or value == {} or (isinstance(value, dict) and "groups" in value and "namespaces" not in value)


def _has_groups(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("groups"), list):
        return isinstance(value, dict) and value.get("groups", 0) is None and len(value) == 1
    return _are_groups(value["groups"])


def _are_groups(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and ("rules" in one or "name" in one) for one in value)


def _of_namespaces(documents: list[Document], found: _Found) -> bool:
    """Read a response of Mimir's API, which has lists of groups by namespace; return whether it is one."""
    value = documents[0].value
    if not isinstance(value, dict) or not all(_are_groups(groups) for groups in value.values()):
        return False
    if not any(value.values()):
        return False
    for name in value:
        _groups(documents[0], (name,), found)
    return True


def _missing(documents: list[Document]) -> Problem:
    hidden = nested_documents.unreadable(documents, "rules file")
    document = next((one for one in documents if one.value is not None), documents[0])
    if hidden is not None:
        document, path, said, hint = hidden
        return document.problem(path, said, hint)
    value = document.value
    if isinstance(value, dict) and "scrape_configs" in value:
        hint = "this is a prometheus.yml; its rules are in the files listed under rule_files"
        return document.problem((), "not a Prometheus rules file", hint)
    hint = "write groups:, each with rules:; from a larger file, extract that part"
    return document.problem((), "not a Prometheus rules file", hint)


def _groups(document: Document, path: Path, found: _Found) -> None:
    groups = document.value.get(path[0]) if isinstance(document.value, dict) else None
    if groups is not None and not isinstance(groups, list):
        found.problems.append(document.problem(path, "not a list of groups", "write - name: and rules: for each"))
        return
    for at, group in enumerate(groups or ()):
        place = (*path, at)
        if group is None:
            continue
        rules = group.get("rules") if isinstance(group, dict) else group
        if not isinstance(group, dict) or not isinstance(rules, list | None):
            found.problems.append(document.problem(place, "the group has no rules", "write rules: with a list"))
            continue
        shared = _texts(group, "labels", place, document, found)
        for index, rule in enumerate(rules or ()):
            if rule is not None and not _records(rule):
                _rule(rule, str(group.get("name") or ""), shared or {}, (*place, "rules", index), document, found)


def _records(rule: Any) -> bool:
    return isinstance(rule, dict) and bool(rule.get("record") or rule.get("type") == "recording")


def _name(rule: Any) -> str | None:
    """Return the name of an alert rule; the API of Prometheus and Mimir uses another key than files."""
    if not isinstance(rule, dict):
        return None
    name = rule.get("name") if rule.get("type") == "alerting" else rule.get("alert")
    return name if isinstance(name, str) and name else None


def _rule(rule: Any, group: str, shared: Mapping[str, str], path: Path, document: Document, found: _Found) -> None:
    name = _name(rule)
    if name is None:
        said, hint = "neither an alert nor a recording rule", "write alert: and a name"
        if isinstance(rule, dict) and "title" in rule and "data" in rule:
            said, hint = "a Grafana Alerting rule, which this command does not read", "check Prometheus or Mimir rules"
        found.problems.append(document.problem(path, said, hint))
        return
    labels = _texts(rule, "labels", path, document, found)
    annotations = _texts(rule, "annotations", path, document, found)
    if labels is not None and annotations is not None:
        line = document.marks[path].line if path in document.marks else 0
        found.rules.append(AlertRule(name, group, line, {**shared, **labels}, annotations))


def _texts(owner: dict[str, Any], part: str, path: Path, document: Document, found: _Found) -> dict[str, str] | None:
    value = owner.get(part) or {}
    if not isinstance(value, dict) or not all(isinstance(item, str | None) for item in value.values()):
        found.problems.append(
            document.problem((*path, part), f"{part} must be a mapping of names to text", "write name: text")
        )
        return None
    return {name: item or "" for name, item in value.items()}
