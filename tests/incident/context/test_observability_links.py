"""Deep links are built from the configuration, with labels only as values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from receiver.config.settings.feature_settings import GrafanaLink, JaegerLink, Links, LokiLink, Panel, SentryLink
from receiver.incident.context.observability_links import URL_LIMIT, fill, links_of, pictures_of
from receiver.model.alert.alert import NO_TIME

BEGAN = datetime(2026, 11, 23, 14, 2, 11, 611000, UTC)
NOW = BEGAN + timedelta(minutes=30)
ALL = Links(
    grafana=GrafanaLink(url="https://grafana.example.com", datasource="prometheus"),
    loki=LokiLink(url="https://grafana.example.com/sub", datasource="loki"),
    jaeger=JaegerLink(url="https://jaeger.example.com"),
    sentry=SentryLink(url="https://sentry.example.com", organization="stratum"),
)
LABELS = {"alertname": "HighErrorRate", "service": "checkout-api"}
HOSTILE = [
    '"} or {x="',
    "a\\",
    'x"\n} |= `y`',
    "&panes=evil#",
    "{{ alertname }}",
    "../../x?y=1",
    "é\ud800",
    "<!channel>|x",
    "%00",
]


def made(
    labels: dict[str, str] = LABELS, notes: dict[str, str] | None = None, ended: datetime | None = None
) -> dict[str, str]:
    return {link.text: link.href for link in links_of(ALL, labels, notes or {}, BEGAN, ended, NOW)}


def panes(url: str) -> dict[str, object]:
    pane = json.loads(parse_qs(urlsplit(url).query)["panes"][0])["inc"]
    assert isinstance(pane, dict)
    return pane


def test_each_link_leads_where_the_configuration_says() -> None:
    found = made()
    assert list(found) == ["Grafana", "Logs", "Traces", "Sentry"]
    logs = panes(found["Logs"])
    assert found["Logs"].startswith("https://grafana.example.com/sub/explore?schemaVersion=1&panes=")
    assert logs["queries"] == [
        {
            "refId": "A",
            "datasource": {"type": "loki", "uid": "loki"},
            "expr": '{service="checkout-api"}',
            "queryType": "range",
        }
    ]
    assert "+" not in found["Logs"]
    assert 'ALERTS{alertname="HighErrorRate",service="checkout-api"}' in str(panes(found["Grafana"]))
    asked = parse_qs(urlsplit(found["Traces"]).query)
    assert (asked["service"], asked["lookback"]) == (["checkout-api"], ["custom"])
    sentry = urlsplit(found["Sentry"])
    assert sentry.path == "/organizations/stratum/issues/"
    assert parse_qs(sentry.query)["query"] == ['is:unresolved project:"checkout-api"']


def test_the_window_reaches_from_before_the_start_to_after_the_end() -> None:
    begin, end = BEGAN - timedelta(minutes=10), NOW + timedelta(minutes=5)
    assert panes(made()["Logs"])["range"] == {
        "from": str(round(begin.timestamp() * 1000)),
        "to": str(round(end.timestamp() * 1000)),
    }
    ended = BEGAN + timedelta(minutes=7)
    closed = parse_qs(urlsplit(made(ended=ended)["Traces"]).query)
    assert closed["end"] == [str(round((ended + timedelta(minutes=5)).timestamp() * 1000) * 1000)]
    assert parse_qs(urlsplit(made(ended=ended)["Sentry"]).query)["start"] == ["2026-11-23T13:52:11"]


def test_without_a_start_it_is_the_last_hour() -> None:
    found = {link.text: link.href for link in links_of(ALL, LABELS, {}, NO_TIME, None, NOW)}
    begin = NOW - timedelta(hours=1, minutes=10)
    assert parse_qs(urlsplit(found["Traces"]).query)["start"] == [str(round(begin.timestamp() * 1000) * 1000)]


def test_a_link_whose_label_is_missing_is_left_out() -> None:
    assert list(made({"alertname": "X"})) == ["Grafana"]
    assert made({"alertname": "", "service": ""}) == {}


def test_what_is_off_is_left_out() -> None:
    assert links_of(Links(), LABELS, {}, BEGAN, None, NOW) == ()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_label_is_a_value_and_nothing_else(hostile: str) -> None:
    found = made({"alertname": hostile, "service": hostile})
    assert list(found) == ["Grafana", "Logs", "Traces", "Sentry"]
    carried = hostile.encode("utf-8", "replace").decode()
    escaped = hostile.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    for url in found.values():
        parts = urlsplit(url)
        assert parts.hostname in ("grafana.example.com", "jaeger.example.com", "sentry.example.com")
        assert parts.fragment == ""
        assert url.isascii()
        assert not set(' "<>\n|`') & set(url)
    assert set(parse_qs(urlsplit(found["Logs"]).query)) == {"schemaVersion", "panes", "orgId"}
    assert json.dumps(panes(found["Logs"])["queries"]).count("service=") == 1
    assert str(panes(found["Logs"])["queries"][0]["expr"]) == f'{{service="{escaped}"}}'  # type: ignore[index]
    assert parse_qs(urlsplit(found["Traces"]).query)["service"] == [carried]


def test_a_number_is_a_project_of_sentry_by_id() -> None:
    asked = parse_qs(urlsplit(made({"service": "4501"})["Sentry"]).query)
    assert (asked["project"], asked["query"]) == (["4501"], ["is:unresolved"])


def test_a_link_that_would_be_too_long_is_left_out() -> None:
    found = made({"alertname": "X", "service": "é" * 1000}, {"runbook_url": "https://x.example/" + "a" * URL_LIMIT})
    assert found == {}


@pytest.mark.parametrize("url", ["https://runbooks.example.com/a?b=c#d", "http://wiki:8080/x"])
def test_a_runbook_on_the_web_is_linked(url: str) -> None:
    assert made({}, {"runbook_url": url}) == {"Runbook": url}


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://x/y",
        "//evil/x",
        "/x",
        "https://",
        "https://a@evil/",
        "https://x/ y",
        "https://x/\ny",
        "https://x/\u202ey",
        "https://x|runbook",
        "https://x/<!channel>",
        'https://x/"y',
        "https://x:port/",
        "x",
        "",
    ],
)
def test_any_other_runbook_is_not(url: str) -> None:
    assert made({}, {"runbook_url": url}) == {}


def test_only_names_of_labels_are_replaced() -> None:
    assert fill("{{ a }}-{{b}}-{c}-{{ 7*7 }}", {"a": "{{ b }}", "b": "2", "c": "3"}) == "{{ b }}-2-{c}-{{ 7*7 }}"
    assert fill("{{ a }}", {}) is None
    assert fill("plain", {}) == "plain"


PANELS = GrafanaLink(
    url="https://grafana.example.com/sub",
    panels=(
        Panel(title="Error rate", dashboard="abc-1", panel=7, variables={"service": "{{ service }}", "env": "prod"}),
        Panel(title="Pods", dashboard="abc-1", panel=8, variables={"ns": "{{ namespace }}"}),
    ),
)


@pytest.mark.parametrize("service", ["checkout-api", *HOSTILE])
def test_a_picture_is_of_the_panel_and_the_time_of_the_incident(service: str) -> None:
    (one,) = pictures_of(PANELS, {"service": service}, BEGAN, BEGAN + timedelta(hours=1), NOW)
    assert one.text == "Error rate"
    parts = urlsplit(one.href)
    assert (parts.netloc, parts.path) == ("grafana.example.com", "/sub/render/d-solo/abc-1/panel")
    assert parse_qs(parts.query) == {
        "orgId": ["1"], "panelId": ["7"], "from": ["1795441931611"], "to": ["1795446431611"],
        "width": ["1000"], "height": ["400"], "tz": ["UTC"], "var-env": ["prod"],
        "var-service": [service.encode(errors="replace").decode()],
    }  # fmt: skip


def test_a_dashboard_is_named_by_its_uid_alone() -> None:
    with pytest.raises(ValueError, match="dashboard"):
        Panel(title="x", dashboard="../../api", panel=1)
