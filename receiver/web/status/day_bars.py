"""The 90-day bars as HTML: each row of bars is one tab stop, and each bar is a button with a name. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from receiver.model.delivery.public_incident import Condition, PublicComponent
from receiver.pipeline.status.component_history import ComponentHistory, Day
from receiver.pipeline.status.translations import Words

_LETTER = {
    Condition.OPERATIONAL: "o", Condition.MAINTENANCE: "o", Condition.DEGRADED: "d", Condition.PARTIAL: "p",
    Condition.MAJOR: "m",
}  # fmt: skip


if TYPE_CHECKING:
    from markupsafe import Markup


class Strip(NamedTuple):
    """The bars of a component, and its uptime in percent."""

    bars: Markup
    percent: str
    known: int
    """The number of days of the percentage."""


def strip(component: PublicComponent, history: ComponentHistory, words: Words, root: str) -> Strip:
    """Return the bars: a form that opens the day without a script; the last bar is the tab stop."""
    from markupsafe import Markup  # noqa: PLC0415  (comes with Jinja2, which nothing loads at the start)

    label = escape(words("bars", name=component.name), quote=True)
    last = len(history.days) - 1
    bars = "".join(_bar(day, words, stop=place == last) for place, day in enumerate(history.days))
    action = escape(f"{root}/status/components/{quote(component.id, safe='')}")
    return Strip(
        Markup(  # noqa: S704  (its only foreign texts are escaped)
            f'<form class="strip" action="{action}"><div class="bars" role="group" aria-label="{label}" '
            f'aria-describedby="bars-help">{bars}</div></form>'
        ),
        history.percent,
        sum(day.worst is not None for day in history.days),
    )


def _bar(day: Day, words: Words, *, stop: bool) -> str:
    word = words(day.worst) if day.worst is not None else words("unknown_days")
    spent = f", {words('minutes', minutes=day.minutes)}" if day.minutes else ""
    letter = _LETTER[day.worst] if day.worst is not None else "u"
    tab = "" if stop else " tabindex=-1"
    name = escape(f"{day.day}: {word}{spent}", quote=True)
    return f'<button name=day value={day.day} class={letter}{tab} aria-label="{name}"></button>'
