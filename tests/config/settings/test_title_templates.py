"""`texts.title`: a template in a sandbox, checked before it is used."""

from __future__ import annotations

import pytest

from receiver.config.settings.title_templates import EXAMPLE, title_writer
from receiver.incident.title import LIMIT
from tests.config.sample import SMALL, problems_of


@pytest.mark.parametrize(
    ("template", "title"),
    [
        ("{{ title }}", EXAMPLE.title),
        ("{{ labels.namespace }}: {{ alertname }}", "checkout: KubePodCrashLooping"),
        ("{{ values|join(' > ') }} {{ severity }} x{{ firing }}", "checkout > payments-7f9c SEV-3 x1"),
        ("{{ labels['no.such'] }}{{ summary }}", "Pod is crash looping."),
        (None, EXAMPLE.title),
        ("{% if firing > 1 %}many{% endif %}", EXAMPLE.title),
        ("{{ 1 // (firing - 1) }}", EXAMPLE.title),
        ("{{ ''.__class__.__mro__ }}", EXAMPLE.title),
        ("{{ firing|dictsort }}", EXAMPLE.title),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", EXAMPLE.title),
        ("{{ 'x'.encode('no such') }}", EXAMPLE.title),
    ],
)
def test_a_title_by_a_template(template: str | None, title: str) -> None:
    assert title_writer(template)(EXAMPLE) == title


def test_it_keeps_the_limit_and_one_line() -> None:
    text = title_writer("a\n{{ 'b' * 500 }}\nc")(EXAMPLE)
    assert len(text) == LIMIT
    assert text.startswith("a bbb")
    assert text.endswith("b c")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ title", "not a Jinja2 template"),
        ("{{ name }}", "templates have no variable 'name'"),
        ("{{ 1 / 0 }}", "the template cannot be rendered"),
        ("{{ firing|dictsort }}", "the template cannot be rendered"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "the template cannot be rendered"),
        ("{{ " + "(" * 3000 + "1", "the template cannot be rendered"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "not a Jinja2 template"),
        ("{% if firing > 9 %}x{% endif %}", "the template renders to nothing for an ordinary alert"),
    ],
)
def test_a_template_that_cannot_be_used_is_a_mistake(template: str, said: str) -> None:
    (problem,) = problems_of(f'{SMALL}texts:\n  title: "{template}"\n')
    assert problem.startswith("r.yaml:")
    assert "texts.title: " in problem
    assert said in problem
