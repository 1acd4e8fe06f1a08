"""Why a severity, in lines for a terminal: of `simulate` and of `incident show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def decision_lines(decision: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (what, text) of each line; `decision` is that of the API (surfaces.md), perhaps of an older service."""
    lines = [("because", f"{decision['rule']}: {'; '.join(decision['reasons'])}")]
    scope, origin = decision.get("scope"), decision.get("scope_from")
    if scope or origin:
        lines.append(("scope", f"{scope} ({origin})" if scope and origin else str(scope or "unknown")))
    if decision.get("capped_by"):
        lines.append(("capped by", str(decision["capped_by"])))
    if decision.get("next_worse"):
        lines.append(("worse", str(decision["next_worse"])))
    if decision.get("rules_hash"):
        lines.append(("rules", str(decision["rules_hash"])))
    return lines
