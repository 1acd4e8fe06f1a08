"""Dotted and UTF-8 names of labels work wherever a label can be named."""

from __future__ import annotations

import pytest

from receiver.config import load_text
from receiver.config.settings.feature_settings import Reviews, _check_template
from receiver.config.settings.status_page_settings import Component
from receiver.incident.context.logql_query import query_of
from receiver.incident.context.observability_links import fill
from receiver.triage.measurements.alert_fields import SourceSettings, compile_sources
from tests.config.sample import HOME, SMALL
from tests.triage.given import alert

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
