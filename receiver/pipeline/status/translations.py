"""The texts of the status page in each of its languages, from one table: receiver/data/status-words.json."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import orjson

from receiver.model.delivery.public_incident import Impact, PublicIncident, PublicMaintenance

FIRST = "en"
"""The language of the JSON and the feeds, and of every text that another language lacks."""


@cache
def _table() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = orjson.loads(
        resources.files("receiver").joinpath("data", "status-words.json").read_bytes()
    )
    return table


class Words:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        """`language`: a tag such as `de`; the default is English for a tag that the table lacks."""
        self.language = language

    def __call__(self, key: str, **values: Any) -> str:
        """Return the text for `key`, with `values` filled in. Values are never interpreted as patterns."""
        word = _table()[key]
        return (word.get(self.language) or word[FIRST]).format_map(values)

    def title(self, incident: PublicIncident, names: dict[str, str], product: str) -> str:
        """Return the title of an incident: component names and fixed text."""
        touched = ", ".join(names[one] for one in incident.components if one in names) or product
        return self(f"title_{incident.impact}", names=touched)

    def window(self, window: PublicMaintenance, names: dict[str, str]) -> str:
        """Return the title of maintenance: its public name if it has one."""
        if window.named:
            return window.title
        return self("title_maintenance", names=", ".join(names[one] for one in window.components if one in names))

    def summary(self, impact: Impact) -> str:
        """Return the overall status."""
        return self(f"summary_{impact}")


def keys() -> dict[str, dict[str, str]]:
    """Return the whole table."""
    return _table()


def chosen(asked: str | None, accepted: str, offered: tuple[str, ...]) -> str:
    """Return the reader's language: `?lang=` first, then `Accept-Language` by its weights (RFC 9110, 12.5.4)."""
    if asked in offered:
        return str(asked)
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:500].split(",")):
        tag, _, rest = part.partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest.strip() else 1.0
        except ValueError:
            continue
        weighed.append((-weight, place, tag.strip().lower().partition("-")[0]))
    for weight, _, tag in sorted(weighed):
        if weight < 0 and tag in offered:
            return tag
    return offered[0]
