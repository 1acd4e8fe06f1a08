"""A wrong value is reported with valid ones."""

from __future__ import annotations

import pytest

from tests.config.sample import SMALL, problems_of

SECTIONS = [
    ("server: {listen: localhost}", "server.listen: not an address to listen on", "127.0.0.1:8080"),
    ("server: {listen: '0.0.0.0:8080'}", "server.listen: listens on a non-loopback address without any", "auth.tokens"),
    ("server: {listen: ':8080'}\nauth: {tokens: [{name: a, token: '${NONE}', scopes: [read]}]}", "without any", ""),
    ("server: {max_body: 32 elephants}", "server.max_body: not a size", "32MiB"),
    ("redis: {url: 'http://:hunter2@x'}", "redis.url: not a store address", "redis://"),
    ("redis: {lease: 5s}", "redis: lease must be longer than send_deadline", "12s and 8s"),
    ("redis: {durability: replicas}", "redis: durability: replicas needs the number", "replicas: 1"),
    ("redis: {namespace: '{x}'}", "redis.namespace: not a namespace", "letters"),
    ("auth: {tokens: [{name: a, token: '${T}', scopes: [raed]}]}", "scopes[0]: no such value 'raed'", "mean read?"),
    (
        "auth: {tokens: [{name: a, token: '${T}', scopes: [read]}, {name: b, token: '${T}', scopes: [read]}]}",
        "auth.tokens[1].token: the same token as 'a'",
        "its own",
    ),
    ("auth: {oidc: {issuer: https://x}}", "auth.oidc.client_id: missing", ""),
    ("auth: {tokens: [{token: '${T}', scopes: [read]}]}", "auth.tokens[0].name: missing", "write name"),
    ("severity_rules: nowhere.yaml", "severity_rules: the file cannot be read: No such file", "relative"),
    ("ingest: {alertmanagers: [alertmanager]}", "ingest.alertmanagers[0]: not an http or https address", "https://"),
    ("ingest: {alertmanagers: [{url: am}]}", "ingest.alertmanagers[0].url: not an http or https address", "https://"),
    (
        "ingest: {alertmanagers: [{url: 'http://am', headers: {Host: am}}]}",
        "this header is set by the service itself", "remove it",
    ),
    (
        "ingest: {alertmanagers: [{url: 'http://am', headers: {'X Scope': am}}]}",
        "not a header name", "X-Scope-OrgID",
    ),
    (
        "ingest: {alertmanagers: [{url: 'http://u:p@am', headers: {Authorization: 'Bearer x'}}]}",
        "both the header Authorization and a user in the address", "keep one of them",
    ),
    ("ingest: {watchdog: {matchers: [Watchdog]}}", "ingest.watchdog.matchers[0]: ", "matcher"),
    ("ingest: {storm: {incidents: 0}}", "ingest.storm.incidents: ", "greater"),
    ("incidents: {id: INC-1}", "incidents.id: not a pattern for ids", "{number"),
    ("incidents: {id: 'INC-{number.__class__}'}", "incidents.id: not a pattern for ids", "{number"),
    ("incidents: {correlate_by: [group, service]}", "incidents.correlate_by: group cannot be combined", "[group]"),
    ("incidents: {correlate_by: []}", "incidents.correlate_by: nothing to correlate by", "[group]"),
    ("incidents: {customer_visible: {scopes: [all_usres]}}", "scopes[0]: the severity rules", "all_users?"),
    ("audiences: [{notify: [boss], matchers: ['category=~\"(\"']}]", "audiences[0].matchers[0]: ", "RE2"),
    ("audiences: [{notify: [bosss]}]", "audiences[0].notify[0]: no contact", "boss?"),
    ("links: {loki: {url: https://x, query: '{{ 7*7 }}'}}", "links.loki.query: {{ }} does not hold a", "{{ service"),
    ("links: {grafana: {url: 'javascript:alert(1)'}}", "links.grafana.url: not an http or https address", "https"),
    ("objectives: [{name: a, target: 999%}]", "objectives[0].target: not between 0% and 100%", "99.9%"),
    (
        "maintenance: [{name: a, matchers: ['a=\"b\"'], weekly: '03:00', for: 1h}]",
        "maintenance[0].weekly: the day is missing",
        "Sunday",
    ),
    (
        "maintenance: [{name: a, matchers: ['a=\"b\"'], weekly: 'Sun 03:00', for: 1h, components: [ap]}]\n"
        "status_page: {components: [{id: api, name: API}]}",
        "maintenance[0].components[0]: the status page has no component 'ap'",
        "api?",
    ),
    (
        "maintenance: [{name: a, matchers: ['a=\"b\"'], weekly: 'Sun 03:00', for: 7d}]",
        "maintenance[0].for: a weekly window of a week or more never ends",
        "less than 7d",
    ),
    ("reviews: {monthly: {channel: consol}}", "reviews.monthly.channel: no channel", "console?"),
    ("reviews: {categories: [category]}", "reviews.categories[0]: not a field of an alert", "labels.NAME"),
    ("verification: {checks: [{name: a}]}", "verification.checks[0]: a check makes one kind", "http and promql"),
    ("verification: {checks: [{name: a, promql: up, above: 0}]}", "verification: a check with", "prometheus_url"),
    ("service: [a]", "service: not a mapping", "key: value"),
    ("service: {name: 12}", "service.name: not text", "quotes"),
    ("servers: {}", "servers: unknown key", "server?"),
    ("zzz: {}", "zzz: unknown key", "one of audiences, auth"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "hint"), SECTIONS, ids=lambda value: str(value)[:40])
def test_a_mistake_in_a_section(text: str, message: str, hint: str) -> None:
    found = problems_of(SMALL + text + "\n", {"T": "t" * 20})
    assert any(message in line and hint in line for line in found), found
    assert not any("hunter2" in line or "t" * 20 in line for line in found)
