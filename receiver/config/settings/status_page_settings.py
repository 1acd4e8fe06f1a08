"""The settings of the built-in status page: what it shows, how it looks, and who may subscribe."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from receiver.config.settings.addresses import EmptyIsNone, WebAddress
from receiver.model.setting_values import PositiveDuration
from receiver.model.settings_base import Settings
from receiver.triage.matchers import MatcherText

Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class Language(StrEnum):
    """The languages of the page's own words."""

    EN = "en"
    DE = "de"
    FR = "fr"
    ES = "es"
    JA = "ja"


class Component(Settings):
    """A part of the service that the public knows."""

    id: str = Field(min_length=1)
    """Its stable name."""
    name: str = Field(min_length=1)
    """What the public calls it."""
    matchers: tuple[MatcherText, ...] = ()
    """Incidents whose labels match all of these affect it."""
    internal: bool = False
    """Whether only people who are signed in see it, at `/status/internal`."""


class Colors(Settings):
    """The colors of the page, each as #rrggbb. Text on them is black or white, depending on which is readable."""

    header: Color | None = None
    """Of the bar at the top; none: no bar."""
    operational: Color = "#2da44e"
    """Of a component that works."""
    degraded_performance: Color = "#d4a72c"
    """Of a component that is slow."""
    partial_outage: Color = "#e16f24"
    """Of a component that fails in part."""
    major_outage: Color = "#cf222e"
    """Of a component that is down."""
    under_maintenance: Color = "#3178c6"
    """Of a component in scheduled maintenance."""


class Subscriptions(Settings):
    """Mail to people who have subscribed at the page."""

    email: Annotated[str | None, EmptyIsNone] = None
    """A key of `channels`, of kind email, that sends the mail; none: nobody can subscribe. It needs
    `service.public_url`."""
    most: int = Field(10_000, ge=1, le=100_000)
    """How many addresses can be subscribed."""


def _once(languages: tuple[Language, ...]) -> tuple[Language, ...]:
    if len(set(languages)) != len(languages):
        raise ValueError("a language is here twice (name each once)")
    return languages


class StatusPage(Settings):
    """The built-in public page."""

    title: str = "Status"
    """Its heading."""
    components: tuple[Component, ...] = ()
    """What it shows."""
    languages: Annotated[tuple[Language, ...], AfterValidator(_once), Field(min_length=1)] = tuple(Language)
    """Languages of the page's own words; the first is used if the browser asks for none of them."""
    logo_file: Annotated[str | None, EmptyIsNone] = None
    """A picture for the top of the page: .svg, .png or .webp, at most 100 KiB; none: the heading alone."""
    home_url: Annotated[WebAddress | None, EmptyIsNone] = None
    """Where the logo leads, such as your website; none: to the page itself."""
    colors: Colors = Colors()
    """The colors of the page."""
    subscriptions: Subscriptions = Subscriptions()
    """Mail to subscribers."""
    maintenance_reminder: PositiveDuration = timedelta(hours=24)
    """How long before scheduled maintenance subscribers are reminded."""

    @property
    def public(self) -> tuple[Component, ...]:
        """The components that the public sees."""
        return tuple(one for one in self.components if not one.internal)
