"""The valid alerts of a partly invalid body are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from receiver.model.alert.alert import MAX_ALERTS, MAX_LABELS, BadNotification, parse_notification

PAYLOADS = Path(__file__).parents[2] / "samples" / "upstream" / "payloads"
GOOD: dict[str, Any] = {"status": "firing", "labels": {"alertname": "Good"}, "annotations": {}}


def body(*alerts: Any, **more: Any) -> bytes:
    base = {"version": "4", "groupKey": "k", "receiver": "r", "status": "firing", "alerts": list(alerts)}
    return json.dumps({**base, **more}).encode()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (None, "alerts.0: not an object, left out"),
        ({"status": "firing"}, "alerts.0: without labels"),
        ({"status": "firing", "labels": ["a"]}, "alerts.0: without labels"),
        ({"labels": {"alertname": "X"}}, "alerts.0: without a status"),
        ({"labels": {"alertname": "X"}, "status": "pending"}, "alerts.0: without a status"),
    ],
)
def test_an_alert_that_cannot_be_read_is_set_aside_and_the_others_count(bad: Any, said: str) -> None:
    found = parse_notification(body(bad, GOOD))
    assert [alert.name for alert in found.alerts] == ["Good"]
    assert found.set_aside[0].startswith(said)
    with pytest.raises(BadNotification):
        parse_notification(body(bad))


@pytest.mark.parametrize(
    ("labels", "kept", "said"),
    [
        ({"alertname": "X", "gone": None}, {"alertname": "X"}, "alerts.0.labels.gone: null, dropped"),
        ({"alertname": "X", "n": 5, "f": 1.5, "t": True}, {"alertname": "X", "n": "5", "f": "1.5", "t": "true"}, ""),
        ({"alertname": "X", "o": {"a": 1}}, {"alertname": "X"}, "alerts.0.labels.o: not text, dropped"),
        ({"alertname": "X", "k" * 2000: "v"}, {"alertname": "X"}, "too much, dropped"),
    ],
)
def test_a_label_that_is_none_is_dropped(labels: dict[str, Any], kept: dict[str, str], said: str) -> None:
    for named in ("labels", "annotations"):
        alert = {**GOOD, "labels": {"alertname": "X"}, named: labels}
        found = parse_notification(body(alert, GOOD))
        assert getattr(found.alerts[0], named) == kept
        assert len(found.alerts) == 2
        assert said.replace("labels", named) in " ".join(found.set_aside)


def test_limits_cut() -> None:
    many = {"zz": "last", "alertname": "X", "severity": "page", **{f"l{n:03}": "v" for n in range(400)}}
    found = parse_notification(body({**GOOD, "labels": many}, GOOD))
    assert len(found.alerts[0].labels) == MAX_LABELS
    assert {"alertname", "severity", "l000"} <= found.alerts[0].labels.keys()
    assert len(found.set_aside) == 21
    found = parse_notification(body(*[GOOD] * (MAX_ALERTS + 7)))
    assert len(found.alerts) == MAX_ALERTS
    assert found.truncated == 7
    assert found.set_aside == (f"alerts: 7 beyond {MAX_ALERTS} are left out",)


def test_what_stands_beside_the_alerts_holds_nothing_up() -> None:
    found = parse_notification(
        body(GOOD, groupLabels=[1], commonLabels={"a": None, "b": "c"}, externalURL=5, truncatedAlerts=-3)
    )
    assert (found.group_labels, found.common_labels, found.truncated, found.external_url) == ({}, {"b": "c"}, 0, "")
    found = parse_notification(body({**GOOD, "generatorURL": None, "fingerprint": 7}))
    assert found.alerts[0].generator_url == ""
    assert len(found.alerts[0].fingerprint) == 16


def test_a_status_in_another_case_and_a_byte_order_mark_are_read() -> None:
    found = parse_notification(body({**GOOD, "status": "Firing"}, {**GOOD, "status": " RESOLVED"}))
    assert [alert.status for alert in found.alerts] == ["firing", "resolved"]
    assert len(parse_notification(b"\xef\xbb\xbf" + body(GOOD)).alerts) == 1


@pytest.mark.parametrize("labels", [{}, {"alertname": ""}, {"alertname": None}])
def test_an_alert_without_a_name_has_one(labels: dict[str, Any]) -> None:
    assert parse_notification(body({**GOOD, "labels": labels})).alerts[0].name == "unnamed alert"


def test_a_good_body_has_nothing_set_aside() -> None:
    assert parse_notification(body(GOOD)).set_aside == ()
    assert "set_aside" not in parse_notification(body(GOOD)).model_dump()


MISSING = PAYLOADS / "25-missing-fields"
REFUSED = ("alert-labels", "alert-status", "groupKey", "receiver", "status", "version")


@pytest.mark.parametrize("name", sorted(path.stem for path in MISSING.glob("*.json")))
def test_a_field_that_is_missing(name: str) -> None:
    text = (MISSING / f"{name}.json").read_bytes()
    if name not in REFUSED:
        assert len(parse_notification(text).alerts) == 1
        return
    with pytest.raises(BadNotification) as caught:
        parse_notification(text)
    assert name.replace("alert-", "") in caught.value.detail


def test_the_webhook_of_grafana_is_told_what_to_do() -> None:
    folder = PAYLOADS / "21-grafana-unified-webhook"
    with pytest.raises(BadNotification, match="contact point of type Alertmanager"):
        parse_notification((folder / "payload.json").read_bytes())
    assert len(parse_notification((folder / "as-version-4.json").read_bytes()).alerts) == 1


@pytest.mark.parametrize(
    "told",
    [
        {"version": 1, "groupKey": "k", "receiver": "r", "status": "firing", "alerts": [GOOD], "orgId": 1},
        {"title": "[Alerting] CPU", "ruleName": "CPU", "state": "alerting", "evalMatches": [], "message": "hot"},
        {"title": "[OK] CPU", "ruleName": "CPU", "state": "ok", "evalMatches": None, "ruleId": 3, "tags": {}},
    ],
)
def test_other_webhooks_of_grafana_are_told_as_well(told: dict[str, Any]) -> None:
    with pytest.raises(BadNotification, match="contact point of type Alertmanager"):
        parse_notification(json.dumps(told).encode())


@pytest.mark.parametrize("text", [b"[]", b"{}", b'"x"', b"[" * 100_000, b"7", b'{"version": "4", "alerts": {}}'])
def test_what_is_no_notification_is_refused(text: bytes) -> None:
    with pytest.raises(BadNotification):
        parse_notification(text)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"version": "4"}, "groupKey: is missing"),
        ({"version": "4", "groupKey": {}, "receiver": "r", "status": "firing", "alerts": []}, "groupKey: must be text"),
        ({"version": "4", "groupKey": "", "receiver": "r", "status": "firing", "alerts": []}, "groupKey: must not be"),
        ({"version": "4", "groupKey": "k", "receiver": "r", "status": "firing", "alerts": {}}, "alerts: must be a l"),
        ([], "the body: must be an object"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_in_plain_words(value: Any, said: str) -> None:
    with pytest.raises(BadNotification) as refused:
        parse_notification(json.dumps(value).encode())
    assert refused.value.detail.startswith(said)


@pytest.mark.parametrize("name", ["sender", "set_aside", "external_url", "group_key", "orgId"])
@pytest.mark.parametrize("value", [5, ["x"], {"a": [1]}, None])
def test_a_field_that_is_none_of_alertmanagers_changes_nothing(name: str, value: Any) -> None:
    found = parse_notification(body({**GOOD, "generator_url": value, "starts_at": value}, **{name: value}))
    assert [alert.name for alert in found.alerts] == ["Good"]
    assert (found.group_key, found.external_url, found.sender.name) == ("k", "", "")
    assert found.set_aside == ()


@pytest.mark.parametrize("value", [None, True, 7, 1e300, ["firing"], {"a": 1}])
def test_what_is_wrong_at_the_top_of_a_body_loses_no_alert(value: Any) -> None:
    ended = {**GOOD, "labels": {"alertname": "Ended"}, "status": "resolved"}
    found = parse_notification(body(GOOD, ended, status=value))
    assert ([alert.name for alert in found.alerts], found.status) == (["Good", "Ended"], "firing")
    assert found.set_aside == ("status: not text, taken from the alerts",)
    found = parse_notification(body(GOOD, receiver=value, groupKey=7))
    assert [alert.name for alert in found.alerts] == ["Good"]
    assert found.group_key == "7"
    assert isinstance(found.receiver, str)
