"""Settings of the life cycle of incidents."""

from __future__ import annotations

import re
from datetime import timedelta
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from receiver.config.settings.addresses import EmptyIsNone
from receiver.incident.service_name import SERVICE_FROM
from receiver.model.setting_values import Duration, PositiveDuration
from receiver.model.settings_base import Settings
from receiver.model.severity_policy import NewAlert
from receiver.triage.matchers import MatcherText


class CustomerVisibility(Settings):
    """Whether an incident affects customers: the label decides, or else the scope."""

    label: str = Field("customer_visible", min_length=1)
    """A label with the value true or false."""
    scopes: tuple[str, ...] = ("all_users", "many_users", "single_tenant")
    """Scopes of the severity rules that customers see."""


def _check_id(text: str) -> str:
    try:
        pieces = [
            (name, spec) for _, name, spec, conversion in Formatter().parse(text) if name is not None or conversion
        ]
    except ValueError:
        pieces = []
    if "number" not in [name for name, _ in pieces] or not all(
        name in ("year", "month", "number") and re.fullmatch(r"(0?[1-9]d?)?", spec or "") for name, spec in pieces
    ):
        raise ValueError(
            "not a pattern for ids (write {number}, with or without {year}, such as INC-{year}-{number:04d})"
        )
    return text


def _check_correlation(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or not all(names):
        raise ValueError("nothing to correlate by (write [group] or names of labels, such as [service, environment])")
    if "group" in names and len(names) > 1:
        raise ValueError("group cannot be combined with labels (write [group], or names of labels only)")
    if len(set(names)) != len(names):
        raise ValueError("a label is listed twice (list each once)")
    return names


class PrivateIncidents(Settings):
    """Which incidents only their own team can see."""

    matchers: tuple[MatcherText, ...] = Field(min_length=1)
    """Matchers on the labels that the incident's alerts share; all must match."""


class Incidents(Settings):
    """The life cycle of incidents."""

    id: Annotated[str, AfterValidator(_check_id)] = "INC-{year}-{number:04d}"
    """Format of ids, with {year}, {month} and {number}."""
    correlate_by: Annotated[tuple[str, ...], AfterValidator(_check_correlation)] = ("group",)
    """Which alerts share an incident. `[group]`: by receiver and group labels; or names of labels."""
    service_from: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] = SERVICE_FROM
    """Labels that name an incident's service; the first whose value is not an exporter is used."""
    detect_at_most: PositiveDuration = timedelta(hours=1)
    """An alert that had been firing for longer than this at its first notification is excluded from the time to
    detect."""
    monitor_for: Duration = timedelta(minutes=15)
    """How long to monitor after every alert has ended, before resolving."""
    auto_resolve: bool = True
    """Whether the incident then resolves automatically."""
    reopen_within: Duration = timedelta(hours=1)
    """An alert that fires again within this time after the resolution reopens the incident."""
    new_alert_while_acknowledged: NewAlert | None = None
    """If a new alert joins an acknowledged incident: `page` the person who acknowledged, if it is more severe than
    all earlier ones or starts more than 10 min later; `notify`: chat; `ignore`; none: `page` for SEV-1 and SEV-2, else
    `notify`."""
    history: PositiveDuration = timedelta(days=400)
    """How long closed incidents are kept in the store."""
    compress_after: PositiveDuration | None = timedelta(days=1)
    """How long after its last change an incident that is over is compressed; null: none is compressed, and
    compressed ones are expanded again."""
    archive: Annotated[str | None, EmptyIsNone] = None
    """Folder for older incidents, in JSON Lines, one file per month; none: they are deleted."""
    customer_visible: CustomerVisibility = CustomerVisibility()
    """Which incidents customers see."""
    visibility: Literal["all", "team"] = "all"
    """Who can see an incident: callers of every team, or only those of its own team. Incidents of a private team are
    visible only to that team in any case."""
    private: PrivateIncidents | None = None
    """Incidents that only their own team can see, even if `visibility` is `all`."""
    emergency_paging: bool = True
    """Whether SEV-1 and SEV-2 are paged directly while the store is unavailable."""
    emergency_after: PositiveDuration = timedelta(seconds=2)
    """How long a refused SEV-1 or SEV-2 may wait to be stored before it is paged without the store."""
