"""Charts of the monthly review: six months and the weeks of one by severity, and pages by person and hour. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from receiver.review.svg import bar, chart, line, text

WIDTH = 480
TALL = 120.0
"""Height of the tallest column."""
PEOPLE = 12
"""Maximum number of people in the chart, those with the most pages; the table has all."""
ROW = 22


def months_svg(history: Sequence[Mapping[str, Any]]) -> str:
    """Return a stacked column for each month, oldest first, with the worst severity at the bottom."""
    return _columns([(one["month"], one) for one in history], "Incidents of six months by severity")


def weeks_svg(weeks: Sequence[Mapping[str, Any]]) -> str:
    """Return a column for each week of a month, oldest first, like `months_svg`; each is named by its Monday."""
    return _columns([(one["begins"][5:], one) for one in weeks], "Incidents of the month by week and severity")


def _columns(rows: Sequence[tuple[str, Mapping[str, Any]]], name: str) -> str:
    history = [one for _, one in rows]
    most = max([1, *(one["total"] for one in history)])
    step = (WIDTH - 20) / max(1, len(history))
    parts = []
    for place, (label, one) in enumerate(rows):
        x, y = 10 + step * place, 18 + TALL
        for number, (severity, count) in enumerate(one["by_severity"].items(), 1):
            height = TALL * count / most
            y -= height
            if count:
                parts.append(bar(x + step * 0.15, y, step * 0.7, height, f"s{number}", f"{severity}: {count}"))
        middle = x + step / 2
        parts.append(text(middle, y - 4, str(one["total"]), anchor="middle"))
        parts.append(text(middle, 18 + TALL + 15, label, anchor="middle"))
    parts.append(line(5, 18 + TALL, WIDTH - 5, 18 + TALL))
    return chart(WIDTH, round(TALL) + 40, name, parts)


def load_svg(people: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    """Return a bar for each person: pages by day, then pages at night. `names`: names of people."""
    shown = people[:PEOPLE]
    most = max([1, *(one["count"] for one in shown)])
    wide = WIDTH - 170
    parts = []
    for place, one in enumerate(shown):
        y = 4 + ROW * place
        day, night = wide * (one["count"] - one["at_night"]) / most, wide * one["at_night"] / most
        called = names.get(one["person"], one["person"])
        called = called if len(called) <= 16 else f"{called[:15]}…"
        parts.append(text(0, y + 13, called))
        parts.append(bar(110, y, day, ROW - 6, "day", f"by day: {one['count'] - one['at_night']}"))
        parts.append(bar(110 + day, y, night, ROW - 6, "night", f"at night: {one['at_night']}"))
        parts.append(text(116 + day + night, y + 13, _counted(one)))
    return chart(WIDTH, ROW * max(1, len(shown)) + 6, "Pages by person, by day and at night", parts)


def _counted(one: Mapping[str, Any]) -> str:
    night = f", {one['at_night']} at night" if one["at_night"] else ""
    return f"{one['count']}{night}"
