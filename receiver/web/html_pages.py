"""Pages for people: templates of this package, foreign text escaped, one style sheet named by its hash, no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from receiver.model.incident.event import heading
from receiver.web.http.error_responses import BARE

if TYPE_CHECKING:
    from jinja2 import Template

CUT = 500
"""Characters of a foreign text that a page shows."""
TEMPLATES = (
    "base.html", "docs.html", "incidents.html", "incident.html", "login.html", "oncall.html", "onward.html",
    "report.html", "status.html", "status_history.html", "status_incident.html",
)  # fmt: skip


def _packaged(folder: str, name: str) -> str:
    return resources.files("receiver.web").joinpath(folder, name).read_text("utf-8")


def shown(text: object, limit: int = CUT) -> str:
    """Return `text` on one line, cut; what cannot be printed (controls, direction marks) becomes a middle dot."""
    line = str(text)[: limit + 1]
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return "".join(character if character.isprintable() else "·" for character in line)


def at(moment: datetime | None) -> str:
    """Return a time in UTC to the second for people; a dash for none."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "–"  # noqa: RUF001


class HtmlPages:
    """The templates, read once: serving opens no file."""

    def __init__(self, root: Callable[[], str] = lambda: "") -> None:
        """Read every template now, so that a missing one shows at the start.

        `root`: what browsers see in front of every path (`server.public_path`); empty: nothing.
        """
        self.root = root
        self._style = _packaged("static", "style.css").strip()
        self._texts = {name: _packaged("templates", name) for name in TEMPLATES}
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self.policy = f"{BARE}; style-src 'sha256-{digest}'"
        self._with_forms = self.policy.replace("form-action 'none'", "form-action 'self'")

    @cached_property
    def _templates(self) -> dict[str, Template]:
        # Compiled for the first page that somebody opens: a replica that only takes webhooks does without Jinja2.
        from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415
        from markupsafe import Markup  # noqa: PLC0415

        environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(self._texts.get))
        environment.filters.update(shown=shown, at=at, heading=lambda event: heading(event.kind, event.text))
        environment.globals["style"] = Markup(self._style)  # noqa: S704  (the package's own file)
        return {name: environment.get_template(name) for name in self._texts}

    def render(self, name: str, **values: Any) -> web.Response:
        """Return the page, with a policy that lets its own style sheet in and nothing else.

        One with forms may send them here, and says to us which page it is: otherwise a browser hides its origin.
        """
        text = self._templates[name].render(root=self.root(), **values)
        # A lone surrogate in a label would otherwise break the whole page.
        content = text.encode("utf-8", "replace")
        headers = {"Content-Security-Policy": self.policy}
        if "<form" in text:
            headers = {"Content-Security-Policy": self._with_forms, "Referrer-Policy": "same-origin"}
        return web.Response(body=content, content_type="text/html", charset="utf-8", headers=headers)
