"""The settings of links, objectives, maintenance, reviews, heartbeats, and verification."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator

from receiver.config.settings.addresses import EmptyIsNone, SecretWebAddress, WebAddress
from receiver.model.oncall.schedule_settings import check_weekly
from receiver.model.setting_values import Number, PositiveDuration, Ratio, ZoneName
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity
from receiver.triage.matchers import MatcherText

_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LABEL = re.compile(r"\s*(?!\d|labels\.|annotations\.)[^\s{}()|'\"`\\,;=*+%<>!&^~$@#?]+\s*")
"""The name of a label: dots, slashes and any letters are allowed in one (UTF-8 names of Prometheus 3)."""


def _check_template(text: str) -> str:
    rest = _PLACE.sub("", text)
    if "{{" in rest or not all(_LABEL.fullmatch(place) for place in _PLACE.findall(text)):
        raise ValueError("{{ }} does not hold a label (write only a label name, such as {{ service }})")
    return text


LabelTemplate = Annotated[str, AfterValidator(_check_template)]
"""Text in which `{{ name }}` stands for a label of the alert; nothing else is evaluated."""


class Panel(Settings):
    """A Grafana panel that post-mortems show as an image of the incident's time range."""

    title: str = Field(min_length=1)
    """The heading of the image."""
    dashboard: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")
    """The uid of its dashboard."""
    panel: int = Field(ge=1)
    """Its number there."""
    variables: dict[str, LabelTemplate] = {}
    """Variables of the dashboard; the panel is omitted if a label that one of them names is missing."""


class GrafanaLink(Settings):
    """Links to metrics in Grafana."""

    url: WebAddress
    """Grafana's address."""
    datasource: str = "prometheus"
    """The data source there."""
    panels: tuple[Panel, ...] = ()
    """Panels that post-mortems show as images; Grafana needs its image renderer."""
    token: SecretStr = SecretStr("")
    """Token of a service account that may write annotations, to annotate incidents; empty: no annotations."""


class LokiLink(Settings):
    """Links to logs in Grafana."""

    url: WebAddress
    """Grafana's address."""
    datasource: str = "loki"
    """The data source there."""
    query: LabelTemplate = '{service="{{ service }}"}'
    """The query."""


class JaegerLink(Settings):
    """Links to traces in Jaeger."""

    url: WebAddress
    """Jaeger's address."""
    service: LabelTemplate = "{{ service }}"
    """The service there."""


class SentryLink(Settings):
    """Links to errors in Sentry."""

    url: WebAddress
    """Sentry's address."""
    organization: str = Field(min_length=1)
    """The organization there."""
    project: LabelTemplate = "{{ service }}"
    """The project there."""


class Github(Settings):
    """GitHub repositories whose deployments and releases are read."""

    api_url: WebAddress = "https://api.github.com"
    """GitHub's API."""
    repositories: dict[str, str] = {}
    """Owner and name of the repository of each service."""
    token: SecretStr = SecretStr("")
    """Token with read access; empty: anonymous."""


class Runbooks(Settings):
    """Wiki pages with runbooks."""

    channel: str = Field(min_length=1)
    """The channel of the wiki (`kind: confluence`), whose space is searched."""
    label: str = Field("runbook", pattern=r"^[^\s\"]{1,100}$")
    """Label of these pages; a page that also has an alert or a service as a label is linked in its incidents."""


class Links(Settings):
    """Deep links in every page, ticket and incident; a link that is not configured is off."""

    grafana: GrafanaLink | None = None
    """Metrics."""
    loki: LokiLink | None = None
    """Logs."""
    jaeger: JaegerLink | None = None
    """Traces."""
    sentry: SentryLink | None = None
    """Errors."""
    github: Github | None = None
    """Deployments."""
    runbooks: Runbooks | None = None
    """Runbooks in a wiki."""


def _check_window(text: str | None) -> str | None:
    if text is not None and {place.strip() for place in _PLACE.findall(text)} != {"window"}:
        raise ValueError("the query does not use the requested window (write [{{ window }}] as its range)")
    return text


class Objective(Settings):
    """An objective whose error budget post-mortems and reviews report."""

    name: str = Field(min_length=1)
    """Its name."""
    target: Ratio
    """The fraction of the time that must be good, such as 99.9%."""
    window: PositiveDuration = timedelta(days=30)
    """The time window."""
    severities: tuple[Severity, ...] = Field(default=(Severity.SEV1, Severity.SEV2), min_length=1)
    """Incidents that spend the budget."""
    promql: Annotated[str | None, AfterValidator(_check_window)] = None
    """A query for the bad fraction over `{{ window }}`, 0 to 1; none: the duration of incidents counts as bad time."""


def _under_a_week(lasts: timedelta) -> timedelta:
    if lasts >= timedelta(weeks=1):
        raise ValueError("a weekly window of a week or more never ends (write less than 7d, such as 2h)")
    return lasts


class Maintenance(Settings):
    """A weekly maintenance window, in which no one is paged."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = Field(min_length=1)
    """Purpose of the window."""
    matchers: tuple[MatcherText, ...] = Field(min_length=1)
    """Alerts that match all of these do not page."""
    weekly: Annotated[str, AfterValidator(check_weekly)]
    """When it begins, such as `Sunday 03:00`, in wall-clock time."""
    lasts: Annotated[PositiveDuration, AfterValidator(_under_a_week)] = Field(alias="for")
    """How long it lasts: less than a week."""
    timezone: ZoneName = "UTC"
    """The zone of `weekly`."""
    components: tuple[str, ...] = ()
    """Components of the status page that it affects."""
    public_name: Annotated[str, Field(max_length=200)] = ""
    """Its name on the status page; empty: "Scheduled maintenance" and the names of its components."""
    enabled: bool = True
    """Whether it applies."""


class Monthly(Settings):
    """The monthly review."""

    channel: str
    """A key of `channels`: where it is posted."""
    wiki: bool = False
    """Whether it becomes a page of the wiki."""


def _check_category(text: str) -> str:
    place, _, name = text.partition(".")
    if place not in ("labels", "annotations") or not name:
        raise ValueError("not a field of an alert (write labels.NAME or annotations.NAME)")
    return text


LEAST_DELAY, MOST_DELAY = timedelta(seconds=10), timedelta(days=3)
"""How far ahead an ntfy server schedules a message."""


def _check_delay(after: timedelta) -> timedelta:
    if not LEAST_DELAY <= after <= MOST_DELAY:
        raise ValueError("not a delay that ntfy can schedule (write 10s to 3d)")
    return after


class Reviews(Settings):
    """Settings of reviews."""

    categories: tuple[Annotated[str, AfterValidator(_check_category)], ...] = ("labels.category", "labels.service")
    """An incident's category: the first of these that is set."""
    monthly: Monthly | None = None
    """The monthly review; none: only on request."""


class DeadMan(Settings):
    """A message that an ntfy server delivers unless this service postpones it with each heartbeat."""

    channel: str
    """A key of `channels`, of kind ntfy."""
    topic: str = Field(pattern=r"^[-_A-Za-z0-9]{1,64}$")
    """The topic for the message that says that paging no longer works."""
    after: Annotated[PositiveDuration, AfterValidator(_check_delay)] = timedelta(minutes=5)
    """How long after the last heartbeat it is delivered; 10 s to 3 days, the limits of the server."""


class Heartbeat(Settings):
    """A heartbeat to an external service, sent while paging works end to end."""

    url: Annotated[SecretWebAddress | None, EmptyIsNone] = None
    """Address of the heartbeat; none: off. Secret, because its path may be the only credential."""
    every: PositiveDuration = timedelta(minutes=1)
    """Interval; with `ntfy` at least 10 s."""
    ntfy: DeadMan | None = None
    """A dead man's switch on an ntfy server; none: off."""

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.ntfy is not None and self.every < LEAST_DELAY:
            raise ValueError("every is too short for ntfy (write 10s or more)")
        if self.ntfy is not None and self.ntfy.after < 2 * self.every:
            raise ValueError("one late heartbeat would raise the alarm (write an `after` of twice `every` or more)")
        return self


class Check(Settings):
    """One condition to check: the status of an HTTP address, or the value of a query."""

    name: str = Field(min_length=1)
    """Its name."""
    http: Annotated[WebAddress | None, EmptyIsNone] = None
    """An address to request with GET."""
    expect_status: int = Field(200, ge=100, le=599)
    """The status that `http` must return."""
    promql: str | None = None
    """A Prometheus query; needs `below` or `above`."""
    below: Number | None = None
    """The value of `promql` must be less than this, such as 5% or 0.05."""
    above: Number | None = None
    """The value of `promql` must be more than this."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.http is None) == (self.promql is None):
            raise ValueError("a check makes one kind of request (write exactly one of http and promql)")
        if (self.promql is not None) != (self.below is not None or self.above is not None):
            raise ValueError("a query and its limit belong together (write promql with below or above)")
        return self


class Verification(Settings):
    """When a fix counts as verified: all checks must pass for `incidents.monitor_for`."""

    prometheus_url: Annotated[WebAddress | None, EmptyIsNone] = None
    """Prometheus for queries; needed by checks with `promql`."""
    checks: tuple[Check, ...] = ()
    """Checks that must pass."""

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if self.prometheus_url is None and any(check.promql for check in self.checks):
            raise ValueError("a check with promql needs a Prometheus server (write prometheus_url: http://host:9090)")
        return self
