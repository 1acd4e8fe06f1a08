"""The source of a text in an alert: `labels.x` or `annotations.x`, optionally only for certain alerts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from receiver.model.alert.alert import Alert
from receiver.model.base import Frozen
from receiver.triage.matchers import Matcher, MatcherText, parse_matcher
from receiver.triage.safe_text import quoted


def _checked(text: str) -> str:
    place, dot, name = text.partition(".")
    if place not in ("labels", "annotations") or not dot or not name.strip():
        raise ValueError(f"{quoted(text)} is not a field of an alert; write labels.NAME or annotations.NAME")
    return text


class SourceSettings(Frozen):
    """One source. The text `annotations.x` means the same as `{source: annotations.x}`."""

    source: Annotated[str, AfterValidator(_checked)] = Field(description="`labels.NAME` or `annotations.NAME`")
    alerts: tuple[MatcherText, ...] = Field(
        (), description="Matchers; the field is used only for alerts that match all of them"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"source": value} if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Source:
    """A source with compiled matchers."""

    text: str
    annotation: bool
    name: str
    alerts: tuple[Matcher, ...]

    def read(self, alert: Alert) -> str | None:
        """Return the raw text; None if it is absent or the source does not apply to this alert."""
        text = (alert.annotations if self.annotation else alert.labels).get(self.name)
        if text is None or not self.alerts:
            return text
        labels = alert.labels
        return text if all(matcher.matches(labels) for matcher in self.alerts) else None


def compile_sources(settings: Iterable[SourceSettings]) -> tuple[Source, ...]:
    """Return the sources in the order in which they are to be tried."""
    sources = []
    for item in settings:
        place, _, name = item.source.partition(".")
        matchers = tuple(parse_matcher(text) for text in item.alerts)
        sources.append(Source(item.source, place == "annotations", name, matchers))
    return tuple(sources)
