"""The settings of what looks outward or back: status page, links, objectives, maintenance, reviews, verification."""

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


class Component(Settings):
    """A part of the service that the public knows."""

    id: str = Field(min_length=1)
    """Its stable name."""
    name: str = Field(min_length=1)
    """What the public calls it."""
    matchers: tuple[MatcherText, ...] = ()
    """Incidents whose labels match all of these concern it."""


class StatusPage(Settings):
    """The built-in public page."""

    title: str = "Status"
    """Its heading."""
    components: tuple[Component, ...] = ()
    """What it shows."""


def _check_template(text: str) -> str:
    rest = _PLACE.sub("", text)
    if "{{" in rest or not all(_LABEL.fullmatch(place) for place in _PLACE.findall(text)):
        raise ValueError("a {{ }} that is no label (write the name of a label alone, such as {{ service }})")
    return text


LabelTemplate = Annotated[str, AfterValidator(_check_template)]
"""Text in which `{{ name }}` stands for a label of the alert; nothing else is evaluated."""


class Panel(Settings):
    """A panel of Grafana that post-mortems show as a picture of the incident's time."""

    title: str = Field(min_length=1)
    """What it shows."""
    dashboard: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")
    """The uid of its dashboard."""
    panel: int = Field(ge=1)
    """Its number there."""
    variables: dict[str, LabelTemplate] = {}
    """Variables of the dashboard; without a label that one of them names the panel is left out."""


class GrafanaLink(Settings):
    """Where Grafana explores metrics."""

    url: WebAddress
    """Grafana's address."""
    datasource: str = "prometheus"
    """The data source there."""
    panels: tuple[Panel, ...] = ()
    """Panels that post-mortems show as pictures; Grafana needs its image renderer."""
    token: SecretStr = SecretStr("")
    """Of a service account that may write annotations: incidents are marked in the graphs; empty: they are not."""


class LokiLink(Settings):
    """Where Grafana explores logs."""

    url: WebAddress
    """Grafana's address."""
    datasource: str = "loki"
    """The data source there."""
    query: LabelTemplate = '{service="{{ service }}"}'
    """The query."""


class JaegerLink(Settings):
    """Where traces are."""

    url: WebAddress
    """Jaeger's address."""
    service: LabelTemplate = "{{ service }}"
    """The service there."""


class SentryLink(Settings):
    """Where errors are."""

    url: WebAddress
    """Sentry's address."""
    organization: str = Field(min_length=1)
    """The organisation there."""
    project: LabelTemplate = "{{ service }}"
    """The project there."""


class Github(Settings):
    """Where deployments are read from."""

    api_url: WebAddress = "https://api.github.com"
    """GitHub's API."""
    repositories: dict[str, str] = {}
    """Owner and name of the repository of each service."""
    token: SecretStr = SecretStr("")
    """To read with; empty: without one."""


class Runbooks(Settings):
    """A wiki's pages that say what to do."""

    channel: str = Field(min_length=1)
    """The channel of the wiki (`kind: confluence`), whose space is searched."""
    label: str = Field("runbook", pattern=r"^[^\s\"]{1,100}$")
    """The label of such pages; with that of an alert or a service beside it, a page is linked to its incidents."""


class Links(Settings):
    """Deep links put into every page, ticket and incident; each is off when left out."""

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
    """Pages of a wiki."""


def _check_window(text: str | None) -> str | None:
    if text is not None and {place.strip() for place in _PLACE.findall(text)} != {"window"}:
        raise ValueError("not over the window that is asked for (write [{{ window }}] for the range of the query)")
    return text


class Objective(Settings):
    """An objective whose error budget post-mortems and reviews count against."""

    name: str = Field(min_length=1)
    """What it is called."""
    target: Ratio
    """The part of the time that must be good, such as 99.9%."""
    window: PositiveDuration = timedelta(days=30)
    """Over which time."""
    severities: tuple[Severity, ...] = Field(default=(Severity.SEV1, Severity.SEV2), min_length=1)
    """Incidents that spend the budget."""
    promql: Annotated[str | None, AfterValidator(_check_window)] = None
    """A query for the part that was bad over `{{ window }}`, 0 to 1; none: the time of incidents counts as bad."""


class Maintenance(Settings):
    """A window that comes back every week, in which nobody is paged."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = Field(min_length=1)
    """What is done then."""
    matchers: tuple[MatcherText, ...] = Field(min_length=1)
    """Alerts that match all of these do not page."""
    weekly: Annotated[str, AfterValidator(check_weekly)]
    """When it begins, as `Sunday 03:00`, in wall-clock time."""
    lasts: PositiveDuration = Field(alias="for")
    """How long it lasts."""
    timezone: ZoneName = "UTC"
    """The zone of `weekly`."""
    components: tuple[str, ...] = ()
    """Components of the status page that it concerns."""
    enabled: bool = True
    """Whether it holds."""


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
        raise ValueError("not a time that ntfy schedules a message for (write 10s to 3d)")
    return after


class Reviews(Settings):
    """What reviews count by."""

    categories: tuple[Annotated[str, AfterValidator(_check_category)], ...] = ("labels.category", "labels.service")
    """An incident's category: the first of these that it has."""
    monthly: Monthly | None = None
    """The monthly review; none: only when asked for."""


class DeadMan(Settings):
    """A message that an ntfy server delivers unless this service puts it off, each time that it beats."""

    channel: str
    """A key of `channels`, of kind ntfy."""
    topic: str = Field(pattern=r"^[-_A-Za-z0-9]{1,64}$")
    """The topic of whoever is to hear that nothing pages any more."""
    after: Annotated[PositiveDuration, AfterValidator(_check_delay)] = timedelta(minutes=5)
    """How long after the last beat; 10 s to 3 days, which is what a server takes."""


class Heartbeat(Settings):
    """A beat outside, while paging works end to end."""

    url: Annotated[SecretWebAddress | None, EmptyIsNone] = None
    """Where to; none: off. Secret, for its path may be all that is needed to beat."""
    every: PositiveDuration = timedelta(minutes=1)
    """How often; with `ntfy` at least 10 s."""
    ntfy: DeadMan | None = None
    """A dead man's switch at an ntfy server; none: there is none."""

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.ntfy is not None and self.every < LEAST_DELAY:
            raise ValueError("every is too short for ntfy (write 10s or more)")
        if self.ntfy is not None and self.ntfy.after < 2 * self.every:
            raise ValueError("one late beat would raise the alarm (write an `after` of twice `every` or more)")
        return self


class Check(Settings):
    """One thing that must hold: an address that answers, or a query below or above a number."""

    name: str = Field(min_length=1)
    """What it is called."""
    http: Annotated[WebAddress | None, EmptyIsNone] = None
    """An address to get ..."""
    expect_status: int = Field(200, ge=100, le=599)
    """... and the status that it must answer with."""
    promql: str | None = None
    """A query of Prometheus ..."""
    below: Number | None = None
    """... whose value must be less than this, such as 5% or 0.05 ..."""
    above: Number | None = None
    """... or more than this."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.http is None) == (self.promql is None):
            raise ValueError("a check asks one thing (write exactly one of http and promql)")
        if (self.promql is not None) != (self.below is not None or self.above is not None):
            raise ValueError("a query and its limit belong together (write promql with below or above)")
        return self


class Verification(Settings):
    """What "the fix is verified" means: all checks must hold for `incidents.monitor_for`."""

    prometheus_url: Annotated[WebAddress | None, EmptyIsNone] = None
    """Where queries are asked; needed by checks with `promql`."""
    checks: tuple[Check, ...] = ()
    """What must hold."""

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if self.prometheus_url is None and any(check.promql for check in self.checks):
            raise ValueError("a check with promql needs a Prometheus (write prometheus_url: http://host:9090)")
        return self
