"""Scope: who is affected by a problem, from the alert's own label or by counting tenants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from receiver.model.alert.alert import Alert
from receiver.model.base import Frozen
from receiver.triage.measurements.alert_fields import SourceSettings, compile_sources
from receiver.triage.safe_text import nearest, quoted

ALL_USERS = "all_users"
MANY_USERS = "many_users"
SINGLE_TENANT = "single_tenant"
DEFAULT_ORDER = (ALL_USERS, MANY_USERS, SINGLE_TENANT, "internal")


class ScopeSettings(Frozen):
    """The scope of a problem, and its source in an alert."""

    order: tuple[str, ...] = Field(DEFAULT_ORDER, description="The scope values, widest first")
    sources: tuple[SourceSettings, ...] = Field(
        (SourceSettings(source="labels.scope"), SourceSettings(source="annotations.scope")),
        alias="from",
        description="Fields of an alert that may contain one of these values; the first that does is used",
    )
    tenant_label: str | None = Field(
        "tenant",
        min_length=1,
        description="Without an explicit scope: one distinct value of this label among the notification's firing"
        " alerts is single_tenant, several are many_users; null never counts",
    )
    everyone: tuple[str, ...] = Field(("all", "*"), description="Values of the tenant label that mean all_users")

    @field_validator("order")
    @classmethod
    def _distinct(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        if not order:
            raise ValueError("give at least one word, the widest first")
        folded = [word.strip().casefold() for word in order]
        if "" in folded or len(set(folded)) < len(folded):
            raise ValueError("each word of the order must be non-empty and appear once")
        return order

    @model_validator(mode="after")
    def _counted_words_exist(self) -> Self:
        needed = [SINGLE_TENANT, MANY_USERS] if self.tenant_label else []
        needed += [ALL_USERS] if self.tenant_label and self.everyone else []
        for word in needed:
            if word not in self.order:
                raise ValueError(f"`order` lacks {word}, which counting tenants gives; add it, or tenant_label: null")
        # Widest first: counting more tenants may only ever widen.
        places = [self.order.index(word) for word in needed]
        if places != sorted(places, reverse=True):
            raise ValueError("`order` must have all_users before many_users before single_tenant: the widest first")
        return self


class ScopeReading(NamedTuple):
    """The scope of one alert."""

    word: str | None
    origin: str = "none"
    """The source of the word: a label, an annotation, or counting; `none` without one."""
    unknown: tuple[str, ...] = ()
    """A message about a text that is not a scope."""
    counted: bool = False
    """Whether it comes from counting the tenants of the notification's alerts."""


class Scope:
    """Scope ready to read alerts."""

    def __init__(self, settings: ScopeSettings) -> None:
        self.order = settings.order
        self.sources = compile_sources(settings.sources)
        self._words = {word.strip().casefold(): word for word in settings.order}
        self._ranks = rank_of(settings.order)
        self._tenant = settings.tenant_label
        self._everyone = frozenset(name.strip().casefold() for name in settings.everyone)

    def rank(self, word: str) -> float:
        """Return the rank of a word of the order: the widest is the greatest. Raises KeyError for another."""
        return self._ranks[word]

    @property
    def ranks(self) -> frozenset[float]:
        """The rank of every word."""
        return frozenset(self._ranks.values())

    def tenants(self, alerts: Iterable[Alert]) -> frozenset[str]:
        """Return the distinct tenants among these alerts, which are the firing ones of a notification."""
        if self._tenant is None:
            return frozenset()
        label = self._tenant
        return frozenset(name for alert in alerts if (name := alert.labels.get(label, "").strip()))

    def read(self, alert: Alert, tenants: frozenset[str]) -> ScopeReading:
        """Return the scope of `alert`, given the distinct `tenants` of its notification.

        A word that is not in the order is reported and leaves the scope unknown: counting tenants
        instead could cap an alert whose author tried to set a wider scope.
        """
        unknown: tuple[str, ...] = ()
        for source in self.sources:
            text = source.read(alert)
            if text is None or not text.strip():
                continue
            word = self._words.get(text.strip().casefold())
            if word is not None:
                return ScopeReading(word, f"{'annotation' if source.annotation else 'label'} {source.name}", unknown)
            unknown += (f"scope unknown: {quoted(text.strip())} is not one of {', '.join(self.order)}"[:400],)
        if unknown or self._tenant is None:
            return ScopeReading(None, unknown=unknown)
        tenant = alert.labels.get(self._tenant, "").strip()
        if not tenant:
            return ScopeReading(None)
        if tenant.casefold() in self._everyone:
            return ScopeReading(ALL_USERS, f"label {self._tenant}")
        many = len(tenants) > 1
        counted = f"{len(tenants) if many else 1} tenant{'s' if many else ''} counted in label {self._tenant}"
        return ScopeReading(MANY_USERS if many else SINGLE_TENANT, counted, counted=True)


def rank_of(order: tuple[str, ...]) -> dict[str, float]:
    """Return the rank of each word of an order that has the widest first; the widest is the greatest."""
    return {word: float(len(order) - place) for place, word in enumerate(order)}


def unknown_word(word: str, order: Iterable[str]) -> str:
    """Return the message for a `word` that is not a scope."""
    return f"{quoted(word)} is not a scope{nearest(word, order)}"
