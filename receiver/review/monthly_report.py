"""The monthly review and the figures as Markdown, in the format of the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from receiver.review.markdown_html import escaped, span, table
from receiver.review.review_record import NONE

SHOWN = 50
"""Maximum number of action items in a list; the API has all of them."""
NO_BUDGET = "- Error budget remaining: - (no objective is configured)"
NAMES = {
    "mttd": "MTTD (Mean Time to Detect)",
    "mttr": "MTTR (Mean Time to Resolve)",
    "incidents_per_month": "Incidents per month",
    "sev1_per_quarter": "SEV-1 incidents per quarter",
    "postmortem_completion": "Post-mortem completion rate",
    "action_item_completion": "Action item completion rate",
    "acknowledged_in_time": "Acknowledged within the severity's time",
}
_LASTS = ("mttd", "mttr")
_COUNTS = ("incidents_per_month", "sev1_per_quarter")


def review_text(said: Mapping[str, Any], title: str) -> str:
    """Return the review `said` of the month called `title`."""
    then = said["previous"]
    lines = [
        f"## Incident Review: {title}", "",
        "### Summary", "",
        f"- Total incidents: {said['total']} ({_change(said['total'], then['total'])})",
        f"- {', '.join(f'{severity}: {count}' for severity, count in said['by_severity'].items())}",
        f"- MTTR average: {_spread(said['mttr'])}",
        *([f"- Error budget remaining: {_budget(one)}" for one in said["error_budget"]] or [NO_BUDGET]),
        f"- MTTD average: {_spread(said['mttd'])}",
        f"- Mean time to acknowledge: {_spread(said['mtta'])}",
        f"- The month before: {then['total']} incidents, MTTR {_long(then['mttr']['mean'])}, MTTD "
        f"{_long(then['mttd']['mean'])}", "",
        "### Top Incident Categories", "",
        *_numbered(f"{_category(one['name'])} - {one['count']}" for one in said["categories"]), "",
        "### Outstanding Action Items", "", *_listed([_item(one) for one in said["outstanding_actions"]]), "",
        "### Process Improvements", "",
        *_listed([f"{_promise(one)}, done {one['done_at'][:10]}" for one in said["improvements"]]), "",
        "### Figures Against Targets", "", *_targets(said["targets"]), "",
        "### Noise", "",
        "Alerts that opened the most incidents, with how often they fired again:", "",
        *_numbered(
            f"{escaped(one['alertname'], 100)} - {one['count']}{_again(one['flaps'])}"
            for one in said["noisiest"]
        ),
        *([
            "", "Marked as noise; change these alert rules:", "",
            *_numbered(
                f"{escaped(one['alertname'], 100)}: {one['count']} marked ({', '.join(map(escaped, one['incidents']))})"
                for one in said["noise"]
            ),
        ] if said.get("noise") else []),
        "", f"Duplicate notifications suppressed: {said['duplicates_absorbed']}", "",
        "### Pages", "", f"{said['pages']['total']} pages, {said['pages']['at_night']} of them at night.", "",
        *(_people(said["pages"]["people"])), "",
        *(["### Six Months", "", *_months(said["history"]), ""] if said.get("history") else []),
    ]  # fmt: skip
    return "\n".join(lines)


def figures_text(said: Mapping[str, Any], title: str) -> str:
    """Return the figures alone."""
    lines = [
        f"## Incident Metrics: {title}", "", *_targets(said["targets"]), "",
        f"- Total incidents: {said['total']}",
        f"- {', '.join(f'{severity}: {count}' for severity, count in said['by_severity'].items())}",
        f"- MTTD: {_spread(said['mttd'])}",
        f"- MTTA: {_spread(said['mtta'])}",
        f"- MTTR: {_spread(said['mttr'])}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def brief(said: Mapping[str, Any], title: str) -> str:
    """Return the review as a message in plain text."""
    missed = [NAMES[one["metric"]] for one in said["targets"] if one["met"] is False]
    late = sum(one["overdue"] for one in said["outstanding_actions"])
    counts = ", ".join(f"{severity}: {count}" for severity, count in said["by_severity"].items())
    lines = [
        f"Incident review of {title}: {said['total']} incident{'' if said['total'] == 1 else 's'} ({counts}), "
        f"{_change(said['total'], said['previous']['total'])}.",
        f"MTTR {_long(said['mttr']['mean'])}, MTTD {_long(said['mttd']['mean'])}, "
        f"{said['pages']['total']} pages, {said['pages']['at_night']} of them at night.",
        *[f"Error budget remaining: {_budget(one)}." for one in said["error_budget"]],
        f"Targets missed: {', '.join(missed) if missed else 'none'}.",
        f"Action items outstanding: {len(said['outstanding_actions'])}, {late} of them overdue.",
        f"The whole review: receiver report monthly {said['month']}",
    ]
    return "\n".join(lines)


def _targets(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    words = {True: "yes", False: "no", None: "-"}
    cells = [(NAMES[r["metric"]], r["target"], _actual(r["metric"], r["actual"]), words[r["met"]]) for r in rows]
    return table(("Metric", "Target", "Current", "Met"), cells)


def _actual(metric: str, value: float | None) -> str:
    if value is None:
        return "-"
    if metric in _LASTS:
        return _long(value)
    return str(value) if metric in _COUNTS else f"{value:.0%}"


def _spread(said: Mapping[str, float | None]) -> str:
    return f"{_long(said['mean'])} (median {_long(said['median'])}, p90 {_long(said['p90'])})"


def _long(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f}s" if seconds < 60 else span(timedelta(seconds=seconds))


def _change(now: int, then: int) -> str:
    if now == then:
        return "the same as the month before"
    return f"{abs(now - then)} {'more' if now > then else 'fewer'} than the month before"


def _budget(one: Mapping[str, Any]) -> str:
    days = one["window"] / 86400
    left = one["remaining"]
    allowed, spent = one["allowed"], one["spent"]
    over = f", overspent: {spent / allowed:.1f} times what is allowed" if 0 < allowed < spent else ""
    return f"{left:.0%}{over} ({escaped(one['name'], 100)}, {one['target'] * 100:.6g}% over {days:g} d)"


def _category(name: str) -> str:
    return "no category" if name == NONE else escaped(name, 100)


def _numbered(texts: Any) -> list[str]:
    return [f"{number}. {text}" for number, text in enumerate(texts, 1)] or ["None."]


def _again(flaps: int) -> str:
    return f", fired again {flaps} times" if flaps else ""


def _listed(texts: Sequence[str]) -> list[str]:
    more = [f"- and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return [*(f"- {text}" for text in texts[:SHOWN]), *more] or ["None."]


def _promise(one: Mapping[str, Any]) -> str:
    return f"{escaped(one['incident'])} action {one['n']}: {escaped(one['title'], 300)} ({escaped(one['owner'], 100)})"


def _item(one: Mapping[str, Any]) -> str:
    due = f", due {one['due']}{' (overdue)' if one['overdue'] else ''}" if one["due"] else ""
    return f"{_promise(one)}{due}"


def _months(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ("Month", *rows[0]["by_severity"], "Total", "MTTA", "MTTR")
    return table(
        head,
        [
            (
                row["month"],
                *map(str, row["by_severity"].values()),
                str(row["total"]),
                _long(row["mtta"]),
                _long(row["mttr"]),
            )
            for row in rows
        ],
    )


def _people(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return ["No one was paged."]
    return table(
        ("Person", "Pages", "At night"),
        [(escaped(r["person"], 100), str(r["count"]), str(r["at_night"])) for r in rows],
    )
