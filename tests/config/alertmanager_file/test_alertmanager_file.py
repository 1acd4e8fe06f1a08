"""Alertmanager's file compared with the configuration: each mismatch with its line and column."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from receiver.config import check_files
from receiver.config.alertmanager_file import read
from receiver.triage.matchers import parse_matcher
from tests.config.sample import ENV, HOME, SMALL

NOW = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
GOOD = """\
global:
  resolve_timeout: 5m
route:
  receiver: incidents
  group_by: [alertname, service]
  group_interval: 1m
  routes:
    - matchers: ['alertname="Watchdog"']
      receiver: incidents
      group_wait: 0s
      repeat_interval: 1m
    - matchers: [team="data"]
      receiver: mail
    - {matchers: [alertname="InfoInhibitor"], receiver: mail}
receivers:
  - name: incidents
    webhook_configs:
      - url: http://receiver:8080/webhooks/alertmanager
        http_config: {authorization: {credentials_file: /run/secrets/token}}
  - name: mail
    email_configs: [{to: data@example.com}]
"""
TOKENS = "auth: {tokens: [{name: am, token: '${T}', scopes: [ingest]}, {name: me, token: '${U}', scopes: [read]}]}\n"
RULES = """\
scope: {tenant_label: tenant}
rules:
  - {name: alone, at_most: SEV-3, when: [scope == single_tenant]}
  - {name: lag, severity: SEV-2, matchers: ['team="data"', 'alertname="Lag"']}
  - {name: db, severity: SEV-1, matchers: ['alertname="DbDown"']}
"""
SECRET = "s3cr3t-of-alertmanager"


def found(tmp_path: Path, upstream: str, more: str = TOKENS, rules: str | None = None) -> tuple[list[str], list[str]]:
    (tmp_path / "am.yml").write_text(upstream)
    (tmp_path / "r.yaml").write_text(SMALL + more + ("severity_rules: rules.yaml\n" if rules else ""))
    if rules:
        (tmp_path / "rules.yaml").write_text(rules)
    env = {"T": SECRET, "U": "u" * 20}
    problems, notes = check_files([tmp_path / "r.yaml"], env, now=NOW, alertmanager=tmp_path / "am.yml")
    said = [[str(item).removeprefix(f"{tmp_path}/") for item in items] for items in (problems, notes)]
    assert not any(SECRET in line for items in said for line in items)
    return said[0], [line for line in said[1] if line.startswith("am.yml")]


def test_what_fits_is_good(tmp_path: Path) -> None:
    assert found(tmp_path, GOOD) == ([], [])
    problems, notes = check_files(sorted(HOME.glob("*.yaml")), ENV, now=NOW, alertmanager=tmp_path / "am.yml")
    assert problems == []
    assert not [note for note in notes if note.file.endswith("am.yml")]


ERRORS = [
    # (what is replaced, by what, the beginning of the problem, a part of the rest)
    ("receiver: incidents\n  group_by", "receiver: incident\n  group_by", "4:13: route.receiver: no receiver is named",
     "incidents?"),
    ("        http_config: {authorization: {credentials_file: /run/secrets/token}}\n", "",
     "18:9: receivers[0].webhook_configs[0]: no token is sent: every notification gets a 401", "ingest"),
    ("credentials_file: /run/secrets/token", "credentials: something-else",
     "19:52: receivers[0].webhook_configs[0].http_config.authorization.credentials: the token is not one", "same"),
    ("http://receiver", "http://am:other@receiver", "", ""),
    ("{authorization: {credentials_file: /run/secrets/token}}", "{basic_auth: {username: am, password: x}}",
     "19:60: receivers[0].webhook_configs[0].http_config.basic_auth.password: the token is not one", "401"),
    ("group_wait: 0s", "group_wait: 0", "", ""),
    ("group_wait: 0s", "group_wait: 1.5h", "10:19: route.routes[0].group_wait: not a Prometheus duration", "30s"),
    ("group_interval: 1m", "group_interval: 0s", "6:19: route.group_interval: group_interval cannot be zero", "30s"),
    ("[team=\"data\"]", "['team=~\"(\"']", "12:18: route.routes[1].matchers[0]: ", "RE2"),
    ("route:", "rout:", "1:1: route: missing", "alertmanager.yml"),
    ("  routes:", "\troutes:", "7:1: not YAML: ", "\\t"),
    ("receiver: incidents\n  group_by", "receiver: mail\n  group_by", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "begins", "holds"), ERRORS, ids=[row[1][:30] for row in ERRORS])
def test_what_cannot_work_is_an_error(tmp_path: Path, old: str, new: str, begins: str, holds: str) -> None:
    assert old in GOOD
    problems, _ = found(tmp_path, GOOD.replace(old, new, 1))
    if not begins:
        assert problems == []
        return
    (problem,) = problems
    assert problem.startswith(f"am.yml:{begins}"), problem
    assert holds in problem


NOTHING_SENT = [
    # (what is replaced, by what, the beginning of the warning, a part of the rest): Alertmanager accepts each
    ("/webhooks/alertmanager", "/webhook/alertmanager", '18:14: receivers[0].webhook_configs[0].url: "/webhook/alert',
     "/webhooks/alertmanager"),
    ("webhook_configs", "slack_configs", "15:1: receivers: no receiver sends to this service", "HOST:8080"),
    ("receiver: incidents", "receiver: mail", '16:11: receivers[0].name: no route leads to "incidents"',
     "write receiver: incidents in a route"),
    # The route of the receiver exists, and every alert matches a route below it.
    ("      receiver: incidents\n      group_wait: 0s\n      repeat_interval: 1m\n", "      receiver: mail\n"
     "    - {receiver: mail}\n", '15:11: receivers[0].name: no route leads to "incidents"', "that matches every alert"),
    ("      receiver: incidents\n      group_wait: 0s\n      repeat_interval: 1m\n", "      receiver: mail\n"
     "    - {receiver: mail, matchers: ['alertname=~\".*\"']}\n", "15:11: receivers[0].name: no route", "before any"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "begins", "holds"), NOTHING_SENT, ids=[row[1][:40] for row in NOTHING_SENT])
def test_a_file_that_sends_nothing_here_is_warned_about(
    tmp_path: Path, old: str, new: str, begins: str, holds: str
) -> None:
    assert old in GOOD
    problems, notes = found(tmp_path, GOOD.replace(old, new))
    assert problems == []
    assert notes[0].startswith(f"am.yml:{begins}"), notes
    assert holds in notes[0]
    assert len(notes) == 1


def test_tokens_of_other_doors_open_nothing(tmp_path: Path) -> None:
    tokens = "auth: {tokens: [{name: me, token: '${U}', scopes: [read]}]}\n"
    (problem,), _ = found(tmp_path, GOOD, tokens)
    assert "no token under auth.tokens has the scope ingest: every notification gets a 403" in problem
    assert found(tmp_path, GOOD.replace("        http_config", "        # http_config"), "")[0] == []


@pytest.mark.parametrize(
    "how",
    [
        f"authorization: {{credentials: {SECRET}}}",
        f"basic_auth: {{username: am, password: {SECRET}}}",
        "basic_auth: {username: am, password_file: token}",
        "bearer_token_file: token",
        f"http_headers: {{Authorization: {{values: [Bearer {SECRET}]}}}}",
    ],
)
def test_every_way_of_carrying_the_token_is_known(tmp_path: Path, how: str) -> None:
    text = GOOD.replace("authorization: {credentials_file: /run/secrets/token}", how)
    assert found(tmp_path, text) == ([], [])
    everywhere = GOOD.replace("        http_config: {authorization: {credentials_file: /run/secrets/token}}\n", "")
    assert found(tmp_path, everywhere.replace("global:\n", f"global:\n  http_config: {{{how}}}\n"))[0] == []


WATCH = "the Watchdog may be silent for 4h2m here"
WARNINGS = [
    # (what is replaced, by what, more of the configuration, the beginning of the warning, a part of the rest)
    ("        http_config", "        send_resolved: false\n        http_config", "",
     "19:24: receivers[0].webhook_configs[0].send_resolved: nothing reports when an alert ends", "true"),
    ("        http_config", "        max_alerts: 10\n        http_config", "",
     "19:21: receivers[0].webhook_configs[0].max_alerts: alerts of a group beyond 10", "remove it"),
    ("      repeat_interval: 1m\n", "", "", f"8:7: route.routes[0]: {WATCH}", "after is 5m"),
    ("      repeat_interval: 1m\n", "      repeat_interval: 4m\n", "", "11:24: route.routes[0].repeat_interval: the",
     "silent for 6m here"),
    ("Watchdog\"']\n      receiver: incidents", "Watchdog\"']\n      receiver: mail", "",
     "8:7: route.routes[0]: no route sends alertname=\"Watchdog\" here", "group_interval: 1m"),
    # The Watchdog's own route need not be grouped: there is no warning about it.
    ("  group_by: [alertname, service]\n", "", "", "3:1: route: without group_by, all alerts", "correlate_by"),
    ("[alertname, service]", "[]", "", "5:13: route.group_by: without group_by, all alerts", "correlate_by"),
    ("[alertname, service]", "['...']", "", "5:13: route.group_by: each alert forms its own group", "page"),
    ("[alertname, service]", "[alertname, tenant]", "", "5:25: route.group_by[1]: each notification has alerts of one",
     "remove tenant"),
    ("[alertname, service]", "[alertname]", "incidents: {correlate_by: [service]}\n",
     "5:13: route.group_by: service of incidents.correlate_by is missing", "add service"),
    ("      group_wait: 0s", "      mute_time_intervals: [nights]\n      group_wait: 0s", "",
     "10:7: route.routes[0].mute_time_intervals: Alertmanager never reports", "maintenance"),
    ("  group_interval: 1m", "  group_interval: 5m30s\n  group_wait: 30s",
     "ingest: {alertmanagers: [http://am:9093], watchdog: null}\n",
     "6:19: route.group_interval: group_wait + group_interval is 6m", "above 6m"),
    ("      group_wait: 0s", "      mute_time_intervals: []\n      group_wait: 0s", "", "", ""),
    ("  group_by", "  matchers: []\n  group_by", "", "", ""),
    ("matchers: [team=\"data\"]", "match: {team: data}\n      continue: yes", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "more", "begins", "holds"), WARNINGS, ids=[row[3][:50] for row in WARNINGS])
def test_what_is_unwise_is_a_warning(tmp_path: Path, old: str, new: str, more: str, begins: str, holds: str) -> None:
    assert old in GOOD
    rules = RULES if "tenant" in new or "lacks service" in begins or "..." in new else None
    problems, notes = found(tmp_path, GOOD.replace(old, new, 1), TOKENS + more, rules)
    assert problems == []
    if not begins:
        assert notes == []
        return
    assert any(note.startswith(f"am.yml:{begins}") and holds in note for note in notes), notes
    assert len(notes) == len({note.split(": ")[2][:20] for note in notes})


def test_rules_that_no_route_brings_alerts_for(tmp_path: Path) -> None:
    _, notes = found(tmp_path, GOOD, rules=RULES)
    (note,) = notes
    assert note.startswith('am.yml:3:1: route: no route sends the alerts of these severity rules here: "lag"')
    _, notes = found(
        tmp_path,
        GOOD.replace(
            "      receiver: mail\n", "      receiver: mail\n      continue: true\n    - matchers: [team=data]\n"
        ),
        rules=RULES,
    )
    assert notes == []


def test_a_file_that_is_gone_or_another(tmp_path: Path) -> None:
    problems, _ = check_files([], {}, now=NOW, alertmanager=tmp_path / "none.yml")
    assert [problem.message for problem in problems] == ["the file cannot be read: No such file or directory"]
    (problem,), _ = found(tmp_path, "- a\n")
    assert problem.startswith("am.yml:1:1: route: missing")
    (problem,), _ = found(tmp_path, "")
    assert problem.startswith("am.yml:1:1: route: missing")


ROUTES = """\
route:
  receiver: root
  routes:
    - {matchers: ['a="1"'], receiver: one, continue: true}
    - matchers: ['a=~"1|2"', b!="x"]
      receiver: two
      routes:
        - {match: {c: d}, receiver: deep}
    - {match_re: {b: 'x|y'}, receiver: three}
    - {matchers: ['{a="3",c=~"p,q"}'], receiver: four}
receivers: [{name: root}, {name: one}, {name: two}, {name: deep}, {name: three}, {name: four}]
"""


@pytest.mark.parametrize(
    ("matchers", "receivers"),
    [
        (['a="1"', 'b="z"', 'c=""'], ["one", "two"]),
        (['a="1"', 'b="x"', 'c=""'], ["one", "three"]),
        (['a="2"', 'b=""', 'c="d"'], ["deep"]),
        (['a="3"', 'b=""', 'c="p,q"'], ["four"]),
        (['a="3"', 'b=""', 'c="q"'], ["root"]),
        (['a="3"', 'b="y"'], ["three"]),
        (['a="2"'], ["deep", "two", "three"]),
        ([], ["one", "deep", "two", "three", "four", "root"]),
    ],
)
def test_routes_are_taken_as_alertmanager_takes_them(matchers: list[str], receivers: list[str]) -> None:
    routing = read(ROUTES, "am.yml")
    assert routing.problems == []
    assert [route.receiver for route in routing.taken([parse_matcher(text) for text in matchers])] == receivers


def test_anchors_and_merges_are_taken_as_alertmanager_takes_them(tmp_path: Path) -> None:
    text = GOOD.replace("      group_wait: 0s\n      repeat_interval: 1m\n", "      <<: *quick\n").replace(
        "global:\n", "x: &quick\n  group_wait: 0s\n  repeat_interval: 1m\nglobal:\n"
    )
    assert found(tmp_path, text) == ([], [])
    bomb = "x0: &x0 [a, a]\n" + "".join(f"x{i + 1}: &x{i + 1} [*x{i}, *x{i}]\n" for i in range(30)) + GOOD
    (problem,), _ = found(tmp_path, bomb)
    assert "or too large" in problem
    loop = GOOD.replace("route:\n", "route: &r\n").replace("routes:\n", "routes:\n    - *r\n")
    (problem,), _ = found(tmp_path, loop)
    assert "not YAML" in problem
