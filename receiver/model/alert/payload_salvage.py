"""Reads the valid part of a notification in which some alerts break a rule or a limit.

Alertmanager never retries after a 4xx, so one bad alert must not cause the others to be lost.
"""

from __future__ import annotations

from typing import Any

STATUSES = ("firing", "resolved")
FIRST = ("alertname", "severity", "service", "namespace")
"""Maximum number of stored labels of an alert."""
LONGEST_NAME = 1024
TEXTS = ("generatorURL", "fingerprint")
GROUPS = ("groupLabels", "commonLabels", "commonAnnotations")
KNOWN = ("version", "groupKey", "receiver", "status", "externalURL", "truncatedAlerts", *GROUPS)
"""Fields of a notification in addition to its alerts; other fields are ignored."""
KNOWN_OF_ALERT = ("startsAt", "endsAt", *TEXTS)
TOLD = 20
"""Maximum number of cut or rejected parts that are listed one by one."""


def salvage(body: dict[str, Any], most_labels: int, most_alerts: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the readable part of `body`, and a description of each cut or rejected part, with its position."""
    said: list[str] = []
    kept = []
    given = body.get("alerts")
    alerts = given if isinstance(given, list) else []
    for place, alert in enumerate(alerts[:most_alerts]):
        read = _alert(alert, f"alerts.{place}", most_labels, said)
        if read is not None:
            kept.append(read)
    rest = {name: body[name] for name in KNOWN if name in body}
    if alerts[most_alerts:]:
        said.append(f"alerts: {len(alerts) - most_alerts} beyond {most_alerts} are left out")
        before = body.get("truncatedAlerts")
        rest["truncatedAlerts"] = (before if isinstance(before, int) else 0) + len(alerts) - most_alerts
    _name(rest, said)
    if not isinstance(rest.get("status", ""), str):
        # It adds nothing to the status of the alerts. Alertmanager has no other value.
        said.append("status: not text, taken from the alerts")
        rest["status"] = "firing" if any(one["status"] == "firing" for one in kept) else "resolved"
    for name in GROUPS:
        if name in body:
            rest[name] = _texts(body[name], name, most_labels, said) or {}
    if not isinstance(body.get("externalURL", ""), str):
        said.append("externalURL: not text, dropped")
        rest.pop("externalURL")
    truncated = rest.get("truncatedAlerts", 0)
    if not isinstance(truncated, int) or truncated < 0:
        said.append("truncatedAlerts: not a count, dropped")
        rest.pop("truncatedAlerts")
    more = [f"and {len(said) - TOLD} more"] if len(said) > TOLD else []
    return rest | {"alerts": kept}, (*said[:TOLD], *more)


def _name(body: dict[str, Any], said: list[str]) -> None:
    """Read the name of the group; a number becomes text. A receiver is only a name, while a group key is required."""
    for name in ("groupKey", "receiver"):
        value = body.get(name, "")
        if isinstance(value, bool | int | float):
            body[name] = str(value)
            said.append(f"{name}: not text, converted to text")
        elif name == "receiver" and not isinstance(value, str):
            body[name] = ""
            said.append(f"{name}: not text, dropped")


def _alert(alert: Any, place: str, most: int, said: list[str]) -> dict[str, Any] | None:
    if not isinstance(alert, dict):
        said.append(f"{place}: not an object, left out")
        return None
    labels = _texts(alert.get("labels"), f"{place}.labels", most, said)
    status = str(alert.get("status")).strip().lower()
    if labels is None or status not in STATUSES:
        said.append(f"{place}: without {'labels' if labels is None else 'a status'} that can be read, left out")
        return None
    read = {name: alert[name] for name in KNOWN_OF_ALERT if name in alert} | {"labels": labels, "status": status}
    read["annotations"] = _texts(alert.get("annotations", {}), f"{place}.annotations", most, said) or {}
    for name in TEXTS:
        if not isinstance(alert.get(name, ""), str):
            said.append(f"{place}.{name}: not text, dropped")
            read.pop(name)
    return read


def _texts(value: Any, place: str, most: int, said: list[str]) -> dict[str, str] | None:
    """Return the texts by name in `value`; None if it has none. A number becomes text, and null is dropped."""
    if not isinstance(value, dict):
        return None
    found: dict[str, str] = {}
    for name in sorted(value, key=lambda name: (name not in FIRST, name)):
        text = value[name]
        if isinstance(text, bool | int | float):
            text = str(text).lower() if isinstance(text, bool) else str(text)
        if not isinstance(text, str) or len(name) > LONGEST_NAME or len(found) == most:
            why = "null" if text is None else "not text" if not isinstance(text, str) else "too much"
            said.append(f"{place}.{name[:60]}: {why}, dropped")
        else:
            found[name] = text
    return found
