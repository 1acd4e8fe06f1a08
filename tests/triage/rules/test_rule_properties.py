"""Properties of all rules and all alerts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import receiver.triage.rules.rule_set as rules_module
from receiver.model.alert.alert import Alert
from receiver.model.severity import Decision, Severity
from receiver.triage.matchers import parse_matcher
from receiver.triage.measurements.scope import rank_of
from receiver.triage.measurements.units import Unit, parse_quantity
from receiver.triage.rules.compiled_rule import Facts, Rule
from receiver.triage.rules.conditions import COMPARISONS
from receiver.triage.rules.rule_set import RuleSet, RulesSettings, verdict
from tests.triage import strategies as table
from tests.triage.strategies import ALERTS, CAPS, DOCUMENT, REFERENCE, WIDENING, decide, named, rules, ruleset

ORDER = tuple(DOCUMENT["scope"]["order"])
UNITS = {name: Unit(item["unit"]) for name, item in DOCUMENT["measurements"].items()}
NO_SCOPE = WIDENING.filter(lambda text: not text.startswith("scope"))
THREE = st.lists(ALERTS, min_size=1, max_size=3)


def _facts(alert: Alert, decision: Decision) -> Facts:
    values = dict(decision.measured)
    if decision.scope is not None:
        values["scope"] = rank_of(ORDER)[decision.scope]
    return Facts(alert.labels, values, decision.scope)


def _rules(settings: RulesSettings) -> list[Rule]:
    return [Rule(item, UNITS, ORDER) for item in settings.rules]


@given(st.lists(ALERTS, min_size=1, max_size=5), ALERTS)
@settings(deadline=None)
def test_one_more_alert_never_lowers_a_severity(alerts: list[Alert], more: Alert) -> None:
    before, after = REFERENCE.decide(alerts), REFERENCE.decide([*alerts, more])
    for was, now in zip(before, after, strict=False):
        assert not was.severity.worse_than(now.severity)
    first, second = verdict(before), verdict(after)
    assert first is not None
    assert second is not None
    assert not first.severity.worse_than(second.severity)


@given(st.lists(rules(conditions=NO_SCOPE), max_size=4), THREE, ALERTS)
@settings(deadline=None)
def test_one_more_alert_never_lowers_a_severity_by_rules_that_do_not_ask_for_a_scope(
    raising: list[dict[str, Any]], alerts: list[Alert], more: Alert
) -> None:
    # A rule for `scope >= many_users` may replace `otherwise`: check-config warns about it.
    made = ruleset(*named(raising), *CAPS)
    for was, now in zip(made.decide(alerts), made.decide([*alerts, more]), strict=False):
        assert not was.severity.worse_than(now.severity)


@given(st.lists(rules(), max_size=5), rules(), THREE)
@settings(deadline=None)
def test_one_more_rule_never_lowers_what_a_rule_decided(
    raising: list[dict[str, Any]], more: dict[str, Any], alerts: list[Alert]
) -> None:
    before = ruleset(*named(raising), *CAPS).decide(alerts)
    after = ruleset(*named([*raising, more]), *CAPS).decide(alerts)
    for was, now in zip(before, after, strict=True):
        # A rule replaces `otherwise`, as the comment at the top of the reference explains.
        assert was.rule == "otherwise" or not was.severity.worse_than(now.severity)


@given(
    st.lists(rules(), max_size=6),
    st.lists(rules("at_most"), max_size=3),
    st.lists(ALERTS, min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_order_never_matters(
    raising: list[dict[str, Any]], caps: list[dict[str, Any]], alerts: list[Alert], random: Any
) -> None:
    straight = [*named(raising), *named(caps, "cap")]
    shuffled, places = list(straight), list(range(len(alerts)))
    random.shuffle(shuffled)
    random.shuffle(places)
    one, two = ruleset(*straight).decide(alerts), ruleset(*shuffled).decide([alerts[place] for place in places])
    assert [one[place] for place in places] == two
    assert verdict(one) == verdict(two)


@given(st.lists(ALERTS, min_size=1, max_size=6))
@settings(deadline=None)
def test_alerts_that_look_alike_are_decided_as_if_each_were_alone_in_memory(alerts: list[Alert]) -> None:
    tenants = [item for item in alerts if item.labels.get("tenant")]
    together = REFERENCE.decide(alerts)
    for item, decision in zip(alerts, together, strict=True):
        assert REFERENCE.decide([item, *tenants])[0] == decision


@given(st.lists(st.lists(ALERTS, max_size=3), min_size=2, max_size=4), st.booleans())
@settings(deadline=None)
def test_what_a_rule_set_has_decided_before_changes_no_decision(notifications: list[list[Alert]], cut: bool) -> None:
    warm = RuleSet(REFERENCE.settings)
    for alerts in notifications:
        fresh = RuleSet(REFERENCE.settings)
        assert warm.examine(alerts, partial=cut) == fresh.examine(alerts, partial=cut)
        assert warm.examine(alerts, partial=not cut) == fresh.examine(alerts, partial=not cut)


def test_what_a_query_may_be_asked_for_is_told_apart() -> None:
    made = ruleset(
        {"name": "slow", "severity": "SEV-1", "matchers": ['alertname="Slow"'], "when": ["latency > 5s"]},
        measurements={"latency": {"unit": "seconds", "promql": 'latency{pod="{{ pod }}"}'}},
    )
    asked, unknown = table.alert(alertname="Slow", pod="a"), table.alert(alertname="Slow")
    assert [len(one.unknowns) for one in made.examine([asked])] == [0]
    assert [len(one.unknowns) for one in made.examine([unknown])] == [1], "there is no pod in the query"


def test_decisions_are_dropped_where_there_are_too_many_and_long_ones_are_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules_module, "KNOWN_AT_MOST", 3)
    made = RuleSet(REFERENCE.settings)
    for number in range(10):
        made.decide([table.alert(alertname="Some", tenant=f"t{number}")])
        assert len(made._known) <= 3
    made = RuleSet(REFERENCE.settings)
    made.decide([table.alert(alertname="Some", tenant="t" * rules_module.KNOWN_CHARACTERS)])
    assert not made._known


def test_many_tenants_cost_each_alert_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    class Tenants(frozenset[str]):
        def __iter__(self) -> Any:
            looked.append(1)
            return super().__iter__()

        def __hash__(self) -> int:
            looked.append(1)
            return super().__hash__()

    made = RuleSet(REFERENCE.settings)
    many = [table.alert(alertname="Some", tenant=f"t{number}") for number in range(50)]
    monkeypatch.setattr(made._scope, "tenants", lambda alerts: Tenants(one.labels["tenant"] for one in alerts))
    assert len({one.scope for one in made.decide(many)}) == 1
    assert len(looked) <= 1, "20,000 of them, for each of 20,000 alerts, held the event loop for a minute and a half"


@given(st.lists(rules(), max_size=8), st.lists(rules("at_most"), max_size=4), THREE)
@settings(deadline=None, max_examples=300)
def test_a_decision_is_that_of_trying_every_rule(
    raising: list[dict[str, Any]], caps: list[dict[str, Any]], alerts: list[Alert]
) -> None:
    made = ruleset(*named(raising), *named(caps, "cap"))
    tried = _rules(made.settings)
    for alert, decision in zip(alerts, made.decide(alerts), strict=True):
        facts = _facts(alert, decision)
        holding = sorted((rule for rule in tried if rule.holds(facts)), key=lambda rule: rule.order)
        worst = next((rule for rule in holding if not rule.caps), None)
        assert decision.rule == (worst.name if worst else "otherwise")
        before = worst.severity if worst else _by_label(alert)
        strictest = next((rule for rule in holding if rule.caps), None)
        lowers = strictest is not None and before.worse_than(strictest.severity)
        assert decision.severity is (strictest.severity if strictest and lowers else before)
        assert decision.capped_by == (strictest.name if strictest and lowers else None)


def _by_label(alert: Alert) -> Severity:
    otherwise = DOCUMENT["otherwise"]
    return Severity(otherwise["map"].get(alert.labels.get("severity", "").lower(), otherwise["fallback"]))


@given(st.lists(rules(), max_size=6), st.lists(rules("at_most"), max_size=3), THREE)
@settings(deadline=None)
def test_the_explanation_names_what_holds_and_every_reason_is_true(
    raising: list[dict[str, Any]], caps: list[dict[str, Any]], alerts: list[Alert]
) -> None:
    for made in (REFERENCE, ruleset(*named(raising), *named(caps, "cap"))):
        known = {rule.name: rule for rule in _rules(made.settings)}
        for alert, decision in zip(alerts, made.decide(alerts), strict=True):
            facts = _facts(alert, decision)
            for name in (decision.rule, decision.capped_by):
                assert name in (None, "otherwise") or known[name].holds(facts)
            said = 0
            for reason in decision.reasons:
                said += _is_true(reason, alert, decision)
            if decision.rule != "otherwise":
                rule = known[decision.rule]
                cap = known[decision.capped_by] if decision.capped_by else None
                assert said == len(rule.reasons(facts)) + (len(cap.reasons(facts)) if cap else 0)


def _is_true(reason: str, alert: Alert, decision: Decision) -> int:
    """Check that each condition in `reason` is true, and return their number."""
    if reason.startswith("at most "):
        level, _, rest = reason.removeprefix("at most ").partition(": ")
        assert level == decision.severity
        return 0 if rest == decision.capped_by else sum(_is_true(part, alert, decision) for part in _parts(rest))
    if re.match(r"no rule matched|\w+ unreadable: |scope unknown: |severity=.* is not in the map", reason):
        return 0
    if found := re.fullmatch(r"scope is (\w+)", reason):
        assert decision.scope == found[1]
    elif found := re.fullmatch(r"scope (\w+) (\S+) (\w+)", reason):
        ranks = rank_of(ORDER)
        assert found[1] == decision.scope
        assert COMPARISONS[found[2]](ranks[found[1]], ranks[found[3]])
    elif found := re.fullmatch(r"(\w+) (\S+) ([<>=!]+) (\S+)", reason):
        unit = UNITS[found[1]]
        shown, right = parse_quantity(found[2], unit), parse_quantity(found[4], unit)
        assert COMPARISONS[found[3]](shown, right), reason
        assert abs(shown - decision.measured[found[1]]) <= shown * 1e-3 or shown == decision.measured[found[1]]
    else:
        # The middle dot represents the line break in one of the names.
        labels = {name: value.replace("\n", "·") for name, value in alert.labels.items()}
        matcher = parse_matcher(reason)
        assert matcher.matches(labels) or matcher.matches(alert.labels), reason
    return 1


def _parts(text: str) -> list[str]:
    return re.split(r", (?=[a-z_]+(?:[!=~]+\"| ))", text)


@given(st.lists(rules(), max_size=6), st.lists(rules("at_most"), max_size=3), ALERTS)
@example([{"severity": "SEV-3", "when": [], "matchers": ['severity="critical"'], "unless": []}], [], table.alert())
@example([], [{"at_most": "SEV-3", "when": [], "matchers": ['severity=~"[cC]ritical"'], "unless": []}], table.alert())
@example(
    [{"severity": "SEV-2", "when": ["scope > many_users", "scope >= many_users"], "matchers": [], "unless": []}],
    [],
    table.alert(),
)
@settings(deadline=None, max_examples=200)
def test_what_would_have_been_worse_is(raising: list[dict[str, Any]], caps: list[dict[str, Any]], alert: Alert) -> None:
    for made in (REFERENCE, ruleset(*named(raising), *named(caps, "cap"))):
        decision = decide(made, alert)
        if decision.next_worse is None:
            continue
        found = re.fullmatch(r"(.+) \((SEV-\d)\) if (.+)", decision.next_worse)
        assert found is not None
        rule, level, step = found[1], Severity(found[2]), found[3]
        assert level.worse_than(decision.severity)
        after = _after(step, alert, made)
        assert not level.worse_than(after.severity)
        assert after.severity.worse_than(decision.severity)
        assert rule in made.names


def _after(step: str, alert: Alert, made: RuleSet) -> Decision:
    """Return the decision after `step`."""
    if found := re.fullmatch(r"the caps? (.+) did not apply", step):
        gone = found[1].split(" and ")
        kept = list(made.settings.model_dump(mode="json", by_alias=True)["rules"])
        return decide(ruleset(*(rule for rule in kept if rule["name"] not in gone)), alert)
    labels, annotations = dict(alert.labels), dict(alert.annotations)
    if step.startswith("severity="):
        labels["severity"] = step.removeprefix("severity=").split(" or ")[0].strip('"')
        return decide(made, alert.model_copy(update={"labels": labels}))
    reached: dict[str, float] = {}
    scopes: list[int] = []
    for part in step.split(" and "):
        name, comparison, right = part.split(" ")
        if name == "scope":
            # The widest scope is first. The value that an earlier part reached must persist, as with measurements.
            place = ORDER.index(right) + {">": -1, "<": 1}.get(comparison, 0)
            furthest = {">": min, ">=": min, "<": max, "<=": max}.get(comparison)
            place = scopes[-1] if furthest and scopes and furthest(place, scopes[-1]) == scopes[-1] else place
            scopes.append(place)
            labels["scope"] = ORDER[place]
        else:
            value = parse_quantity(right, UNITS[name])
            value *= {">": 1.000001, "<": 0.999999}.get(comparison, 1.0)
            # A rule may have two conditions on one measurement: the value that was reached must persist.
            furthest = {">": max, ">=": max, "<": min, "<=": min}.get(comparison)
            value = reached[name] = furthest(value, reached.get(name, value)) if furthest else value
            annotations[name] = f"{value!r}" if UNITS[name] is not Unit.RATIO else f"{value * 100!r}%"
    return decide(made, alert.model_copy(update={"labels": labels, "annotations": annotations}))
