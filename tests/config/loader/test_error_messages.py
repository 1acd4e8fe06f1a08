"""Typical mistakes, each with its complete messages and the text at their positions."""

from __future__ import annotations

import pytest

from receiver.config.config_errors import Problem
from receiver.config.loader.config_loader import reading_of
from receiver.config.loader.rules_loader import read_rules
from tests.config.sample import ENV, HOME, REFERENCE

Row = tuple[str, str, dict[str, str]]
"""The replaced text of the reference, its replacement, and each message with the word at its position."""

CONFIGURATION: list[Row] = [
    (
        "page: [vp-engineering]}\n      - {after: 30m, page: [cto]}",
        "page: [vp-enginering]}\n      - {after: 30m, page: [cto]}",
        {
            (
                "escalations.sev-1.steps[0].page[0]: no contact is named 'vp-enginering' (did you mean vp-engineering?)"
            ): "vp-enginering",
        },
    ),
    (
        "  sev-3:\n    until: acknowledged\n    steps:",
        "  sev-3:\n    until: acknowledged\n    until: resolved\n    steps:",
        {
            "escalations.sev-3.until: duplicate key (keep one of them)": "until",
        },
    ),
    (
        "    title: Minor",
        "\ttitle: Minor",
        {
            (
                "not YAML: while scanning for the next token found character '\\t' that cannot start any token "
                "(indent with spaces)"
            ): "\t",
        },
    ),
    (
        "  SEV-3:\n",
        "  SEV-3: &minor\n    <<: *minor\n",
        {"not YAML: an alias for a value that contains it": "*minor"},
    ),
    (
        "timezone: UTC\n\nserver",
        "timezone: Europe/Belrin\n\nserver",
        {
            "service.timezone: no such time zone (did you mean Europe/Berlin?)": "Europe",
        },
    ),
    (
        "handoff: 'Tuesday 09:00'",
        "handoff: 'Tuseday 09:00'",
        {
            "schedules.secondary.handoff: no such day (write Monday to Sunday and a time, such as 'Monday 09:00')": "'",
        },
    ),
    (
        "handoff: 'Monday 09:00'",
        "handoff: 'Monday 9am'",
        {
            (
                "schedules.primary.handoff: not a time of day (write hours and minutes in two digits each, such as "
                "'09:00')"
            ): "'",
        },
    ),
    (
        "handoff: 'Monday 09:00'",
        "handoff: '09:00'",
        {
            "schedules.primary: a weekly rotation needs the day of its handoff (write handoff: 'Monday 09:00')": "{",
        },
    ),
    (
        "token: '${RESPONDER_TOKEN:-}'",
        "token: '${ADMIN_TOKEN}'",
        {
            "auth.tokens[3].token: the same token as 'on-call-cli' (give each caller its own token)": "'",
        },
    ),
    (
        "matchers: ['category=\"security\"'], notify",
        "matchers: ['category==\"security\"'], notify",
        {
            'audiences[0].matchers[0]: "category==\\"security\\"" uses ==; equality is written with one =': "'",
        },
    ),
    (
        "matchers: ['service=\"db\"']",
        "matchers: [service]",
        {
            (
                'maintenance[0].matchers[0]: "service" has no operator; a matcher is name="value", with one of = != '
                "=~ !~"
            ): "service",
        },
    ),
    (
        "'service=~\"automation.*\"'",
        "'service=~\"automation(.*\"'",
        {
            (
                'status_page.components[2].matchers[0]: "automation(.*" is not a valid RE2 regular expression: missing '
                "): automation(.* (RE2 has no look-around or back-references; exclude with !~ or !=)"
            ): "'",
        },
    ),
    (
        "respond_within: 1h",
        "respond_within: 1 hour",
        {
            (
                "severities.SEV-3.respond_within: not a duration (write a number and a unit: ms, s, m, h, d or w, "
                "such as 15m, 30s or 1m30s)"
            ): "1",
        },
    ),
    (
        "respond_within: 15m",
        "respond_within: 15",
        {
            "severities.SEV-2.respond_within: a duration needs a unit (write 15s, 15m or 15h)": "15",
        },
    ),
    (
        "{after: 30m, page: [vp-engineering]}",
        "{after: 10m, page: [vp-engineering]}",
        {
            "escalations.sev-2: steps out of order (write them from the earliest `after` to the latest)": "until",
        },
    ),
    (
        "token: '${ADMIN_TOKEN}'",
        "token_file: /nowhere/token",
        {
            (
                "auth.tokens[3].token_file: the file cannot be read: No such file or directory (check path and "
                "permissions)"
            ): "/",
        },
    ),
    (
        "token: '${ADMIN_TOKEN}'",
        "token: '${ADMIN-TOKEN}'",
        {
            (
                "auth.tokens[3].token: ${ is not followed by a variable (write ${NAME} or ${NAME:-default}; $${ stands "
                "for ${ itself)"
            ): "'",
        },
    ),
    (
        "token: '${ADMIN_TOKEN}'",
        "token: ${ADMIN_TOKEN}",
        {
            (
                "not YAML: while parsing a flow mapping expected ',' or '}', but got '{' (put ${NAME} in quotes "
                "between { and })"
            ): "{",
        },
    ),
    (
        "severity_rules: severity-rules.yaml",
        "severity_rules: rules/severity.yaml",
        {
            "severity_rules: the file cannot be read: No such file or directory (a path relative to this file)": "r",
        },
    ),
    (
        "listen: 127.0.0.1:8080",
        "listen: 0.0.0.0:80800",
        {
            "server.listen: not an address to listen on (write host:port, such as 127.0.0.1:8080)": "0.0.0.0",
        },
    ),
    (
        "durability: fsync ",
        "durability: fsnc ",
        {
            "redis.durability: no such value 'fsnc' (did you mean fsync?)": "fsnc",
        },
    ),
    (
        "durability: fsync ",
        "durability: replicas ",
        {
            "redis: durability: replicas needs the number of replicas (write replicas: 1 or more)": "url",
        },
    ),
    (
        "target: 99.9%",
        "target: 99,9%",
        {
            "objectives[0].target: not between 0% and 100% (write a percentage, such as 99.9%)": "99",
            "objectives[0].9%: unknown key (one of name, promql, severities, target, window)": "9",
        },
    ),
    (
        "below: 5%}",
        "below: 5%, above: five}",
        {
            "verification.checks[1].above: not a number (write a number or a percentage, such as 0.05 or 5%)": "five",
        },
    ),
    (
        "promql: 'sum",
        "http: 'sum",
        {
            "verification.checks[1].http: not an http or https address (write https://host/path)": "'",
        },
    ),
    (
        "kind: pagerduty",
        "kind: pagerdty",
        {
            "channels.pager.kind: no such kind of channel (did you mean pagerduty?)": "pagerdty",
        },
    ),
    (
        "scopes: [all_users, many_users, single_tenant]}",
        "scopes: [all_users, manyusers]}",
        {
            (
                "incidents.customer_visible.scopes[1]: the severity rules have no scope 'manyusers' (did you mean "
                "many_users?)"
            ): "manyusers",
        },
    ),
    (
        "pager: '${PD_KEY_BOB:-dbd30c573c052d6dbc19894dc6ebd2cf}'",
        "pagr: '${PD_KEY_BOB:-dbd30c573c052d6dbc19894dc6ebd2cf}'",
        {
            "people.bob.pagr: no channel has this name or kind (did you mean pager?)": "pagr",
        },
    ),
    (
        "slack: U0CAROL, pager: '${PD_KEY_CAROL:-5f8b5900845c9948c964196678404acd}', ",
        "slack: U0CAROL, ",
        {
            (
                "people.carol: contact 'on-call' pages this person, who has no address on a paging channel "
                "(write pager: ADDRESS)"
            ): "carol",
        },
    ),
    (
        "'${PD_KEY_CAROL:-5f8b5900845c9948c964196678404acd}'",
        "''",
        {
            (
                "people.carol.pager: contact 'on-call' pages this person, whose address here is empty "
                "(set the variable, or write the address)"
            ): "'",
        },
    ),
    (
        "weekly: 'Sunday 03:00'",
        "weekly: '03:00'",
        {
            "maintenance[0].weekly: the day is missing (write a day and a time, such as 'Sunday 03:00')": "'",
        },
    ),
    (
        "components: [api], enabled",
        "components: [apis], enabled",
        {
            "maintenance[0].components[0]: the status page has no component 'apis' (did you mean api?)": "apis",
        },
    ),
    (
        "id: INC-{year}-{number:04d}",
        "id: INC-{year}",
        {
            "incidents.id: not a pattern for ids (write {number}, with or without {year}, such as "
            "INC-{year}-{number:04d})": "I",
        },
    ),
    (
        "correlate_by: [group]",
        "correlate_by: [group, service]",
        {
            "incidents.correlate_by: group cannot be combined with labels "
            "(write [group], or names of labels only)": "[",
        },
    ),
    (
        "channel: chat, wiki",
        "channel: chatt, wiki",
        {
            "reviews.monthly.channel: no channel is named 'chatt' (did you mean chat?)": "chatt",
        },
    ),
    (
        "query: '{service=\"{{ service }}\"}'",
        "query: '{service=\"{{ labels.service }}\"}'",
        {
            "links.loki.query: {{ }} does not hold a label (write only a label name, such as {{ service }})": "'",
        },
    ),
    (
        "starts: 2026-11-02,",
        "starts: 2026-11-31,",
        {
            "schedules.primary.starts: not a day (write year-month-day, such as 2026-11-02)": "2026-11-31",
        },
    ),
    (
        "executives: {people: [vp-eng, cto, ceo]}",
        "executives: {people: [vp-eng, cto, ceo], person: cto}",
        {
            "contacts.executives: must name one target (write one of schedule, person, people and service)": "{",
        },
    ),
    (
        "days: [mon, tue, wed, thu, fri], from: '09:00', to: '17:00'",
        "days: [mon, tue, wed, thu, fri], from: '17:00', to: '09:00'",
        {
            ("severities.SEV-4.business_hours: the day ends before it begins (write a `to` later than `from`)"): "{",
        },
    ),
    (
        "listen: 127.0.0.1:8080",
        "listen: 127.0.0.1:8080\n---",
        {
            "channels: missing (write at least one)": "service",
            "severities: missing (write SEV-1 to SEV-4)": "service",
            "a second document (a file must have one document: remove the ---)": "---",
        },
    ),
    (
        "name: Stratum AI\n",
        "name: !!str Stratum AI\n",
        {
            "service.name: a tag (tags are not supported: write the plain value, or put text in quotes)": "!",
        },
    ),
]

RULES: list[Row] = [
    (
        "  - name: outage\n    severity: SEV-1",
        "  - name: outage\n    severity: SEV-1\n    at_most: SEV-3",
        {
            "rules[0]: a rule has either `severity` (it raises) or `at_most` (it caps), exactly one of them": "name",
        },
    ),
    (
        "['error_rate > 5%']",
        "['eror_rate > 5%']",
        {
            (
                'rules[4].when[0]: "eror_rate" is not a measurement; did you mean error_rate? known: error_rate, '
                "latency, scope, slowdown"
            ): "'",
        },
    ),
    (
        "['error_rate > 5%']",
        "['error_rate => 5%']",
        {
            'rules[4].when[0]: "=>" is not a comparison; use one of > >= < <= == !=': "'",
        },
    ),
    (
        "['error_rate > 5%']",
        "['error_rate > 5s']",
        {
            (
                'rules[4].when[0]: the value of error_rate (unit ratio): "5s" is not a number; write "7.3%", "7.3 '
                'percent" or "0.073"'
            ): "'",
        },
    ),
    (
        "['latency > 5s']",
        "['latency > 5,5s']",
        {
            (
                'rules[5].when[0]: the value of latency (unit seconds): "5,5s" has a comma; a decimal is written '
                'with a point; write "6.2s", "850ms", "1m30s" or "6.2"'
            ): "'",
        },
    ),
    (
        "'scope >= all_users'",
        "'scope >= everybody'",
        {
            'rules[3].when[1]: "everybody" is not a scope; known: all_users, internal, many_users, single_tenant': "'",
        },
    ),
    (
        "name: authentication",
        "name: high-latency",
        {
            'rules[7].name: there is another rule "high-latency"; names must differ': "high-latency",
        },
    ),
    (
        "name: authentication",
        "name: otherwise",
        {
            "rules[7].name: otherwise is reserved for decisions without a rule; give the rule another name": "o",
        },
    ),
    (
        "unit: factor",
        "unit: percent",
        {
            "measurements.slowdown.unit: no such value 'percent' (one of factor, ratio, seconds)": "percent",
        },
    ),
    (
        "[annotations.slowdown]",
        "[annotation.slowdown]",
        {
            (
                'measurements.slowdown.from[0]: "annotation.slowdown" is not a field of an alert; write labels.NAME '
                "or annotations.NAME"
            ): "annotation.slowdown",
        },
    ),
    (
        "'alertname=\"IntegrationDown\"'",
        '\'alertname="IntegrationDown", team="x"\'',
        {
            (
                'rules[6].matchers[0]: "alertname=\\"IntegrationDown\\", team=\\"x\\"" has several matchers; write '
                "each as a separate entry"
            ): "'",
        },
    ),
    (
        "'alertname=\"IntegrationDown\"'",
        'alertname=~"[" ',
        {
            (
                "not YAML: while parsing a flow sequence expected ',' or ']', but got '[' (put text with brackets, "
                "braces, commas or question marks in quotes)"
            ): "[",
        },
    ),
    (
        "order: [all_users, many_users, single_tenant, internal]",
        "order: [single_tenant, many_users, all_users]",
        {
            "scope: `order` must have all_users before many_users before single_tenant: the widest first": "order",
        },
    ),
    (
        "crit: SEV-2",
        "Critical: SEV-2",
        {
            'otherwise: "critical" appears in `map` twice; case is ignored': "label",
        },
    ),
]


def said(text: str, problems: list[Problem]) -> dict[str, str]:
    lines = text.split("\n")
    found = {}
    for problem in problems:
        place = f"f:{problem.line}:{problem.column}: "
        assert str(problem).startswith(place)
        found[str(problem).removeprefix(place)] = lines[problem.line - 1][problem.column - 1 :]
    return found


def compare(found: dict[str, str], expected: dict[str, str]) -> None:
    assert sorted(found) == sorted(expected)
    for message, word in expected.items():
        assert found[message].startswith(word), (message, found[message])


@pytest.mark.parametrize(("old", "new", "expected"), CONFIGURATION, ids=[row[1][:40] for row in CONFIGURATION])
def test_a_mistake_in_the_configuration(old: str, new: str, expected: dict[str, str]) -> None:
    assert old in REFERENCE
    text = REFERENCE.replace(old, new, 1)
    compare(said(text, reading_of(text, "f", ENV, HOME).mistakes), expected)


@pytest.mark.parametrize(("old", "new", "expected"), RULES, ids=[row[1][:40] for row in RULES])
def test_a_mistake_in_the_severity_rules(old: str, new: str, expected: dict[str, str]) -> None:
    rules = (HOME / "severity-rules.yaml").read_text()
    assert old in rules
    text = rules.replace(old, new, 1)
    compare(said(text, read_rules(text, "f")[1]), expected)
