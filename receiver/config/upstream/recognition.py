"""Whether a file is one of Alertmanager, or one that is often taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from receiver.config.problems import ConfigError, Problem
from receiver.config.upstream.alert_rules import alert_rules

_OURS_NEVER = frozenset(
    {
        *("route", "receivers", "inhibit_rules", "mute_time_intervals", "time_intervals"),
        *("alertmanager_config", "alertmanager", "kube-prometheus-stack", "apiVersion"),
        *("groups", "namespaces", "scrape_configs", "rule_files", "alerting"),
    }
)
"""Keys at the top of files of Alertmanager and Prometheus, and of what wraps them; none is a section of ours."""
_PROMETHEUS = frozenset({"scrape_configs", "rule_files", "alerting"})


def is_foreign(value: Mapping[str, Any]) -> bool:
    """Return whether `value`, the top of a file, is that of a file of Alertmanager or Prometheus."""
    return not _OURS_NEVER.isdisjoint(value)


def refuse_others(text: str, file: str, value: Mapping[str, Any]) -> None:
    """Return where `value` may be a file of Alertmanager.

    Raises ConfigError for a file of alert rules or of Prometheus itself, with what to do with it.
    """
    if not _PROMETHEUS.isdisjoint(value) and "route" not in value:
        said, hint = "this is a file of Prometheus, not of this service", "check alertmanager.yml, which has the routes"
        raise ConfigError([Problem(file, 1, 1, "", said, hint)])
    if "groups" in value or "namespaces" in value or "Rule" in str(value.get("kind")):
        rules, _ = alert_rules(text, file)
        count = f"{len(rules)} alert rule{'' if len(rules) == 1 else 's'}"
        said = f"this is a file of {count} of Prometheus: nothing of it is a setting of this service"
        hint = f"to see which severity each alert gets: receiver simulate --prometheus-rules {file}"
        raise ConfigError([Problem(file, 1, 1, "", said, hint)])
