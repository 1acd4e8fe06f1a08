"""Whether a file is one of Alertmanager, or one that is often taken for it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any

from receiver.config.alertmanager_file.alert_rules import alert_rules
from receiver.config.alertmanager_file.routes import read_all
from receiver.config.config_errors import ConfigError, Problem

_OURS_NEVER = frozenset(
    {
        *("route", "receivers", "inhibit_rules", "mute_time_intervals", "time_intervals"),
        *("alertmanager_config", "alertmanager", "kube-prometheus-stack", "apiVersion"),
        *("groups", "namespaces", "scrape_configs", "rule_files", "alerting"),
    }
)
"""Keys at the top of files of Alertmanager and Prometheus, and of what wraps them; none is a section of ours."""
_RULES = frozenset({"groups", "namespaces"})
_TESTS = frozenset({"rule_files", "evaluation_interval", "group_eval_order"})
_PROMETHEUS = frozenset({"scrape_configs", "rule_files", "alerting"})


class Foreign(StrEnum):
    """What a file is that is none of ours."""

    ALERTMANAGER = "alertmanager"
    RULES = "rules"


def recognized(text: str, file: str, value: Any, ours: Collection[str]) -> Foreign | None:
    """Return what the file with `text` is; None where it is taken for ours, which has one of the keys `ours`.

    `value` is the top of it, as far as our own files go: theirs may be larger, or have what ours may not.

    Raises ConfigError for a file of Prometheus that is neither.
    """
    keys = set(value) if isinstance(value, dict) else set()
    if not keys.isdisjoint(ours) or (isinstance(value, dict) and not keys):
        return None
    _refuse_others(file, keys)
    if not keys.isdisjoint(_OURS_NEVER):
        if not keys.isdisjoint(_RULES) or "Rule" in str(value.get("kind")):
            return Foreign.RULES
        # A ConfigMap or a List may hold either.
        wrapped = "apiVersion" in keys and not _reads(lambda: read_all(text, file))
        return Foreign.RULES if wrapped and _reads(lambda: alert_rules(text, file)[0]) else Foreign.ALERTMANAGER
    # Something may be around it that is not known here, such as the values of another chart.
    if _reads(lambda: alert_rules(text, file)[0]):
        return Foreign.RULES
    return Foreign.ALERTMANAGER if _reads(lambda: read_all(text, file)) else None


def _reads(read: Callable[[], object]) -> bool:
    try:
        return bool(read())
    except ConfigError:
        return False


def _refuse_others(file: str, keys: Collection[str]) -> None:
    if not _TESTS.isdisjoint(keys) and "tests" in keys:
        said, hint = "this is a Prometheus rule test file, not a file of this service", "run promtool test rules"
        raise ConfigError([Problem(file, 1, 1, "", said, hint)])
    if not _PROMETHEUS.isdisjoint(keys) and "route" not in keys:
        said, hint = (
            "this is a Prometheus configuration, not a file of this service",
            "check alertmanager.yml, which has the routes",
        )
        raise ConfigError([Problem(file, 1, 1, "", said, hint)])
