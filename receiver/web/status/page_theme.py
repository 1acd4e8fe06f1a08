"""The appearance of the status page from its configuration, and the shared parts of its templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from receiver.config import Config
from receiver.config.settings.status_page_settings import Colors
from receiver.pipeline.status.translations import Words
from receiver.web.html_pages import OWN_SCRIPT, OWN_STYLE, HtmlPages

LOGO_MOST = 100 * 1024
"""Maximum size of a logo in bytes."""
LOGO_KINDS = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}
TONGUES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "ja": "日本語"}
"""The name of each language in that language."""
_NAMES = {
    "operational": "operational", "degraded_performance": "degraded", "partial_outage": "partial",
    "major_outage": "down", "under_maintenance": "works",
}  # fmt: skip
"""The name of each color in status.css, by its name in the configuration."""

log = structlog.get_logger("receiver.status")


@dataclass
class PageTheme:
    """The appearance in a configuration."""

    title: str
    name: str
    home: str | None
    languages: tuple[str, ...]
    style: str
    logo: tuple[bytes, str] | None
    """Content and media type."""
    support: str | None
    tongues: dict[str, str] = field(default_factory=lambda: TONGUES)


def theme_of(config: Config, style: str) -> PageTheme:
    """Return the theme; a logo that cannot be read is logged and left out."""
    page = config.status_page
    return PageTheme(
        title=page.title, name=config.service.product, home=page.home_url,
        languages=tuple(str(one) for one in page.languages), style=f"{_colors(page.colors)}\n{style}",
        logo=_logo(page.logo_file) if page.logo_file else None, support=config.service.support_email,
    )  # fmt: skip


class PublicTemplates:
    """The templates of the public pages, with the appearance in the current configuration."""

    def __init__(self, pages: HtmlPages) -> None:
        """Create it; the appearance is read once for each configuration."""
        self.pages = pages
        self._read: Config | None = None
        self._theme: PageTheme | None = None

    def theme(self, config: Config) -> PageTheme:
        """Return the appearance of the page."""
        if self._theme is None or self._read is not config:
            self._read, self._theme = config, theme_of(config, self.pages.status_style)
        return self._theme

    def render(self, name: str, config: Config, words: Words, *, switch: bool = True, **values: Any) -> web.Response:
        """Return a page. `switch`: whether it is available in other languages."""
        from markupsafe import Markup  # noqa: PLC0415  (comes with Jinja2: a replica that only takes webhooks has none)

        theme = self.theme(config)
        shown = {OWN_STYLE: Markup(theme.style), OWN_SCRIPT: Markup(self.pages.status_script)}  # noqa: S704
        response = self.pages.render(
            name, theme=theme, words=words, support=theme.support, switch=switch, **shown, **values
        )
        response.headers["Content-Language"] = words.language
        return response


def _colors(colors: Colors) -> str:
    values = [f"--{short}: {getattr(colors, name)};" for name, short in _NAMES.items()]
    if colors.header is not None:
        values += [f"--bar: {colors.header};", f"--on-bar: {readable_on(colors.header)};"]
    return f":root {{ {' '.join(values)} }}"


def readable_on(color: str) -> str:
    """Return black or white, whichever has more contrast on `color`: at least 4.5 (WCAG 2.2, 1.4.3)."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else "#ffffff"


def _logo(path: str) -> tuple[bytes, str] | None:
    file = Path(path)
    kind = LOGO_KINDS.get(file.suffix.lower())
    try:
        content = file.read_bytes() if kind else b""
    except OSError as error:
        log.warning("logo_read_failed", reason=error.strerror)
        return None
    if kind is None or not 0 < len(content) <= LOGO_MOST:
        log.warning("logo_read_failed", reason="write a .svg, .png or .webp of at most 100 KiB")
        return None
    return content, kind
