"""Warnings about status-page components that every incident affects."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.config.config_errors import Problem
from receiver.config.loader.config_draft import Draft


def unwise(draft: Draft) -> Iterator[Problem]:
    """Yield each component without matchers, because every incident matches it."""
    for index, component in enumerate(draft.sections.status_page.components):
        if not component.matchers:
            said = "without matchers every incident affects this component"
            hint = f"write matchers, such as ['service=\"{component.id}\"']"
            yield draft.document.problem(("status_page", "components", index), said, hint)
