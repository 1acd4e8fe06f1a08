"""Whether a file is one of Alertmanager, or one that is often taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from receiver.config.problems import ConfigError, Problem

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


def is_of_rules(value: Mapping[str, Any]) -> bool:
    """Return whether `value`, the top of a foreign file, is that of a file of alert rules."""
    return ("groups" in value or "namespaces" in value or "Rule" in str(value.get("kind"))) and not _is_of_prometheus(
        value
    )


def refuse_others(file: str, value: Mapping[str, Any]) -> None:
    """Return where `value` may be a file of Alertmanager. Raises ConfigError for one of Prometheus itself."""
    if _is_of_prometheus(value):
        said, hint = "this is a file of Prometheus, not of this service", "check alertmanager.yml, which has the routes"
        raise ConfigError([Problem(file, 1, 1, "", said, hint)])


def _is_of_prometheus(value: Mapping[str, Any]) -> bool:
    return not _PROMETHEUS.isdisjoint(value) and "route" not in value
