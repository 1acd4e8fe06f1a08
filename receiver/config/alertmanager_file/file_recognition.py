"""Recognizes Alertmanager's files, and files that are often mistaken for them."""

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
"""Top-level keys of files of Alertmanager and Prometheus and of the objects that contain them; none is our section."""
_RULES = frozenset({"groups", "namespaces"})
_TESTS = frozenset({"rule_files", "evaluation_interval", "group_eval_order"})
_PROMETHEUS = frozenset({"scrape_configs", "rule_files", "alerting"})


class Foreign(StrEnum):
    """The kind of a file that is not ours."""

    ALERTMANAGER = "alertmanager"
    RULES = "rules"


def recognized(text: str, file: str, value: Any, ours: Collection[str]) -> Foreign | None:
    """Return the kind of the file with `text`; None if it counts as ours, which has one of the keys `ours`.

    `value` is its top level as read for our own files; other files may be larger, or have syntax that ours may not.

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
    # It may be inside an unknown object, such as the values of another chart.
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
