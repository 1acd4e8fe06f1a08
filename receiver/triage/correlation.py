"""Decides which incident an alert belongs to, and whether a notification has anything new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence

from receiver.model.alert.alert import Alert, Notification
from receiver.model.base import to_ms

GROUP = "group"
"""In `incidents.correlate_by`: Alertmanager's group instead of a label of that name."""
FAMILY_DIGITS = 16
"""Hexadecimal digits of a correlation key that are the same for every team."""
_compact = json.JSONEncoder(separators=(",", ":")).encode
"""`json.dumps` creates an encoder for each call with separators."""


def correlation_key(notification: Notification, alert: Alert, by: Sequence[str]) -> str:
    """Return the key of the incident that `alert` belongs to: 32 hex digits of a SHA-256.

    `by` is `incidents.correlate_by`: `group` means the receiver and the group labels (or, if there are none, the
    groupKey, which also contains the route's matchers and changes when routing is edited); every other word is a
    label of the alert, which counts as "" if it is absent. The order of `by` does not matter.
    """
    names = sorted(set(by))
    return _hashed(_group(notification) if GROUP in names else None, _labels(alert, names))


def split_by_key(
    notification: Notification, by: Sequence[str], alerts: Sequence[Alert] | None = None
) -> dict[str, list[Alert]]:
    """Return the alerts of a notification, including resolved ones, by correlation key; both in its order.

    `alerts`: the alerts to include; None: all.
    """
    alerts = notification.alerts if alerts is None else alerts
    names = sorted(set(by))
    group = _group(notification) if GROUP in names else None
    if names == [GROUP] and alerts:
        return {_hashed(group, ()): list(alerts)}  # no label of an alert counts
    keys: dict[tuple[tuple[str, str], ...], str] = {}
    parts: dict[str, list[Alert]] = {}
    for alert in alerts:
        labels = _labels(alert, names)
        key = keys.get(labels)
        if key is None:
            key = keys[labels] = _hashed(group, labels)
        parts.setdefault(key, []).append(alert)
    return parts


def team_key(key: str, team: str) -> str:
    """Return the correlation key of the alerts of `key` that `team` owns; for the top level ("") it is `key`.

    The first half is that of `key`, so that keys of the same group can be recognized (`family`).
    """
    if not team:
        return key
    half = FAMILY_DIGITS
    return key[:half] + hashlib.sha256(_compact([key, team]).encode()).hexdigest()[: len(key) - half]


def family(key: str) -> str:
    """Return the common part of the correlation keys of one group, for all teams."""
    return key[:FAMILY_DIGITS]


def _group(notification: Notification) -> list[object]:
    if notification.group_labels:
        return [notification.receiver, "labels", sorted(notification.group_labels.items())]
    return [notification.receiver, "key", notification.group_key]


def _labels(alert: Alert, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple([(name, alert.labels.get(name, "")) for name in names if name != GROUP])


def _hashed(group: list[object] | None, labels: tuple[tuple[str, str], ...]) -> str:
    # JSON separates the parts: no value can extend into the next one.
    return hashlib.sha256(_compact([group, labels]).encode()).hexdigest()[:32]


def digest(
    alerts: Iterable[Alert], *, truncated: bool, rules_hash: str, values: Callable[[Alert], tuple[str, ...]]
) -> str:
    """Return the digest of a notification (64 hex digits): equal digests decide the same, so the second is a duplicate.

    Args:
        alerts: all alerts of the notification, in any order.
        truncated: whether Alertmanager left some out.
        rules_hash: `RuleSet.hash`: with other rules, the decision is made again.
        values: `RuleSet.values_read`.

    It covers fingerprint, status, startsAt (to the millisecond) and the values that the rules read; neither endsAt,
    which moves with every evaluation, nor externalURL and other annotations, in which two peers differ.
    """
    lines = []
    known: dict[tuple[str, ...], str] = {}  # alerts of a group mostly have the same values
    for alert in alerts:
        texts = values(alert)
        read = known.get(texts)
        if read is None:
            # Each value is preceded by its length, so that no text can look like the next alert.
            read = known[texts] = "".join([f"{len(text)}:{text}" for text in texts])
        lines.append(f"{alert.fingerprint}{'+' if alert.firing else '-'}{to_ms(alert.starts_at)};{read}")
    lines.sort()
    head = f"{rules_hash};{int(truncated)};{len(lines)};"
    return hashlib.sha256((head + "\n".join(lines)).encode("utf-8", "surrogatepass")).hexdigest()
