"""Files from public repositories: all files that amtool and promtool accept can be read, and each warning is right."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from receiver.config import check_files
from receiver.config.alertmanager_file import read_all
from receiver.config.alertmanager_file.alert_rules import alert_rules
from receiver.config.config_errors import ConfigError
from receiver.config.file_checks import look_at
from tests.config.alertmanager_file.test_alertmanager_file import NOW

SAMPLES = Path(__file__).parents[2] / "samples" / "upstream"
AM = SAMPLES / "alertmanager"
INHIBITOR = "InfoInhibitor is routed here"
WIDE = "alerts with different names but the same namespace form one group"
SILENT = "the Watchdog may be silent for"
OUR = "http://127.0.0.1:8080/webhooks/alertmanager"
PLAIN = f"""\
route: {{receiver: incidents, group_by: [namespace]}}
receivers: [{{name: incidents, webhook_configs: [{{url: '{OUR}'}}]}}]
"""

EXPECTED = {
    # file: (line, what the warning begins with) of each
    "a-utf8-matchers.yml": [(1, INHIBITOR)],
    "b-braces-and-bare.yml": [(1, INHIBITOR)],
    "c-prefix.yml": [(1, INHIBITOR)],
    "d-query-slash.yml": [(1, INHIBITOR)],
    "e-kube-prometheus.yml": [(2, WIDE), (8, SILENT)],
    "f-mute.yml": [(1, INHIBITOR), (6, "never reports"), (9, "nothing reports when"), (9, "alerts of a group beyond")],
    "g-infoinhibitor-here.yml": [(1, INHIBITOR)],
    "h-crd.yml": [],
    "i-helm-values.yml": [(3, INHIBITOR), (3, SILENT), (3, WIDE)],
    "j-mimir.yml": [(3, INHIBITOR), (3, SILENT)],
    "k-anchors.yml": [(2, INHIBITOR)],
    "m-placeholders.yml": [(1, INHIBITOR), (1, SILENT)],
}  # fmt: skip


def notes_of(file: Path, base: str = "base.yaml") -> tuple[list[str], list[tuple[int, str]]]:
    problems, notes = check_files([AM / base], {}, now=NOW, alertmanager=file)
    said = [(note.line, f"{note.path}: {note.message} ({note.hint})") for note in notes if note.file == str(file)]
    return [str(problem) for problem in problems], said


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_of_alertmanager_is_read_and_warned_about_rightly(name: str) -> None:
    problems, notes = notes_of(AM / name, "base-public.yaml" if name == "c-prefix.yml" else "base.yaml")
    assert problems == []
    assert len(notes) == len(EXPECTED[name]), notes
    for (line, text), (place, begins) in zip(notes, EXPECTED[name], strict=True):
        assert line == place
        assert begins in text


def test_every_sample_has_its_expectation() -> None:
    assert sorted(EXPECTED) == sorted(path.name for path in AM.glob("*.yml"))


def test_a_hint_names_the_receiver_of_the_route_that_the_watchdog_takes() -> None:
    _, notes = notes_of(AM / "e-kube-prometheus.yml")
    assert notes[1][1] == (
        "route.routes[0]: the Watchdog may be silent for 12h10m here (repeat_interval + 2 x group_interval), and "
        "ingest.watchdog.silent_after is 5m: it would be reported as silent although it is not "
        "(write repeat_interval: 1m and group_interval: 1m at this route)"
    )


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ("[{receiver: a, matchers: [severity=critical]}, {receiver: b, matchers: [alertname=Watchdog], %s}]", ""),
        ("[{receiver: a, matchers: [team=~.+]}, {receiver: b, matchers: [severity=none], %s}]", ""),
        ("[{receiver: b, matchers: [alertname=Watchdog, cluster=eu], %s}]", ""),
        ("[{receiver: a, matchers: ['severity=~none|info']}, {receiver: b, matchers: [alertname=Watchdog], %s}]",
         "receiver: a"),
        ("[{receiver: null-one, matchers: [alertname=~Watch.*]}]", "no route sends alertname=\"Watchdog\" here"),
    ],
)  # fmt: skip
def test_the_route_that_the_watchdog_takes_is_judged(tmp_path: Path, routes: str, said: str) -> None:
    hook = f"webhook_configs: [{{url: '{OUR}'}}]"
    quick = "repeat_interval: 1m, group_interval: 1m"
    inhibitor = "{receiver: null-one, matchers: [alertname=InfoInhibitor]}, "
    listed = routes % quick if "%s" in routes else routes
    file = tmp_path / "am.yml"
    file.write_text(
        f"route: {{receiver: a, group_by: [alertname], routes: [{inhibitor}{listed[1:]}}}\n"
        f"receivers: [{{name: a, {hook}}}, {{name: b, {hook}}}, {{name: null-one}}]\n"
    )
    problems, notes = notes_of(file)
    assert problems == []
    watched = [text for _, text in notes if "Watchdog" in text]
    assert [said in text for text in watched] == ([True] if said else []), watched


@pytest.mark.parametrize(
    ("group_by", "wide"),
    [("[job]", True), ("[cluster, service]", True), ("[alertname]", False), ("['...']", False), ("[]", False)],
)
def test_a_group_so_wide_that_a_different_alert_joins_it_is_warned_about(
    tmp_path: Path, group_by: str, wide: bool
) -> None:
    file = tmp_path / "am.yml"
    file.write_text(PLAIN.replace("[namespace]", group_by))
    _, notes = notes_of(file)
    assert any("such an alert joins" in text for _, text in notes) is wide
    one = "routes: [{receiver: incidents, matchers: [alertname=Disk]}]"
    file.write_text(
        PLAIN.replace("[namespace]", f"[alertname], routes: [{{receiver: incidents, group_by: [job], {one}}}]")
    )
    _, notes = notes_of(file)
    assert [text.partition(":")[0] for _, text in notes if "such an alert joins" in text] == [
        "route.routes[0].group_by"
    ]


@pytest.mark.parametrize("matcher", ["matchers: ['ns=~{0}']", "match_re: {{ns: {0}}}"])
def test_a_pattern_that_is_too_long_here_is_no_mistake_there(tmp_path: Path, matcher: str) -> None:
    file = tmp_path / "am.yml"
    child = f"{{receiver: incidents, {matcher.format('|'.join(f'space-{n}' for n in range(300)))}}}"
    file.write_text(PLAIN.replace("[namespace]", f"[alertname], routes: [{child}]"))
    problems, notes = notes_of(file)
    assert problems == []
    (said,) = [text for _, text in notes if "bytes" in text]
    assert "Alertmanager accepts it" in said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://x.example/receiver/webhooks/alertmanager", "a proxy in front of it must strip /receiver"),
        ("http://x/webhooks/alertmanager?token=a", ""),
        ("<receiver>/webhooks/alertmanager/", ""),
        ("{{ url }}/webhooks/alertmanager", ""),
        ("http://$(HOST):8080/webhooks/alertmanager", ""),
    ],
)
def test_addresses_that_lead_here(tmp_path: Path, url: str, said: str) -> None:
    file = tmp_path / "am.yml"
    file.write_text(PLAIN.replace(OUR, url))
    problems, notes = notes_of(file)
    assert problems == []
    assert [said in text for _, text in notes if "proxy" in text] == ([True] if said else [])


def wrapped(kind: str) -> str:
    """Return PLAIN inside what `kind` wraps around it, without the help of what reads it."""
    block = textwrap.indent(PLAIN, "    ")
    meta = "metadata: {name: am}\n"
    if kind == "secret":
        data = base64.b64encode(PLAIN.encode()).decode()
        return f"apiVersion: v1\nkind: Secret\n{meta}data:\n  alertmanager.yaml: {data}\n"
    if kind == "gzip":
        data = base64.b64encode(gzip.compress(PLAIN.encode())).decode()
        return f"apiVersion: v1\nkind: Secret\n{meta}data: {{alertmanager.yaml.gz: {data}}}\n"
    if kind == "string":
        return f"apiVersion: v1\nkind: Secret\n{meta}stringData:\n  alertmanager.yaml: |\n{block}type: Opaque\n"
    if kind == "configmap":
        return f"apiVersion: v1\nkind: ConfigMap\n{meta}data:\n  config.yml: |-\n{block}"
    if kind == "list":
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(wrapped("string"))]})
    if kind == "helm":
        return f"kube-prometheus-stack:\n  alertmanager:\n    config:\n{textwrap.indent(PLAIN, '      ')}"
    if kind == "two documents":
        return f"apiVersion: v1\nkind: ConfigMap\n{meta}---\n{wrapped('string')}"
    return f"template_files: {{}}\nalertmanager_config: |\n{block}"


KINDS = {
    # kind: (line of group_by, path in front of it)
    "secret": (5, "data.alertmanager.yaml.route.group_by"),
    "gzip": (4, "data.alertmanager.yaml.gz.route.group_by"),
    "string": (6, "stringData.alertmanager.yaml.route.group_by"),
    "configmap": (6, "data.config.yml.route.group_by"),
    "list": (1, "stringData.alertmanager.yaml.route.group_by"),
    "helm": (4, "kube-prometheus-stack.alertmanager.config.route.group_by"),
    "two documents": (10, "stringData.alertmanager.yaml.route.group_by"),
    "mimir": (3, "alertmanager_config.route.group_by"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrapped_around_a_configuration_is_taken_off(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "am.yml"
    file.write_text(wrapped(kind))
    problems, notes = notes_of(file)
    assert problems == []
    assert len(notes) == 3, notes
    ((line, text),) = [note for note in notes if WIDE in note[1]]
    place, path = KINDS[kind]
    assert line == place
    assert path + ": " in text


def test_names_of_an_alertmanagerconfig_are_those_of_the_file(tmp_path: Path) -> None:
    text = (
        (AM / "h-crd.yml")
        .read_text()
        .replace("[alertname, job]", "[job]")
        .replace("sendResolved: true", "sendResolved: false")
    )
    file = tmp_path / "crd.yml"
    file.write_text(text)
    problems, notes = notes_of(file)
    assert problems == []
    assert [note.partition(": ")[0] for _, note in notes] == [
        "spec.route.groupBy",
        "spec.receivers[0].webhookConfigs[0].sendResolved",
    ]
    assert "write groupBy: [alertname, job]" in notes[0][1]


OPERATOR = """\
apiVersion: v1
kind: List
items:
  - apiVersion: monitoring.coreos.com/v1alpha1
    kind: AlertmanagerConfig
    metadata: {name: shop, namespace: shop}
    spec:
      route:
        receiver: here
        groupBy: [alertname, tier]
        groupWait: 1m30s
        groupInterval: ""
        routes:
          - receiver: elsewhere
            matchers:
              - {name: tier, value: gold, matchType: "!="}
              - {name: zone, value: 'us-.*', regex: true}
              - {name: host.name, value: 'web "1"', matchType: "="}
              - {name: path, value: '/v[0-9]{1,2}', matchType: "!~"}
      receivers:
        - {name: here, webhookConfigs: [{urlSecret: {name: addresses, key: receiver}}]}
        - {name: elsewhere, webhookConfigs: [{url: 'http://chat.example.com/'}]}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: other}, data: {a: b}}
"""


@pytest.mark.parametrize(
    ("change", "receiver"),
    [({}, "elsewhere"), ({"tier": "gold"}, "here"), ({"zone": "eu-1"}, "here"), ({"host.name": "web 1"}, "here"),
     ({"path": "/v12"}, "here"), ({"path": "/v123"}, "elsewhere")],
)  # fmt: skip
def test_matchers_of_an_alertmanagerconfig(change: dict[str, str], receiver: str) -> None:
    (routing,) = read_all(OPERATOR, "list.yaml")
    assert (routing.problems, routing.notes) == ([], [])
    labels = {"tier": "silver", "zone": "us-1", "host.name": 'web "1"', **change}
    assert [route.receiver for route in routing.reached(labels)] == [receiver]
    assert routing.root is not None
    assert routing.root.times["group_wait"].total_seconds() == 90


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nspec: {encryptedData: {a: x}}\n", "encrypted"),
        ("apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nspec: {}\n", "only refers to its contents"),
        ("apiVersion: monitoring.coreos.com/v1\nkind: Alertmanager\nspec: {replicas: 3}\n", "only names its config"),
        ("route:\n  receiver: {{ .Values.receiver }}\n  routes: {{- toYaml . }}\n", "Render it first"),
        ("global: {}\n", "extract that part"),
        ("route: {receiver: a}\n", "receivers: missing"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_all(text, "am.yml")
    assert said in str(caught.value)


RULES = {
    "mimir-ns.yml": [],
    "multidoc.yml": ["A"],
    "prometheusrule.yml": ["KubePodCrashLooping"],
    "watchdog.yml": ["Watchdog", "InfoInhibitor", "Paged"],
}


@pytest.mark.parametrize("name", RULES)
def test_a_file_of_rules_is_read(name: str) -> None:
    rules, notes = alert_rules((SAMPLES / "rules" / name).read_text(), name)
    assert [rule.name for rule in rules] == RULES[name]
    assert [note.line for note in notes] == ([7] if name == "multidoc.yml" else [])


GROUP = "groups: [{name: g, rules: [{alert: A, expr: up}]}]\n"
SHAPES = [
    ("", []), ("---\n", []), ("null\n", []), ("{}\n", []), ("groups:\n", []), ("# nothing\n", []),
    ("groups: [{name: g}, ]\n", []), ("groups: [{name: g, rules: }]\n", []), ("groups: [null]\n", []),
    ("groups: [{name: g, rules: [null]}]\n", []), (f"\ufeff{GROUP}", ["A"]), (GROUP.replace("\n", "\r\n"), ["A"]),
    (f"{GROUP}---\n[ {{\n", ["A"]),
    ("---\n---\n" + GROUP, []), (GROUP.replace("alert: A", "record: , alert: 5"), ["5"]),
    (GROUP.replace("expr: up", "expr: up, for: 1y2w3d4h5m6s7ms, labels: {a: null, b: 1}, annotations: "), ["A"]),
    ("groups: [{name: g, interval: 0, rules: [&x {alert: A, expr: up}, {<<: *x, alert: B}]}]\n", ["A", "B"]),
]  # fmt: skip


def test_what_the_api_of_prometheus_answers_is_read() -> None:
    rules = [
        {"name": "Lag", "query": "lag > 5", "type": "alerting", "labels": {"severity": "page"}, "annotations": {}},
        {"name": "job:lag:max", "query": "max(lag)", "type": "recording"},
    ]
    text = json.dumps({"status": "success", "data": {"groups": [{"name": "g", "file": "f.yml", "rules": rules}]}})
    (rule,), _ = alert_rules(text, "rules.json")
    assert (rule.name, rule.labels) == ("Lag", {"severity": "page"})


def test_rules_of_grafana_are_told_as_such() -> None:
    rule = {"uid": "a", "title": "Lag", "condition": "C", "data": [], "labels": {"severity": "page"}}
    text = json.dumps({"apiVersion": 1, "groups": [{"orgId": 1, "name": "g", "folder": "f", "rules": [rule]}]})
    with pytest.raises(ConfigError, match="a Grafana Alerting rule"):
        alert_rules(text, "grafana.json")


@pytest.mark.parametrize(("text", "names"), SHAPES)
def test_what_promtool_accepts_is_read(tmp_path: Path, text: str, names: list[str]) -> None:
    rules, _ = alert_rules(text, "rules.yml")
    assert [rule.name for rule in rules] == names
    file = tmp_path / "rules.yml"
    file.write_bytes(text.encode())
    promtool = shutil.which("promtool")
    assert promtool, "promtool comes with Prometheus"
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    # It counts recording rules too, and calls an expression of the wrong kind a failure: neither is here.
    assert f"SUCCESS: {len(names)} rules found" in done.stdout, done.stderr


ROUTE = "route: {{receiver: a, {}}}\nreceivers: [{{name: a}}]\n"
ROUTES = [
    *(f"group_interval: {text}" for text in ("1y2d", "1w", "90061007ms", "5m0s", "1d1h1m1s1ms")),
    *(f"group_wait: {text}" for text in ("0", "0s", "")),
    *(
        f"routes: [{{matchers: [{json.dumps(text)}]}}]"
        for text in ("a==b", "{}", "{a=b,}", "a=b,c=d", "a=", '{a="x,y"}', " a = b ", "{a=b", "a=b}", "", 'a=~"{x,y}"')
    ),
    "routes: , group_by: , matchers: , match: ",
    "routes: [{match: {a: 5, b: }, continue: yes}]",
    f"routes: [{{match_re: {{a: {'x' * 2000}}}}}]",
]


@pytest.mark.parametrize("text", ROUTES)
def test_what_amtool_accepts_is_no_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "am.yml"
    file.write_text(ROUTE.format(text))
    amtool = shutil.which("amtool")
    assert amtool, "amtool comes with Alertmanager"
    subprocess.run([amtool, "check-config", file], check=True, capture_output=True)
    assert [problem for routing in read_all(file.read_text(), "am.yml") for problem in routing.problems] == []


HERE = f"{{name: here, webhook_configs: [{{url: '{OUR}'}}]}}"
ELSEWHERE = "{name: elsewhere, webhook_configs: [{url: 'http://chat.example.com/hook'}]}"
SENDS_NOTHING = [
    # (the route, what is said of the receiver that posts here)
    ("{receiver: here, routes: [{receiver: elsewhere}]}", 'no route leads to "here"'),
    ("{receiver: here, routes: [{matchers: [team=a], receiver: elsewhere}, {receiver: elsewhere}]}", "no route leads"),
    ("{receiver: here, routes: [{matchers: ['team=~.*'], receiver: elsewhere}]}", "no route leads"),
    ("{receiver: here, routes: [{match_re: {team: '.*'}, receiver: elsewhere}]}", "no route leads"),
    ("{receiver: here, routes: [{receiver: elsewhere, continue: true}]}", "no route leads"),
    ("{receiver: elsewhere, routes: [{receiver: elsewhere}, {receiver: here}]}", "no route leads"),
    ("{receiver: elsewhere, routes: [{matchers: [a=b], routes: [{matchers: [a=c], receiver: here}]}]}", "no route"),
    ("{receiver: elsewhere}", "no route leads"),
]


@pytest.mark.parametrize(("route", "said"), SENDS_NOTHING)
def test_routes_that_bring_nothing_here_are_no_mistake(tmp_path: Path, route: str, said: str) -> None:
    file = tmp_path / "am.yml"
    file.write_text(f"route: {route}\nreceivers: [{HERE}, {ELSEWHERE}]\n")
    amtool = shutil.which("amtool")
    assert amtool, "amtool comes with Alertmanager"
    subprocess.run([amtool, "check-config", file], check=True, capture_output=True)
    problems, notes = notes_of(file)
    assert problems == []
    assert [(line, said in text) for line, text in notes] == [(2, True)], notes


@pytest.mark.parametrize(
    "route",
    [
        "{receiver: here, routes: [{matchers: ['team!=\"\"'], receiver: elsewhere}]}",
        "{receiver: here, routes: [{matchers: ['team=~.+'], receiver: elsewhere}]}",
        "{receiver: elsewhere, routes: [{receiver: elsewhere, continue: true}, {receiver: here}]}",
        "{receiver: elsewhere, routes: [{matchers: ['n=~x{2}y'], receiver: elsewhere}, {receiver: here}]}",
    ],
)
def test_nothing_is_said_of_a_receiver_that_some_alert_reaches(tmp_path: Path, route: str) -> None:
    file = tmp_path / "am.yml"
    file.write_text(f"route: {route}\nreceivers: [{HERE}, {ELSEWHERE}]\n")
    problems, notes = notes_of(file)
    assert problems == []
    assert not [text for _, text in notes if "no route leads" in text]


MATCHERS = [
    # (an entry of `matchers:`, what its route matches, whether Alertmanager 0.25 accepts it, a part of a warning)
    ("{tier=gold,}", {"tier": "gold"}, True, ""),
    ('{tier="gold", zone!~"us-.*",}', {"tier": "gold", "zone": "eu"}, True, ""),
    ("tier=gold}}", {"tier": "gold}"}, True, ""),
    ("{tier=gold} ", {"tier": "gold}"}, True, ""),
    ("tier=~x{2}", {"tier": "x{2"}, True, "lacks its last brace"),
    ('tier=~"x{2}"', {"tier": "xx"}, True, ""),
    ("{tier=~x{2}}", {"tier": "xx"}, True, ""),
    ("unit=a\\,zone=b", {"unit": "a\\", "zone": "b"}, True, ""),
    (r'unit="\\d"', {"unit": "\\d"}, True, ""),
    ("tier=~a)|(b", None, True, "what this route matches is unknown"),
    ('"host.name"="web-1"', {"host.name": "web-1"}, False, ""),
    ('{"host.name"=~"web-.*", tier=gold,}', {"host.name": "web-1", "tier": "gold"}, False, ""),
    (' {tier="gold"} ', {"tier": "gold"}, False, ""),
    (r'tier=~"\u00e9+"', {"tier": "éé"}, False, ""),
    (r'"tier"="\xe2\x98\x83"', {"tier": "☃"}, False, ""),
    ('""="x"', None, False, "an empty label name"),
]


@pytest.mark.parametrize(("text", "labels", "old", "warning"), MATCHERS)
def test_a_matcher_is_read_as_alertmanager_reads_it(
    tmp_path: Path, text: str, labels: dict[str, str] | None, old: bool, warning: str
) -> None:
    file = tmp_path / "am.yml"
    file.write_text(ROUTE.format(f"routes: [{{matchers: [{json.dumps(text)}], group_by: [here]}}]"))
    amtool = shutil.which("amtool")
    assert amtool, "amtool comes with Alertmanager"
    assert (subprocess.run([amtool, "check-config", file], check=False, capture_output=True).returncode == 0) is old
    (routing,) = read_all(file.read_text(), "am.yml")
    assert routing.problems == []
    assert [warning in note.message for note in routing.notes] == ([True] if warning else [])
    if labels is not None:
        assert [route.group_by for route in routing.reached(labels)] == [("here",)]
        assert [route.group_by for route in routing.reached({"other": "x"})] == [()]


REFUSED = [
    "group_interval: 1.5h", "group_interval: 5m1h", "group_interval: 0s", "group_wait: 300y", "repeat_interval: ''",
    "routes: [{matchers: [',']}]", "routes: [{matchers: ['a=\"b']}]", "routes: [{matchers: ['a=b,,c=d']}]",
    "routes: [{matchers: ['{a.b=c} d']}]", "routes: [{matchers: ['a=~(']}]", "routes: [{match_re: {a: '['}}]",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_amtool_refuses_is_an_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "am.yml"
    file.write_text(ROUTE.format(text))
    amtool = shutil.which("amtool")
    assert amtool
    assert subprocess.run([amtool, "check-config", file], check=False, capture_output=True).returncode == 1
    assert len(read_all(file.read_text(), "am.yml")[0].problems) == 1


LIST = "[{name: g, rules: [{alert: A, expr: up}]}]"
RULE = "apiVersion: a/v1\nkind: %s\nspec: {groups: %s}\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a.yaml: |\n    " + GROUP, ["A"]),
        ("namespace: team\n" + GROUP, ["A"]),
        (f"ns1: {LIST}\nns2: {LIST.replace('A', 'B')}\n", ["A", "B"]),
        ("additionalPrometheusRulesMap: {mine: {groups: [{name: g, rules: [{alert: A, expr: up}]}]}}\n", ["A"]),
        (f"{RULE % ('VMRule', LIST)}---\n{RULE % ('PrometheusRule', LIST.replace('A', 'B'))}", ["A", "B"]),
    ],
)  # fmt: skip
def test_what_is_wrapped_around_rules_is_taken_off(text: str, names: list[str]) -> None:
    rules, notes = alert_rules(text, "f")
    assert [rule.name for rule in rules] == names
    assert notes == []


def test_labels_of_a_group_count_for_its_rules_and_a_rule_of_its_own() -> None:
    rule = "{alert: A, expr: up, labels: {severity: info}}"
    text = f"groups: [{{name: g, labels: {{severity: page, team: a}}, rules: [{rule}]}}]\n"
    ((read,), _) = alert_rules(text, "f")
    assert read.labels == {"severity": "info", "team": "a"}


def test_other_files_are_told_apart() -> None:
    with pytest.raises(ConfigError, match="rule_files"):
        alert_rules("scrape_configs: []\n", "prometheus.yml")
    with pytest.raises(ConfigError, match="Render it first"):
        alert_rules("groups:\n- name: {{ .Name }}\n  rules: {{- x }}\n", "rules.yml")


@pytest.mark.parametrize(
    "text", ["[" * 500_000, "{a: " * 200_000, "- " * 300_000, "? " * 300_000, "a: '" + "x" * 900_000]
)
def test_odd_files_are_refused_in_time(text: str) -> None:
    with pytest.raises(ConfigError, match="not YAML"):
        read_all(text, "am.yml")


HIDDEN = """\
route:
  receiver: {default}
  group_by: [alertname]
  group_interval: 5m
  routes:
    - {{receiver: snitch, matchers: ['alertname="Watchdog"'], repeat_interval: 30m}}
    - {{receiver: nowhere, matchers: ['alertname="InfoInhibitor"']}}
receivers:
  - {{name: snitch, webhook_configs: [{{url_file: /secrets/snitch}}]}}
  - {{name: nowhere}}
  - {{name: known, webhook_configs: [{{url: '{our}'}}]}}
  - {{name: hidden, webhook_configs: [{{url_file: /secrets/url}}]}}
  - {{name: chat, slack_configs: [{{channel: '#c'}}]}}
"""


@pytest.mark.parametrize("default", ["known", "hidden"])
def test_nothing_is_said_of_an_address_that_a_secret_hides(default: str, tmp_path: Path) -> None:
    file = tmp_path / "am.yml"
    text = HIDDEN.format(default=default, our=OUR)
    if default == "hidden":
        text = text.replace(f"url: '{OUR}'", "url: 'http://elsewhere.example.com/'")
    file.write_text(text)
    assert notes_of(file) == ([], [])


def test_what_gets_nothing_but_heartbeats_is_another_service(tmp_path: Path) -> None:
    file = tmp_path / "am.yml"
    file.write_text(HIDDEN.format(default="chat", our="http://elsewhere.example.com/"))
    problems, notes = notes_of(file)
    assert problems == []
    assert ["no receiver sends to this service" in text for _, text in notes] == [True]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig", "utf-8"])
def test_a_file_may_be_written_in_the_encodings_that_yaml_has(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    rules = tmp_path / "rules.yml"
    rules.write_bytes((mark + GROUP.replace("\n", "\r\n")).encode(encoding))
    promtool = shutil.which("promtool")
    assert promtool, "promtool comes with Prometheus"
    subprocess.run([promtool, "check", "rules", rules], capture_output=True, check=True)
    found = look_at([rules], {})
    assert (found.problems, found.alert_rules) == ([], {rules: 1})
    file = tmp_path / "am.yml"
    file.write_bytes((mark + PLAIN.replace("namespace", "nämespace")).encode(encoding))
    problems, notes = notes_of(file)
    assert problems == []
    assert any("the same nämespace form one group" in text for _, text in notes)


def test_what_the_shell_pipes_is_read_as_a_file_is(tmp_path: Path) -> None:
    made = tmp_path / "am.yml"
    made.write_text(PLAIN)
    command = f"{sys.executable} -m receiver.cli check-config {AM / 'base.yaml'} <(cat {made}) <(echo '{GROUP}')"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "form one group" in done.stdout
    assert "1 Prometheus alert rule, not a file" in done.stdout


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_beside_others_is_one_without_rules(tmp_path: Path, text: str) -> None:
    (tmp_path / "am.yml").write_text(PLAIN)
    (tmp_path / "rules.yml").write_text(text)
    found = look_at([tmp_path / "am.yml", tmp_path / "rules.yml"], {})
    assert (found.problems, found.alert_rules) == ([], {tmp_path / "rules.yml": 0})
    assert look_at([tmp_path / "rules.yml"], {}).problems, "a configuration needs its sections"
