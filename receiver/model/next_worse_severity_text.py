"""The text for people about the condition that would have made a severity one step worse."""

from __future__ import annotations

import re

_OTHERWISE = re.compile(r"^otherwise \((SEV-[1-4])\) if ")


def next_worse_severity_text(text: str | None) -> str | None:
    """Return `otherwise (SEV-1) if ...` as `SEV-1 if ...`, and any other text as it is."""
    return _OTHERWISE.sub(r"\1 if ", text, count=1) if text else text
