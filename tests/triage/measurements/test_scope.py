"""The scope of an alert: from its label or annotation, or by counting tenants."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from receiver.model.alert.alert import Alert, AlertStatus
from receiver.triage.measurements.scope import Scope, ScopeSettings


def _alert(labels: dict[str, str], annotations: dict[str, str] | None = None) -> Alert:
    return Alert(status=AlertStatus.FIRING, labels=labels, annotations=annotations or {})


def _words(*alerts: Alert, **settings: object) -> list[str | None]:
    scope = Scope(ScopeSettings.model_validate(settings))
    tenants = scope.tenants(alerts)
    return [scope.read(alert, tenants).word for alert in alerts]


@pytest.mark.parametrize(
    ("labels", "annotations", "word"),
    [
        ({"scope": "all_users"}, {}, "all_users"),
        ({"scope": " Internal "}, {}, "internal"),
        ({}, {"scope": "many_users"}, "many_users"),
        ({"scope": "internal"}, {"scope": "all_users"}, "internal"),
        ({"scope": "internal", "tenant": "all"}, {}, "internal"),
        ({"tenant": "acme"}, {}, "single_tenant"),
        ({"tenant": "all"}, {}, "all_users"),
        ({"tenant": "*"}, {}, "all_users"),
        ({"tenant": "ALL"}, {}, "all_users"),
        ({"tenant": "  "}, {}, None),
        ({}, {}, None),
    ],
)
def test_one_alert(labels: dict[str, str], annotations: dict[str, str], word: str | None) -> None:
    assert _words(_alert(labels, annotations)) == [word]


def test_distinct_tenants_are_counted_for_the_alerts_that_carry_one() -> None:
    acme, globex, other = _alert({"tenant": "acme"}), _alert({"tenant": "globex"}), _alert({"alertname": "X"})
    assert _words(acme, acme, other) == ["single_tenant", "single_tenant", None]
    assert _words(acme, globex, other) == ["many_users", "many_users", None]
    assert _words(acme, _alert({"tenant": "all"})) == ["many_users", "all_users"]
    assert _words(acme, _alert({"tenant": "globex", "scope": "internal"})) == ["many_users", "internal"]


@pytest.mark.parametrize(
    ("labels", "annotations", "origin"),
    [
        ({"scope": "all_users"}, {}, "label scope"),
        ({"scope": "galaxy"}, {"scope": "all_users"}, "annotation scope"),
        ({"tenant": "all"}, {}, "label tenant"),
        ({"tenant": "acme"}, {}, "1 tenant counted in label tenant"),
        ({"scope": "galaxy", "tenant": "acme"}, {}, "none"),
        ({}, {}, "none"),
    ],
)
def test_where_a_scope_comes_from(labels: dict[str, str], annotations: dict[str, str], origin: str) -> None:
    scope = Scope(ScopeSettings())
    one = _alert(labels, annotations)
    assert scope.read(one, scope.tenants([one])).origin == origin


def test_how_many_tenants_were_counted_is_said() -> None:
    scope = Scope(ScopeSettings())
    alerts = [_alert({"tenant": name}) for name in ("acme", "globex", "initech", "acme")]
    assert scope.read(alerts[0], scope.tenants(alerts)).origin == "3 tenants counted in label tenant"


def test_without_a_tenant_label_nothing_is_counted() -> None:
    assert _words(_alert({"tenant": "acme"}), _alert({"tenant": "all"}), tenant_label=None) == [None, None]


def test_an_unknown_word_is_said_and_is_no_scope() -> None:
    scope = Scope(ScopeSettings())
    reading = scope.read(_alert({"scope": "galaxy", "tenant": "acme"}), frozenset({"acme"}))
    assert reading.word is None
    assert reading.unknown == ('scope unknown: "galaxy" is not one of all_users, many_users, single_tenant, internal',)
    later = scope.read(_alert({"scope": "galaxy"}, {"scope": "all_users"}), frozenset())
    assert later.word == "all_users"
    assert later.unknown


def test_the_widest_is_the_greatest() -> None:
    scope = Scope(ScopeSettings())
    ranks = [scope.rank(word) for word in scope.order]
    assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"order": ["all_users", "single_tenant"]}, "many_users"),
        ({"order": ["many_users", "single_tenant"]}, "all_users"),
        ({"order": ["single_tenant", "many_users", "all_users"]}, "widest first"),
        ({"order": ["all_users", "all_users", "many_users", "single_tenant"]}, "once"),
        ({"order": []}, "at least one"),
        ({"from": ["label.scope"]}, "labels.NAME"),
    ],
)
def test_wrong_settings(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ScopeSettings.model_validate(settings)


def test_an_order_of_ones_own_without_tenants() -> None:
    assert _words(_alert({"scope": "world"}), order=["world", "city"], tenant_label=None) == ["world"]
