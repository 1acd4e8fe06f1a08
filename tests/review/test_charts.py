"""Charts: their content, that they are well-formed and inert, and that the table has the same values."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree

from receiver.channels.confluence.storage_format import storage
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.review.charts.report_charts import load_svg, months_svg
from receiver.review.charts.timeline_chart import (
    mark_counts,
    phase_rows,
    phase_table,
    timeline_chart_of,
    timeline_chart_svg,
)
from receiver.review.markdown_html import STYLE, fragment, html
from tests.channels.notices import NOW, event, incident

HOSTILE = "</title></svg><script>alert(1)</script>"
ADA = Actor(kind=ActorKind.SLACK, name="ada")


def log() -> list[Event]:
    page = {"page": {"person": HOSTILE}}
    return [
        event(0, "opened", Kind.OPENED, data={"firing": 2}), event(2, "paged", Kind.PAGE, data=page),
        event(120, "acknowledged", Kind.ACKNOWLEDGED, actor=ADA), event(600, "monitoring", Kind.MONITORING),
        event(900, "fired again", Kind.REFIRED), event(1500, "monitoring", Kind.MONITORING),
        event(3600, "resolved", Kind.RESOLVED),
    ]  # fmt: skip


def test_the_course_has_each_phase_and_each_mark_on_one_axis() -> None:
    opened = log()[0].at
    one = incident(
        opened_at=opened, started_at=opened - timedelta(minutes=2), state="resolved", resolved_at=log()[-1].at,
        id="INC-2026-0001",
    )  # fmt: skip
    chart = timeline_chart_of(one, log(), NOW + timedelta(days=9), {"ada": "Ada"})
    assert [(name, lasted) for name, _, _, lasted in phase_rows(chart)] == [
        ("detect", "2m"), ("open", "2m"), ("acknowledged", "8m"), ("monitoring", "5m"), ("acknowledged", "10m"),
        ("monitoring", "35m"),
    ]  # fmt: skip
    assert chart.ends == log()[-1].at, "events after it was resolved are not included"
    assert mark_counts(chart) == [("Alerts", 5), ("Pages", 1), ("Acknowledged", 1)]
    assert [mark.text for mark in chart.marks if mark.row == "Acknowledged"] == ["Ada"]
    drawn = timeline_chart_svg(chart, f"Timeline chart of {HOSTILE}")
    root = ElementTree.fromstring(drawn)
    assert root.get("role") == "img" and HOSTILE in (root.get("aria-label") or "")
    assert "<script" not in drawn and "style=" not in drawn
    bars = [node for node in root.iter("rect") if (node.get("class") or "") != "mark"]
    assert [node.get("class") for node in bars][:2] == ["detect", "open"]
    ends = [float(node.get("x") or 0) + float(node.get("width") or 0) for node in bars]
    assert ends == sorted(ends) and ends[-1] <= 480


def test_an_incident_that_goes_on_ends_now_and_one_without_a_log_is_drawn() -> None:
    one = incident(opened_at=NOW, started_at=NOW)
    chart = timeline_chart_of(one, log()[:1], NOW + timedelta(hours=1))
    assert chart.ends == NOW + timedelta(hours=1)
    assert chart.phases[-1].ends == chart.ends
    assert ElementTree.fromstring(timeline_chart_svg(timeline_chart_of(one, [], NOW), "x")) is not None


def test_documents_have_the_same_as_a_table_and_html_as_a_picture() -> None:
    one = incident(opened_at=NOW, started_at=NOW)
    chart = timeline_chart_of(one, log()[:3], NOW + timedelta(hours=1))
    text = "\n".join(["### Timeline", "", *phase_table(chart)])
    picture = timeline_chart_svg(chart, "Timeline chart")
    shown = html(text, "Post-mortem", {"Timeline": picture})
    assert shown.index("<h3>Timeline</h3>") < shown.index(picture) < shown.index("<table>")
    assert ".chart" in STYLE and STYLE in shown
    assert fragment("no heading of that name", {"Timeline": picture}).endswith(f"{picture}</div>\n")
    assert "<th>Phase</th>" in storage(text) and "<svg" not in storage(text), "Confluence accepts tables"


def test_months_and_load_say_in_words_what_colors_say() -> None:
    counts = {"SEV-1": 1, "SEV-2": 0, "SEV-3": 3, "SEV-4": 2}
    history = [{"month": f"2026-{month:02}", "total": 6, "by_severity": counts} for month in range(6, 12)]
    drawn = ElementTree.fromstring(months_svg(history))
    assert len(list(drawn.iter("rect"))) == 18
    assert {node.text for node in drawn.iter("title")} == {"SEV-1: 1", "SEV-3: 3", "SEV-4: 2"}
    people = [{"person": HOSTILE, "count": 4, "at_night": 3}, {"person": "bob", "count": 1, "at_night": 0}]
    load = load_svg(people, {"bob": "Bob"})
    words = [node.text for node in ElementTree.fromstring(load).iter("text")]
    assert words[1:] == ["4, 3 at night", "Bob", "1"]
    assert "<script" not in load
    assert ElementTree.fromstring(load_svg([], {})) is not None
    assert ElementTree.fromstring(months_svg([])) is not None


def test_what_a_person_resolves_is_no_alert() -> None:
    events = [*log()[:3], event(700, "resolved by ada", Kind.RESOLVED, actor=ADA)]
    one = incident(opened_at=events[0].at, started_at=events[0].at, state="resolved", resolved_at=events[-1].at)
    assert mark_counts(timeline_chart_of(one, events, NOW)) == [("Alerts", 1), ("Pages", 1), ("Acknowledged", 1)]
