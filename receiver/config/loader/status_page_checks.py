"""Checks of the settings that the status page needs from other sections."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.config.config_errors import Path, Problem, one_of
from receiver.config.loader.config_draft import Draft


def problems(draft: Draft) -> Iterator[Problem]:
    """Yield an undefined mail channel for subscribers, and subscriptions without an address for their links."""
    page = draft.sections.status_page
    if page.subscriptions.email is None:
        return
    where: Path = ("status_page", "subscriptions", "email")
    kinds = {name: settings.kind for name, settings in draft.sections.channels.items()}
    mail = [name for name, kind in kinds.items() if kind == "email"]
    name = page.subscriptions.email
    if name not in draft.names("channels") or kinds.get(name, "email") != "email":
        yield draft.document.problem(where, f"no channel of kind email is named {name!r:.60}", one_of(name, mail))
    if draft.sections.service.public_url is None:
        yield draft.document.problem(where, "the links in mail need an address", "write service.public_url")
