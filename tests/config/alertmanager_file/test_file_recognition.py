"""Files of other programs among the arguments of check-config, and keys that only contain anchors."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from receiver.cli import app
from receiver.config import check_files, load
from receiver.config.alertmanager_file import recognized
from receiver.config.json_schema import Kind, schema
from receiver.config.yaml.yaml_document import read
from tests.config.alertmanager_file.test_alertmanager_file import NOW
from tests.config.sample import SMALL, problems_of

UPSTREAM = Path(__file__).parents[2] / "samples" / "upstream"
GOOD = """
route: {receiver: incidents, group_by: [alertname, service]}
receivers: [{name: incidents, webhook_configs: [{url: 'http://127.0.0.1:8080/webhooks/alertmanager'}]}]
"""


def told(*files: Path) -> tuple[list[str], list[str]]:
    problems, notes = check_files(files, {}, now=NOW)
    return [str(one) for one in problems], [str(one) for one in notes]


@pytest.mark.parametrize("name", sorted(path.name for path in (UPSTREAM / "alertmanager").glob("*.yml")))
def test_a_file_of_alertmanager_is_checked_as_with_its_option(name: str) -> None:
    base = UPSTREAM / "alertmanager" / ("base-public.yaml" if name == "c-prefix.yml" else "base.yaml")
    file = UPSTREAM / "alertmanager" / name
    problems, notes = check_files([base], {}, now=NOW, alertmanager=file)
    assert (problems, notes) == check_files([base, file], {}, now=NOW)
    assert (problems, notes) == check_files([file, base], {}, now=NOW), "the order has no effect"
    assert [str(one) for one in problems] == []


def test_alone_it_is_compared_with_the_default(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(GOOD.replace("webhooks/alertmanager", "elsewhere"))
    problems, (note,) = told(file)
    assert problems == []
    assert "receivers: no receiver sends to this service" in note


def test_the_command_says_what_became_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("am.yml").write_text(GOOD)
    Path("receiver.yaml").write_text(SMALL)
    for words in (["receiver.yaml", "am.yml"], ["receiver.yaml", "--alertmanager", "am.yml"]):
        done = CliRunner().invoke(app, ["check-config", *words])
        assert done.exit_code == 0, done.output
        lines = [line for line in done.output.splitlines() if ": ok" in line]
        assert [line.partition(":")[0] for line in lines] == ["receiver.yaml", "am.yml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups: [{name: g, rules: [{expr: up}]}]\n", "neither an alert nor a recording rule"),
        (
            "global: {scrape_interval: 15s}\nscrape_configs: []\nrule_files: [a.yml]\n",
            "this is a Prometheus configuration",
        ),
        ("route: {receiver: a}\n", "receivers: missing"),
        ("apiVersion: v1\nkind: Service\nspec: {}\n", "extract that part"),
        (
            "apiVersion: x/v1\nkind: HelmRelease\nspec: {chart: y}\n",
            "some.yml:2:7: kind: an object of kind HelmRelease",
        ),
        ("alertmanager: {replicas: 2}\ngrafana: {}\n", "1:1: alertmanager: no alertmanager.config in"),
        ("version: '3'\nservices: {a: {image: b}}\nvolumes: {}\n", "of this service: it has version"),
        (
            "kubeEtcd: {}\ngrafana: {}\nkubeProxy: {}\nx: 1\n",
            "it has kubeEtcd, grafana, kubeProxy ... (a configuration",
        ),
        ("metadata:\n  labels: {{- include 'x' . | nindent 4}}\n", "a Helm or Jinja template?"),
    ],
)
def test_other_files_are_told_what_they_are(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "some.yml"
    file.write_text(text)
    problems, _ = told(file)
    assert any(said in problem for problem in problems), problems
    assert not any("unknown key" in problem for problem in problems)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("groups: [{name: g, rules: [{alert: A, expr: up}]}]\n", 1),
        ((UPSTREAM / "rules" / "prometheusrule.yml").read_text(), 1),
        ("namespaces: [{name: n, groups: []}]\n", 0),
        ("groups:\n", 0),
        ("groups: [{name: g, labels: {a: b}, rules: [{alert: A, expr: up, for: 1d}, {record: r, expr: 1}]}]", 1),
    ],
)  # fmt: skip
def test_what_promtool_accepts_is_no_mistake(
    text: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("some.yml").write_text(text)
    done = CliRunner().invoke(app, ["check-config", "some.yml", "--strict"])
    assert done.exit_code == 0, done.output
    assert "some.yml: ok\n" in done.output
    assert f"{count} Prometheus alert rule{'' if count == 1 else 's'}, " in done.output
    assert "receiver simulate --prometheus-rules some.yml" in done.output


BIG = "groups:\n- name: g\n  rules:\n" + "".join(
    f"  - {{alert: A{n}, expr: up, annotations: {{description: '{'x' * 1000}'}}}}\n" for n in range(1100)
)
RULES = "groups: [{name: g, rules: [{alert: A, expr: up}]}]\n"
CHART = f"""
replicaCount: 3
service: {{port: 9093}}
server: {{enabled: true}}
config:
{textwrap.indent(GOOD, "  ")}
"""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (BIG, "rules"),
        (f"x-all: &a [{', '.join('n' * 12_000)}]\nb: *a\n{RULES}", "rules"),
        (f"server: {{}}\nserverFiles:\n  alerting_rules.yml:\n    {RULES}", "rules"),
        (CHART, "alertmanager"),
        (f"alertmanager: {{config: {{route: {{}}}}}}\nserver: {{}}\n{CHART}", "alertmanager"),
        ("service: {timezone: UTC}\n", None),
        ("# nothing\n", None),
        ("", None),
        (f"{SMALL}route: {{receiver: a}}\n", None),
    ],
)  # fmt: skip
def test_what_a_file_is_taken_for(text: str, kind: str | None) -> None:
    assert recognized(text, "f.yml", read(text, "f.yml").value, ("channels", "severities")) == kind


def test_a_large_file_of_rules_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "big.yml").write_text(BIG)
    assert told(tmp_path / "big.yml") == ([], [])


@pytest.mark.parametrize("key", ["rule_files: [r.yml]", "evaluation_interval: 1m"])
def test_tests_of_promtool_are_told_what_they_are(key: str, tmp_path: Path) -> None:
    file = tmp_path / "r_test.yml"
    file.write_text(f"{key}\ntests: [{{interval: 1m}}]\n")
    (problem,) = told(file)[0]
    assert "a Prometheus rule test file" in problem
    assert "promtool test rules" in problem


@pytest.mark.parametrize("line", ["{{- if .Values.x }}", "  {{ include 'x' . }}", "{% if a %}"])
def test_a_template_is_told_to_be_rendered(line: str, tmp_path: Path) -> None:
    file = tmp_path / "t.yml"
    file.write_text(f"a:\n{line}\nc: d\n")
    assert any("a Helm or Jinja template? Render it first" in problem for problem in told(file)[0])


def test_a_configuration_with_a_foreign_key_stays_a_configuration() -> None:
    assert any("route: unknown key" in line for line in problems_of(f"{SMALL}route: {{receiver: a}}\n"))


ANCHORED = f"x-any: &same {{respond_within: 7m}}\n{SMALL}"


def test_keys_that_hold_anchors_are_no_settings(tmp_path: Path) -> None:
    file = tmp_path / "receiver.yaml"
    file.write_text(f"x-defaults: &all [1, two]\nx-: *all\n{ANCHORED}")
    assert told(file)[0] == []
    with_merge = ANCHORED.replace("SEV-1: {", "SEV-1: {<<: *same, ", 1)
    assert with_merge != ANCHORED
    file.write_text(with_merge)
    assert next(iter(load(file, {}).severities.values())).respond_within.total_seconds() == 420


def test_they_are_taken_in_rules_and_rule_tests_too(tmp_path: Path) -> None:
    for name in ("severity-rules.yaml", "severity-rules.test.yaml"):
        shutil.copy(Path(__file__).parents[3] / "config" / name, tmp_path)
        file = tmp_path / name
        file.write_text(f"x-note: &n {{a: 1}}\n{file.read_text()}")
        assert told(file)[0] == []


def test_elsewhere_they_are_unknown_keys() -> None:
    text = SMALL.replace("channels:\n", "channels:\n  x-log: {kind: log, x-y: 1}\n", 1)
    assert any("x-y: unknown key" in line for line in problems_of(text))


@pytest.mark.parametrize("kind", list(Kind))
def test_editors_take_them(kind: Kind) -> None:
    made = json.loads(schema(kind))
    validator = jsonschema.Draft202012Validator(made)
    content = {Kind.CONFIG: SMALL, Kind.RULES: "rules: []\n", Kind.RULE_TESTS: "rules: a.yaml\ntests: []\n"}[kind]
    before = [error.message for error in validator.iter_errors(yaml.safe_load(content))]
    after = [error.message for error in validator.iter_errors({**yaml.safe_load(content), "x-a": {"b": [1]}})]
    assert after == before
    assert any("y-a" in error.message for error in validator.iter_errors({**yaml.safe_load(content), "y-a": 1}))


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: List\nitems: [{apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, spec: %s}]\n",
        "apiVersion: v1\nkind: ConfigMap\ndata: {alerts.yml: '%s'}\n",
    ],
)
def test_alert_rules_are_found_in_objects_that_may_hold_either(text: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text % "{groups: [{name: g, rules: [{alert: A, expr: up}]}]}")
    assert told(file) == ([], [])
