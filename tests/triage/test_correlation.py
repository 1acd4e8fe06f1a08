"""Correlation keys and digests: which notifications belong together, and which are equal."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.model.alert.alert import Alert, Notification
from receiver.triage.correlation import correlation_key, digest, split_by_key


def alert(fingerprint: int = 1, **more: Any) -> Alert:
    body = {"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-11-23T14:02:11.611Z"}
    return Alert.model_validate({**body, "fingerprint": f"{fingerprint:016x}", **more})


def notification(*alerts: Alert, **more: Any) -> Notification:
    body = {"version": "4", "groupKey": "{}:{a=1}", "receiver": "r", "status": "firing", "groupLabels": {"a": "1"}}
    return Notification.model_validate({**body, "alerts": alerts, **more})


def key(by: list[str], labels: dict[str, str] | None = None, **more: Any) -> str:
    return correlation_key(notification(**more), alert(labels=labels or {"alertname": "A"}), by)


def test_the_group_is_receiver_and_group_labels() -> None:
    assert key(["group"]) == key(["group"], {"other": "x"}) == key(["group"], groupKey="{}/{team=~x}:{a=1}")
    assert len(key(["group"])) == 32
    different = [
        key(["group"]),
        key(["group"], receiver="s"),
        key(["group"], groupLabels={"a": "2"}),
        key(["group"], groupLabels={"a": "1", "b": ""}),
        key(["group"], groupLabels={}),
        key(["group"], groupLabels={}, groupKey="other"),
    ]
    assert len(set(different)) == len(different)


def test_group_labels_come_in_any_order() -> None:
    assert key(["group"], groupLabels={"a": "1", "b": "2"}) == key(["group"], groupLabels={"b": "2", "a": "1"})


def test_labels_of_the_alert() -> None:
    by = ["service", "environment"]
    api = key(by, {"service": "api", "environment": "prod", "x": "1"})
    assert api == key(by[::-1], {"service": "api", "environment": "prod"}, receiver="s", groupLabels={"a": "2"})
    assert key(by, {"service": "api"}) == key(by, {"service": "api", "environment": ""})
    assert (
        len({api, key(by, {"service": "api"}), key(by, {"environment": "api"}), key(by, {}), key(["service"], {})}) == 5
    )


def test_no_value_runs_over_into_the_next() -> None:
    by = ["a", "b"]
    assert key(by, {"a": 'x","b', "b": ""}) != key(by, {"a": "x", "b": '","b'})
    assert key(["group"], groupLabels={"a": "1,b=2"}) != key(["group"], groupLabels={"a": "1", "b": "2"})


def test_group_and_labels_together() -> None:
    by = ["group", "service"]
    assert key(by, {"service": "api"}) != key(by, {"service": "db"})
    assert key(by, {"service": "api"}) != key(by, {"service": "api"}, receiver="s")


def test_splitting_keeps_order_and_resolved_alerts() -> None:
    alerts = [alert(n, labels={"service": "api" if n % 3 else "db"}) for n in range(1, 7)]
    alerts[3] = alerts[3].model_copy(update={"status": "resolved"})
    whole = notification(*alerts)
    parts = split_by_key(whole, ["service"])
    assert [[item.fingerprint[-1] for item in part] for part in parts.values()] == [["1", "2", "4", "5"], ["3", "6"]]
    assert all(correlation_key(whole, item, ["service"]) == name for name, part in parts.items() for item in part)
    assert list(split_by_key(whole, ["group"]).values()) == [alerts]
    assert split_by_key(notification(), ["group"]) == {}


def _digest(*alerts: Alert, truncated: bool = False, rules_hash: str = "r", read: str = "value") -> str:
    return digest(
        alerts, truncated=truncated, rules_hash=rules_hash, values=lambda item: (item.annotations.get(read, ""), "x")
    )


def test_what_says_the_same_has_the_same_digest() -> None:
    one, two = alert(1), alert(2)
    assert _digest(one, two) == _digest(two, one)
    moved = alert(1, endsAt="2026-11-23T15:00:00Z", annotations={"summary": "x"}, generatorURL="http://peer-2/")
    assert _digest(one, two) == _digest(moved, two)
    assert len(_digest()) == 64


@pytest.mark.parametrize(
    "other",
    [
        alert(2),
        alert(1, status="resolved"),
        alert(1, startsAt="2026-11-23T14:02:11.612Z"),
        alert(1, annotations={"value": "7"}),
        alert(1, annotations={"value": "1:x"}),
    ],
)
def test_what_differs_has_another_digest(other: Alert) -> None:
    assert _digest(other) != _digest(alert(1))


def test_the_digest_knows_truncation_rules_and_number() -> None:
    one = alert(1)
    digests = [_digest(one), _digest(one, truncated=True), _digest(one, rules_hash="s"), _digest(one, one), _digest()]
    assert len(set(digests)) == len(digests)


def test_no_text_passes_for_another_alert() -> None:
    forged = alert(1, annotations={"value": f"1:x\n{2:016x}+1795442531611;0:1:x"})
    assert _digest(forged) != _digest(alert(1, annotations={"value": "1:x"}), alert(2))
    assert _digest(alert(1, annotations={"value": "\ud800"})) != _digest(alert(1))
