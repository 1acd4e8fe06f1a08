"""Deep links of an incident: metrics, logs, traces, errors, runbook. Pure.

Every link is built by urllib from a base of the configuration. Labels are untrusted text: they replace a `{{ name }}`,
escaped for the language of the link, and are never used as a template. A link is left out if its label is missing or it
would become too long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit

from receiver.incident.context.logql_query import in_quotes, query_of
from receiver.model.delivery.notice import Link

URL_LIMIT = 3000
"""Maximum number of characters of the URL of a button in Slack (Slack API)."""
BEFORE, AFTER = timedelta(minutes=10), timedelta(minutes=5)
"""How long before and after the incident the time range of a link begins and ends."""
UNKNOWN_START = timedelta(hours=1)
"""How far back the time range reaches if the alerts do not say when the incident began."""

RUNBOOK = "Runbook"
"""The text of the link to the alert's own runbook."""

_PLACE = re.compile(r"\{\{\s*((?!\d)[^\s{}()|'\"`\\,;=*+%<>!&^~$@#?]+)\s*\}\}")
_UNSAFE = re.compile(r"[^!-~]")


class GrafanaSettings(Protocol):
    """`links.grafana`."""

    @property
    def url(self) -> str:
        """Grafana's address, without a closing slash."""

    @property
    def datasource(self) -> str:
        """Uid of the data source in Grafana."""


class PanelSettings(Protocol):
    """An entry of `links.grafana.panels`."""

    @property
    def title(self) -> str:
        """The title of the panel."""

    @property
    def dashboard(self) -> str:
        """The uid of the dashboard."""

    @property
    def panel(self) -> int:
        """The number of the panel on its dashboard."""

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables of the dashboard, with placeholders for labels."""


class PanelsSettings(GrafanaSettings, Protocol):
    """`links.grafana`, for images of panels."""

    @property
    def panels(self) -> Sequence[PanelSettings]:
        """Panels that are shown as images."""


class LokiSettings(GrafanaSettings, Protocol):
    """`links.loki`: logs, explored in Grafana."""

    @property
    def query(self) -> str:
        """LogQL with placeholders for labels."""


class JaegerSettings(Protocol):
    """`links.jaeger`."""

    @property
    def url(self) -> str:
        """Jaeger's address, without a closing slash."""

    @property
    def service(self) -> str:
        """The service in Jaeger, with placeholders for labels."""


class SentrySettings(Protocol):
    """`links.sentry`."""

    @property
    def url(self) -> str:
        """Sentry's address, without a closing slash."""

    @property
    def organization(self) -> str:
        """The organization in Sentry."""

    @property
    def project(self) -> str:
        """The project in Sentry (slug or number), with placeholders for labels."""


class LinksSettings(Protocol):
    """`links` of the configuration; each is None if it is not configured."""

    @property
    def grafana(self) -> GrafanaSettings | None:
        """Metrics."""

    @property
    def loki(self) -> LokiSettings | None:
        """Logs."""

    @property
    def jaeger(self) -> JaegerSettings | None:
        """Traces."""

    @property
    def sentry(self) -> SentrySettings | None:
        """Errors."""


def links_of(
    settings: LinksSettings, labels: Mapping[str, str], annotations: Mapping[str, str], started_at: datetime,
    ended_at: datetime | None, now: datetime,
) -> tuple[Link, ...]:  # fmt: skip
    """Return the links of the configuration and the alert's `runbook_url`, in the order of their use."""
    window = _window(started_at, ended_at, now)
    made = (
        (RUNBOOK, web(annotations.get("runbook_url", ""))),
        ("Grafana", _metrics(settings.grafana, labels, window) if settings.grafana else None),
        ("Logs", _logs(settings.loki, labels, window) if settings.loki else None),
        ("Traces", _traces(settings.jaeger, labels, window) if settings.jaeger else None),
        ("Sentry", _errors(settings.sentry, labels, window) if settings.sentry else None),
    )
    return tuple(Link(text=text, href=href) for text, href in made if href and len(href) <= URL_LIMIT)


def pictures_of(
    settings: PanelsSettings, labels: Mapping[str, str], started_at: datetime, ended_at: datetime | None, now: datetime
) -> tuple[Link, ...]:
    """Return links to images of panels, which Grafana renders for the time of the incident."""
    window = _window(started_at, ended_at, now)
    made = ((one.title, _picture(settings.url, one, labels, window)) for one in settings.panels)
    return tuple(Link(text=title, href=href) for title, href in made if href and len(href) <= URL_LIMIT)


def images_of(annotations: Mapping[str, str]) -> tuple[Link, ...]:
    """Return the image in the alert's `image_url`, if that is an https address."""
    found = web(annotations.get("image_url", ""))
    return (Link(text="Graph", href=found),) if found and urlsplit(found).scheme == "https" else ()


Window = tuple[datetime, datetime]


def fill(template: str, labels: Mapping[str, str], escape: Callable[[str], str] = str) -> str | None:
    """Return `template` with each `{{ name }}` replaced by that label, escaped; None when one is missing or empty."""
    if any(not labels.get(name) for name in _PLACE.findall(template)):
        return None
    return _PLACE.sub(lambda place: escape(labels[place[1]]), template)


def _window(started_at: datetime, ended_at: datetime | None, now: datetime) -> Window:
    began = started_at if started_at.year > 1970 else now - UNKNOWN_START
    return min(began, now) - BEFORE, (ended_at or now) + AFTER


def _picture(base: str, one: PanelSettings, labels: Mapping[str, str], window: Window) -> str | None:
    filled = {f"var-{name}": fill(text, labels) for name, text in one.variables.items()}
    variables = {name: value for name, value in filled.items() if value is not None}
    if len(variables) < len(filled):
        return None
    asked = {
        "orgId": "1", "panelId": str(one.panel), "from": str(_ms(window[0])), "to": str(_ms(window[1])),
        "width": "1000", "height": "400", "tz": "UTC", **variables,
    }  # fmt: skip
    return f"{base}/render/d-solo/{quote(one.dashboard, safe='')}/panel?{_query(asked)}"


def web(url: str) -> str | None:
    """Return `url` if a message may link to it, else None.

    Annotations and a wiki's answers are untrusted: only URLs that lead to a website under the visible host name pass.
    """
    if not url or len(url) > URL_LIMIT or _UNSAFE.search(url) or any(character in url for character in "<>\"'`\\|"):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (a port that is no number shows only when it is read)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else None


def _metrics(settings: GrafanaSettings, labels: Mapping[str, str], window: Window) -> str | None:
    names = [name for name in ("alertname", "service", "cluster", "namespace") if labels.get(name)]
    if "alertname" not in names:
        return None
    chosen = ",".join(f'{name}="{in_quotes(labels[name])}"' for name in names)
    query = {"expr": f"ALERTS{{{chosen}}}", "range": True}
    return _explore(settings, "prometheus", query, window)


def _logs(settings: LokiSettings, labels: Mapping[str, str], window: Window) -> str | None:
    expression = query_of(settings.query, labels)
    if expression is None:
        return None
    return _explore(settings, "loki", {"expr": expression, "queryType": "range"}, window)


def _explore(settings: GrafanaSettings, kind: str, query: Mapping[str, object], window: Window) -> str:
    source = {"type": kind, "uid": settings.datasource}
    pane = {
        "datasource": settings.datasource,
        "queries": [{"refId": "A", "datasource": source, **query}],
        "range": {"from": str(_ms(window[0])), "to": str(_ms(window[1]))},
    }
    panes = json.dumps({"inc": pane}, separators=(",", ":"))
    return f"{settings.url}/explore?{_query({'schemaVersion': '1', 'panes': panes, 'orgId': '1'})}"


def _traces(settings: JaegerSettings, labels: Mapping[str, str], window: Window) -> str | None:
    service = fill(settings.service, labels)
    if service is None:
        return None
    begin, end = (str(_ms(moment) * 1000) for moment in window)
    asked = {"service": service, "start": begin, "end": end, "lookback": "custom", "limit": "20"}
    return f"{settings.url}/search?{_query(asked)}"


def _errors(settings: SentrySettings, labels: Mapping[str, str], window: Window) -> str | None:
    project = fill(settings.project, labels)
    if project is None:
        return None
    begin, end = (moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") for moment in window)
    numbered = project.isascii() and project.isdigit()
    search = "is:unresolved" if numbered else f'is:unresolved project:"{in_quotes(project)}"'
    asked = {"query": search, "start": begin, "end": end, "utc": "true"} | ({"project": project} if numbered else {})
    return f"{settings.url}/organizations/{quote(settings.organization, safe='')}/issues/?{_query(asked)}"


def _query(asked: Mapping[str, str]) -> str:
    # A space is encoded as %20, because + means a space only in some places. Text that UTF-8 cannot encode is replaced.
    return urlencode(asked, quote_via=quote, safe="", errors="replace")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
