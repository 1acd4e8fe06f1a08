"""Which pages are made of the code, and by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from reference import http_api, metrics, settings

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": settings.page,
    "http-api.md": http_api.page,
    "metrics.md": metrics.page,
}
