"""Measurements: named quantities read from an alert's text, each in one unit.

A value that cannot be read is reported and decides nothing: a broken annotation never hides an alert and never pages.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from receiver.model.alert.alert import Alert
from receiver.model.base import Frozen
from receiver.triage.matchers import MatcherText, parse_matcher
from receiver.triage.measurements.alert_fields import Source, SourceSettings, compile_sources
from receiver.triage.measurements.promql_query import Question
from receiver.triage.measurements.units import Unit, Unreadable, parse_quantity


class MeasurementSettings(Frozen):
    """A named quantity: its unit and its sources."""

    unit: Unit = Field(
        description="`ratio`, `seconds` or `factor`: how text values are parsed and thresholds are written"
    )
    sources: tuple[SourceSettings, ...] = Field(
        (),
        alias="from",
        description="Fields of an alert; the first readable one is used",
    )
    promql: str | None = Field(
        None,
        description="A Prometheus query in the base unit, used if no field has the value; `{{ label }}` within "
        "quotes is replaced by a label of the alert",
    )
    alerts: tuple[MatcherText, ...] = Field(
        (), description="Matchers of the alerts for which `promql` is queried; none: all"
    )

    @field_validator("sources")
    @classmethod
    def _some(cls, sources: tuple[SourceSettings, ...]) -> tuple[SourceSettings, ...]:
        # Not `min_length`, because it would be reported a second time for every invalid source.
        if not sources:
            raise ValueError("give at least one source, as in [annotations.error_rate]")
        return sources

    @field_validator("promql")
    @classmethod
    def _asked(cls, promql: str | None) -> str | None:
        if promql is not None:
            Question(promql)
        return promql

    @model_validator(mode="after")
    def _read_somewhere(self) -> Self:
        if not self.sources and self.promql is None:
            raise ValueError("the measurement has no source (write from: [annotations.error_rate], or promql)")
        if self.alerts and self.promql is None:
            raise ValueError("alerts without promql has no effect (write promql, or write alerts at a source)")
        return self


class Reading(NamedTuple):
    """The result of a measurement for one alert."""

    value: float | None
    """In the unit's base; None if no source had a readable text."""
    unreadable: tuple[str, ...] = ()
    """Why each source that was present could not be read."""


_ABSENT = Reading(None)


class Measurement:
    """A measurement ready to read alerts: `MeasurementSettings` with its sources compiled."""

    def __init__(self, name: str, settings: MeasurementSettings) -> None:
        self.name = name
        self.unit = settings.unit
        self.sources: tuple[Source, ...] = compile_sources(settings.sources)
        self.question = Question(settings.promql) if settings.promql is not None else None
        self._asked_for = tuple(parse_matcher(text) for text in settings.alerts)

    def ask(self, alert: Alert) -> str | None:
        """Return the query of this measurement for `alert`; None if there is none."""
        if self.question is None or not all(matcher.matches(alert.labels) for matcher in self._asked_for):
            return None
        return self.question.ask(alert.labels)

    @property
    def labels_asked(self) -> frozenset[str]:
        """The labels that determine whether there is a query, and which one."""
        if self.question is None:
            return frozenset()
        return frozenset(self.question.labels) | {matcher.name for matcher in self._asked_for}

    def read(self, alert: Alert) -> Reading:
        """Return the value of the first readable source, and the errors of unreadable ones."""
        unreadable: tuple[str, ...] = ()
        for source in self.sources:
            text = source.read(alert)
            if text is None:
                continue
            try:
                return Reading(parse_quantity(text, self.unit), unreadable)
            except Unreadable as error:
                unreadable += (f"{self.name} unreadable: {error}",)
        return Reading(None, unreadable) if unreadable else _ABSENT
