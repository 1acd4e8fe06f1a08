"""Lists the generated pages, and the functions that generate them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from reference import channels, http_api, log_events, metrics, settings

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = DOCS / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": settings.page,
    "http-api.md": http_api.page,
    "log-events.md": log_events.page,
    "metrics.md": metrics.page,
}
TABLES: Mapping[str, Callable[[str], str]] = {"channels.md": channels.page}
"""Pages in docs/ with a generated table: each function returns the page with a new table."""
