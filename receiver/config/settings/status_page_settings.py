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
    """The languages of the page's own text."""

    EN = "en"
    DE = "de"
    FR = "fr"
    ES = "es"
    JA = "ja"


class Component(Settings):
    """A part of the service that customers know by name."""

    id: str = Field(min_length=1)
    """Its id, which does not change."""
    name: str = Field(min_length=1)
    """Its name on the page."""
    matchers: tuple[MatcherText, ...] = ()
    """Incidents whose labels match all of these affect it."""
    internal: bool = False
    """Whether it is visible only to people who are signed in, at `/status/internal`."""


class Colors(Settings):
    """The colors of the page, each as #rrggbb. Text on them is black or white, depending on which is readable."""

    header: Color | None = None
    """The bar at the top; none: no bar."""
    operational: Color = "#2da44e"
    """A component that works."""
    degraded_performance: Color = "#d4a72c"
    """A component that is slow."""
    partial_outage: Color = "#e16f24"
    """A component with a partial outage."""
    major_outage: Color = "#cf222e"
    """A component that is down."""
    under_maintenance: Color = "#3178c6"
    """A component in scheduled maintenance."""


class Subscriptions(Settings):
    """Email to people who subscribed on the page."""

    email: Annotated[str | None, EmptyIsNone] = None
    """A key of `channels`: a channel of kind email, which sends the mail; none: no one can subscribe. Requires
    `service.public_url`."""
    most: int = Field(10_000, ge=1, le=100_000)
    """Maximum number of subscribed addresses."""


def _once(languages: tuple[Language, ...]) -> tuple[Language, ...]:
    if len(set(languages)) != len(languages):
        raise ValueError("a language is listed twice (list each once)")
    return languages


class StatusPage(Settings):
    """The built-in public page."""

    title: str = "Status"
    """Its heading."""
    components: tuple[Component, ...] = ()
    """The components that the page shows."""
    languages: Annotated[tuple[Language, ...], AfterValidator(_once), Field(min_length=1)] = tuple(Language)
    """Languages of the page's own text; the first is used if the browser accepts none of them."""
    logo_file: Annotated[str | None, EmptyIsNone] = None
    """An image for the top of the page: .svg, .png or .webp, at most 100 KiB; none: only the heading."""
    home_url: Annotated[WebAddress | None, EmptyIsNone] = None
    """The address that the logo links to, such as your website; none: the page itself."""
    colors: Colors = Colors()
    """The colors of the page."""
    subscriptions: Subscriptions = Subscriptions()
    """Subscriptions by email."""
    maintenance_reminder: PositiveDuration = timedelta(hours=24)
    """How long before scheduled maintenance subscribers are reminded."""

    @property
    def public(self) -> tuple[Component, ...]:
        """The components that the public sees."""
        return tuple(one for one in self.components if not one.internal)
