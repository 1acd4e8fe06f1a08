"""The cost of 500 severity rules compared with 5: the same 200 alerts, decided again each time, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from receiver.model.alert.alert import Alert, AlertStatus
from receiver.triage.rules.rule_set import RuleSet, RulesSettings

FEW, MANY = 5, 500
ALERTS = 200
ROUNDS = 25
MEASUREMENTS = {
    "error_rate": {"unit": "ratio", "from": ["annotations.error_rate"]},
    "latency": {"unit": "seconds", "from": ["annotations.latency"]},
}


def rule(number: int) -> dict[str, Any]:
    """Return one of five kinds in turn, as teams write them: by name, by words, by pattern, by service, for all."""
    kinds: tuple[dict[str, Any], ...] = (
        {"severity": "SEV-1", "matchers": [f'alertname="Down{number}"', 'environment!~"staging|dev"']},
        {"severity": "SEV-2", "matchers": [f'alertname=~"Late{number}|Lost{number}|Stuck{number}"']},
        {"severity": "SEV-2", "matchers": ['severity="critical"', f'alertname=~".*Broker{number}(Lag|Full).*"']},
        {"severity": "SEV-2", "matchers": [f'service="service-{number}"'], "when": ["error_rate > 5%"]},
        {"at_most": "SEV-3", "matchers": [f'tenant=~"trial-{number}-.*"'], "unless": ['category="security"']},
    )
    return {"name": f"rule-{number}", **kinds[number % len(kinds)]}


def rules(count: int) -> RuleSet:
    """Return that many rules."""
    document = {"measurements": MEASUREMENTS, "rules": [rule(number) for number in range(count)]}
    return RuleSet(RulesSettings.model_validate(document))


def alerts(turn: int) -> list[Alert]:
    """Return alerts that match only the first five rules, so that both sets decide the same; no two are equal."""
    own = (
        {"alertname": "Down0"}, {"alertname": "Lost1"}, {"alertname": "KafkaBroker2Lag"}, {"service": "service-3"},
        {"alertname": "Lost1", "tenant": f"trial-4-{turn}"},
    )  # fmt: skip
    return [
        Alert(
            status=AlertStatus.FIRING,
            labels={
                "alertname": f"Slow{number}",
                "service": f"service-{number + 1000}",
                "environment": "production",
                "severity": "critical",
                **own[number % len(own)],
            },
            annotations={"error_rate": f"{number}.{turn}%", "latency": f"{turn}.{number}s", "summary": "it is slow"},
        )
        for number in range(ALERTS)
    ]


def rounds() -> Iterator[tuple[float, float]]:
    """Yield (seconds with many rules, seconds with few) of CPU, measured one after the other."""
    sets = (rules(MANY), rules(FEW))
    for turn in range(ROUNDS + 3):
        given = alerts(turn)
        spent, said = [], []
        for one in sets:
            began = time.process_time()
            decided = one.examine(given)
            spent.append(time.process_time() - began)
            said.append([(decision.severity, decision.rule, decision.capped_by) for decision, _ in decided])
        if said[0] != said[1]:
            raise SystemExit("the additional rules changed a decision, although they must match none of the alerts")
        if turn >= 3:
            yield spent[0], spent[1]


def main() -> None:
    """Print the ratio and the cost of one alert."""
    pairs = list(rounds())
    ratios = [many / few for many, few in pairs]
    each = statistics.median(many for many, _ in pairs) / ALERTS * 1e6
    print(f"{'severity rules, one process':44} median  [span of {ROUNDS} rounds]")
    name = f"CPU of {MANY} rules / of {FEW}, {ALERTS} alerts"
    print(f"{name:44} {statistics.median(ratios):6.2f}  [{min(ratios):.2f}-{max(ratios):.2f}]  {each:.0f} µs an alert")


if __name__ == "__main__":
    main()
