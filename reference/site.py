"""What the site needs beyond mkdocs: the name of a file above its block, as ` ```yaml receiver.yaml ` gives it."""

from __future__ import annotations

import re
from typing import Any

_NAMED = re.compile(r"^(```\w+) ([\w.-]+)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with each named block in the form that the site's Markdown reads."""
    return _NAMED.sub(r'\1 title="\2"', markdown)
