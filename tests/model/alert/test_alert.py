"""Alertmanager's payload: every version can be read, and unusable ones are refused with an explanation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.model.alert.alert import (
    FNV_LIMIT,
    GROUP_KEY_LIMIT,
    MAX_TRUNCATED,
    NO_TIME,
    VALUE_LIMIT,
    AlertStatus,
    BadNotification,
    fingerprint,
    parse_notification,
)

ANY_TEXT = st.text(st.characters(), max_size=50)
"""Lone surrogates too."""
VECTOR = {
    "alertname": "HighErrorRate",
    "cluster": "prod-eu1",
    "service": "checkout-api",
    "severity": "critical",
    "team": "payments",
    "tenant": "acme",
}


def body(*, drop: str = "", **changes: Any) -> dict[str, Any]:
    whole = {
        "version": "4",
        "groupKey": '{}:{alertname="HighErrorRate"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "incident\\.service",
        "groupLabels": {"alertname": "HighErrorRate"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": [one()],
        **changes,
    }
    whole.pop(drop, None)
    return whole


def one(*, drop: str = "", **changes: Any) -> dict[str, Any]:
    whole = {
        "status": "firing",
        "labels": dict(VECTOR),
        "annotations": {"summary": "Error rate 7.3%"},
        "startsAt": "2026-11-23T14:02:11.611Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": "0f7feb5f00044815",
        **changes,
    }
    whole.pop(drop, None)
    return whole


def packed(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_whole_notification() -> None:
    said = parse_notification(packed(body()))
    assert (said.receiver, said.group_key, said.truncated) == ("incident.service", '{}:{alertname="HighErrorRate"}', 0)
    (alert,) = said.alerts
    assert alert.firing
    assert alert.name == "HighErrorRate"
    assert alert.starts_at == datetime(2026, 11, 23, 14, 2, 11, 611_000, UTC)
    assert alert.ends_at == NO_TIME
    assert alert.generator_url == "http://prometheus:9090/graph"


def test_the_fingerprint_is_alertmanagers() -> None:
    assert fingerprint(VECTOR) == "0f7feb5f00044815"
    assert fingerprint(dict(reversed(VECTOR.items()))) == "0f7feb5f00044815"


@pytest.mark.parametrize("odd", ["", "0F7FEB5F00044815", "short", "0f7feb5f00044815\n", "g" * 16])
def test_a_fingerprint_that_is_none_is_computed(odd: str) -> None:
    assert parse_notification(packed(body(alerts=[one(fingerprint=odd)]))).alerts[0].fingerprint == "0f7feb5f00044815"


def test_a_fingerprint_that_is_absent_is_computed() -> None:
    assert (
        parse_notification(packed(body(alerts=[one(drop="fingerprint")]))).alerts[0].fingerprint == "0f7feb5f00044815"
    )


def test_fields_of_later_versions_are_ignored() -> None:
    said = parse_notification(
        packed(body(notification_reason="repeat", routeLabels={"a": "b"}, alerts=[one(newField=[1])]))
    )
    assert len(said.alerts) == 1


@pytest.mark.parametrize(
    "absent", ["groupLabels", "commonLabels", "commonAnnotations", "externalURL", "truncatedAlerts"]
)
def test_what_may_be_absent(absent: str) -> None:
    assert parse_notification(packed(body(drop=absent))).alerts


@pytest.mark.parametrize("absent", ["annotations", "startsAt", "endsAt", "generatorURL"])
def test_what_may_be_absent_of_an_alert(absent: str) -> None:
    assert parse_notification(packed(body(alerts=[one(drop=absent)]))).alerts[0].firing


def test_null_where_others_write_an_empty_object() -> None:
    said = parse_notification(packed(body(groupLabels=None, commonLabels=None, alerts=[one(annotations=None)])))
    assert (said.group_labels, said.alerts[0].annotations) == ({}, {})


@pytest.mark.parametrize("required", ["version", "groupKey", "status", "receiver", "alerts"])
def test_what_must_be_there(required: str) -> None:
    with pytest.raises(BadNotification) as refused:
        parse_notification(packed(body(drop=required)))
    assert required in [error["path"] for error in refused.value.errors]


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"version": "3"}, "version"),
        ({"version": 4}, "version"),
        ({"groupKey": ""}, "groupKey"),
        ({"status": "suppressed"}, "status"),
        ({"alerts": None}, "alerts"),
        ({"alerts": {}}, "alerts"),
        ({"alerts": [None]}, "alerts.0"),
        ({"alerts": [one(labels=None)]}, "alerts.0.labels"),
        ({"alerts": [one(drop="labels")]}, "alerts.0.labels"),
        ({"alerts": [one(status="unknown")]}, "alerts.0.status"),
    ],
)
def test_a_wrong_field_is_named(wrong: dict[str, Any], path: str) -> None:
    with pytest.raises(BadNotification) as refused:
        parse_notification(packed(body(**wrong)))
    assert refused.value.errors[0]["path"] == path
    assert refused.value.detail


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b"4",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b'{"version":"4"',
    ],
)
def test_what_is_no_notification_at_all(text: bytes) -> None:
    with pytest.raises(BadNotification):
        parse_notification(text)


def test_no_text_of_the_body_is_in_the_refusal() -> None:
    with pytest.raises(BadNotification) as refused:
        parse_notification(packed(body(status="hunter2", alerts=[one(labels={"a": ["hunter2"]})])))
    assert "hunter2" not in f"{refused.value} {refused.value.detail} {refused.value.errors}"


def test_lone_surrogates_are_replaced_and_the_alert_goes_on() -> None:
    raw = packed(body()).replace(b"Error rate 7.3%", b"bad \\ud800 text")
    (alert,) = parse_notification(raw).alerts
    assert alert.annotations["summary"] == "bad ? text"
    assert alert.firing


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    (alert,) = parse_notification(packed(body()).replace(b"Error rate", b"Error \xff rate")).alerts
    assert alert.annotations["summary"] == "Error � rate 7.3%"


def test_long_values_are_cut_and_say_so() -> None:
    said = parse_notification(packed(body(alerts=[one(annotations={"summary": "x" * 100_000})])))
    kept = said.alerts[0].annotations["summary"]
    assert len(kept) == VALUE_LIMIT
    assert kept.endswith("…")


def test_the_root_status_is_not_believed() -> None:
    said = parse_notification(packed(body(status="resolved", alerts=[one(), one(status="resolved")])))
    assert [alert.status for alert in said.alerts] == [AlertStatus.FIRING, AlertStatus.RESOLVED]


@pytest.mark.parametrize(
    ("quoted", "name"),
    [("incident\\.service", "incident.service"), ("plain", "plain"), ("a\\\\b", "a\\b"), ("a\\", "a\\")],
)
def test_the_receivers_name_comes_quoted(quoted: str, name: str) -> None:
    assert parse_notification(packed(body(receiver=quoted))).receiver == name


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T14:02:11Z", datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)),
        ("2026-11-23T14:02:11.1Z", datetime(2026, 11, 23, 14, 2, 11, 100_000, UTC)),
        ("2026-11-23T14:02:11.123456789Z", datetime(2026, 11, 23, 14, 2, 11, 123_456, UTC)),
        ("2026-11-23t15:02:11+01:00", datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)),
        ("2026-11-23T08:02:11.5-06:00", datetime(2026, 11, 23, 14, 2, 11, 500_000, UTC)),
        ("0001-01-01T00:00:00Z", NO_TIME),
        ("0001-01-01T00:00:00+14:00", NO_TIME),
        ("9999-12-31T23:59:59-14:00", NO_TIME),
        ("2026-02-30T00:00:00Z", NO_TIME),
        ("2026-11-23T14:02:60Z", NO_TIME),
        ("2026-11-23T14:02:11", NO_TIME),
        ("yesterday", NO_TIME),
        ("", NO_TIME),
        (None, NO_TIME),
    ],
)
def test_times(text: object, moment: datetime) -> None:
    assert parse_notification(packed(body(alerts=[one(startsAt=text)]))).alerts[0].starts_at == moment


@given(st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert parse_notification(packed(body(alerts=[one(startsAt=text)]))).alerts[0].starts_at.tzinfo is UTC


@given(st.binary() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(packed))
def test_any_body_is_taken_or_refused_in_words(raw: bytes) -> None:
    with pytest.raises(BadNotification):
        parse_notification(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(sorted(body())), JSON)
def test_any_value_of_any_field_is_taken_or_refused_in_words(field: str, value: Any) -> None:
    try:
        said = parse_notification(packed(body(**{field: value})))
    except BadNotification as refused:
        assert refused.detail
    else:
        assert said.version == "4"


@given(st.sampled_from(sorted(one())), JSON)
def test_any_value_of_any_field_of_an_alert_is_taken_or_refused_in_words(field: str, value: Any) -> None:
    try:
        said = parse_notification(packed(body(alerts=[one(**{field: value})])))
    except BadNotification as refused:
        assert refused.detail
    else:
        assert said.alerts[0].starts_at >= NO_TIME


@given(st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=10))
def test_labels_survive_as_they_are(labels: dict[str, str]) -> None:
    (alert,) = parse_notification(packed(body(alerts=[one(labels=labels, fingerprint="")]))).alerts
    mended = {
        name.encode("utf-8", "replace").decode(): value.encode("utf-8", "replace").decode()
        for name, value in labels.items()
    }
    assert alert.labels == mended
    assert alert.fingerprint == fingerprint(mended)


def test_long_labels_get_a_fingerprint_of_their_own_quickly() -> None:
    long = {"alertname": "Long", "text": "x" * FNV_LIMIT}
    assert len(fingerprint(long)) == 16
    assert fingerprint(long) == fingerprint(dict(reversed(long.items())))
    assert fingerprint(long) != fingerprint({**long, "text": "y" * FNV_LIMIT})


@pytest.mark.parametrize("count", [10**6 + 1, 2**64, 10**300, 1e300])
def test_a_huge_number_of_truncated_alerts_counts_as_the_largest(count: float) -> None:
    assert parse_notification(packed(body(truncatedAlerts=count))).truncated == MAX_TRUNCATED


def test_a_long_group_key_stays_another_one() -> None:
    keys = {parse_notification(packed(body(groupKey="k" * 100_000 + end))).group_key for end in ("a", "b")}
    assert len(keys) == 2
    assert max(map(len, keys)) < GROUP_KEY_LIMIT + 100
