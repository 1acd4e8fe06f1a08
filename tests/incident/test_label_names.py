"""Label names with dots and UTF-8 characters work in every setting that names labels."""

from __future__ import annotations

import pytest

from receiver.config import load_text
from receiver.config.settings.feature_settings import Reviews, _check_template
from receiver.config.settings.status_page_settings import Component
from receiver.incident.context.logql_query import query_of
from receiver.incident.context.observability_links import fill
from receiver.model.oncall.team_settings import Team
from receiver.pipeline.open_incidents.incident_labels import read_label_filter
from receiver.triage.matchers import equal_to, parse_matcher
from receiver.triage.measurements.alert_fields import SourceSettings, compile_sources
from receiver.triage.rules.rule_set import RuleSet, RulesSettings
from receiver.web.api.maintenance_request import MaintenanceBody
from tests.config.sample import HOME, SMALL
from tests.triage.strategies import alert, decide

NAMES = ("service.name", "k8s.cluster/name", "größe", "foo🙂", "host-name", "plain_1")


@pytest.mark.parametrize("name", NAMES)
def test_in_templates_of_links(name: str) -> None:
    template = f"x={{{{ {name} }}}}"
    assert _check_template(template) == template
    assert fill(template, {name: "v"}) == "x=v"
    assert fill(template, {"other": "v"}) is None
    assert query_of(f'{{a="{{{{ {name} }}}}"}}', {name: "v"}) == '{a="v"}'


@pytest.mark.parametrize(
    "text", ["{{ a b }}", "{{ a|upper }}", "{{ f(x) }}", "{{ 'a' }}", "{{ }}", "{{ 7*7 }}", "{{ a*b }}"]
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match="does not hold a label"):
        _check_template(text)


@pytest.mark.parametrize("name", NAMES)
def test_in_the_configuration(name: str) -> None:
    text = f"""\
incidents: {{correlate_by: ['{name}'], service_from: ['{name}'], customer_visible: {{label: '{name}'}}}}
reviews: {{categories: ['labels.{name}']}}
audiences: [{{severities: [SEV-1], matchers: ['"{name}"="v"'], notify: [boss]}}]
status_page: {{components: [{{id: a, name: A, matchers: ['"{name}"=~"v.*"']}}]}}
"""
    assert load_text(SMALL + text, "r.yaml", {}, HOME).incidents.service_from == (name,)
    assert Component(id="a", name="A", matchers=(f'"{name}"="v"',))
    assert Reviews(categories=(f"labels.{name}",))


@pytest.mark.parametrize("name", NAMES)
def test_in_the_sources_of_measurements(name: str) -> None:
    (source,) = compile_sources([SourceSettings(source=f"labels.{name}")])
    assert source.read(alert({}, **{name: "5%"})) == "5%"


@pytest.mark.parametrize("name", NAMES)
def test_in_severity_rules(name: str) -> None:
    own = {"name": "own", "severity": "SEV-2", "matchers": [f'"{name}"=~"v.*"'], "unless": [f'"{name}"="vx"']}
    alone = {"name": "alone", "severity": "SEV-3", "when": ["scope == single_tenant"], "matchers": ['a="b"']}
    rules = RuleSet(
        RulesSettings.model_validate(
            {
                "otherwise": {"label": name, "map": {"brennt": "SEV-1"}, "fallback": "SEV-4"},
                "scope": {"tenant_label": name},
                "rules": [own, alone],
            }
        )
    )
    found = [decide(rules, alert({}, alertname="X", **labels)).severity for labels in (
        {name: "v1"}, {name: "vx"}, {name: "Brennt"}, {}, {name: "mieter", "a": "b"})]  # fmt: skip
    assert found == ["SEV-2", "SEV-4", "SEV-1", "SEV-4", "SEV-3"]


@pytest.mark.parametrize("name", NAMES)
def test_in_filters_windows_and_ownership(name: str) -> None:
    text = equal_to(name, 'a "quoted", value')
    (wanted,) = read_label_filter([text])
    assert wanted.matches({name: 'a "quoted", value'})
    assert not wanted.matches({name: "other"})
    body = {"name": "upgrade", "matchers": [text], "until": "2026-12-01T00:00:00Z"}
    assert MaintenanceBody.model_validate(body).matchers == (text,)
    team = Team.model_validate({"matchers": [text]})
    assert parse_matcher(team.matchers[0]).name == name
