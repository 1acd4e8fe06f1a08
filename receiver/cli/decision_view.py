"""The reasons for a severity, in lines for a terminal, for `simulate` and `incident show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from receiver.model.next_worse_severity_text import next_worse_severity_text


def decision_lines(decision: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (name, text) of each line; `decision` comes from the API, perhaps of an older service."""
    lines = [("because", f"{decision['rule']}: {'; '.join(decision['reasons'])}")]
    if decision.get("owner"):
        lines.append(("owner", str(decision["owner"])))
    scope, origin = decision.get("scope"), decision.get("scope_from")
    if scope or origin:
        lines.append(("scope", f"{scope} ({origin})" if scope and origin else str(scope or "unknown")))
    if decision.get("capped_by"):
        lines.append(("capped by", str(decision["capped_by"])))
    if decision.get("next_worse"):
        lines.append(("worse", str(next_worse_severity_text(decision["next_worse"]))))
    if decision.get("rules_hash"):
        lines.append(("rules", str(decision["rules_hash"])))
    return lines


def similar_lines(similar: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return similar incidents, how often the alert fired, and a summary; empty for an older service."""
    if not similar:
        return []
    fired = similar["fired"]
    often = f"this alert opened {fired['last_24h']} in 24 h, {fired['last_30d']} in 30 d"
    found = [("seen", f"{one['incident']} {one['why']}") for one in similar["items"]]
    links = [("seen", f"  {one['postmortem']}") for one in similar["items"][:1] if one["postmortem"]]
    return [("fired", often), *found[:1], *links, *found[1:], ("so far", similar["catch_up"])]
