"""Timelines, post-mortems and emails: every heading of the process, and escaped text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from receiver.model.delivery.notice import Link
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.model.incident.response_records import ActionItem, Mitigation, StatusUpdate, UpdateStatus
from receiver.review.customer_email_text import customer_email
from receiver.review.markdown_html import clock, escaped, html, span
from receiver.review.postmortem import postmortem
from receiver.review.review_settings import Budget
from receiver.review.timeline import timeline
from tests.channels.notices import HOSTILE, NOW, event, incident

ADA = Actor(kind=ActorKind.SLACK, name="ada")
OVER = {"resolved_at": NOW + timedelta(hours=2, minutes=14), "state": "resolved"}
ROLLBACK = {"mitigation": {"option": "rollback", "text": "to v41"}}
HEADINGS = ("Summary", "Impact", "Root Cause", "Detection", "Response", "Contributing Factors", "Action Items",
            "Lessons Learned", "Timeline")  # fmt: skip


def log() -> list[Event]:
    """Return the log of a short incident."""
    return [
        event(1, "SEV-2 by rule", Kind.OPENED, data={"alerts": ["HighErrorRate"]}),
        event(2, "informed: vp", Kind.NOTIFY),
        event(130, "acknowledged by ada", Kind.ACKNOWLEDGED, actor=ADA),
        event(600, "cause identified by ada: Bad deployment", Kind.IDENTIFIED, actor=ADA),
        event(900, "mitigation: Rollback deployment", Kind.MITIGATION, actor=ADA, data=ROLLBACK),
        event(2700, "watched", Kind.MONITORING),
        event(8000, "resolved", Kind.RESOLVED),
        event(8001, "Rollback complete", Kind.NOTE, data={"at": (NOW + timedelta(minutes=18)).isoformat()}),
    ]


def test_the_timeline_has_the_form_of_the_process() -> None:
    text = timeline(incident(id="INC-2024-0042", **OVER), log())
    assert text.splitlines() == [
        "## Incident Timeline", "", "**Incident ID**: INC-2024-0042  ", "**Date**: 2026-11-23  ",
        "**Duration**: 2h 15m  ", "**Severity**: SEV-1  ", "**IC**: -", "", "### Timeline (All times UTC)", "",
        "| Time | Event |", "|------|-------|",
        "| 14:02 | Alert: HighErrorRate triggered |",
        "| 14:04 | Acknowledged by ada |",
        "| 14:12 | Root cause identified: Bad deployment |",
        "| 14:17 | Rollback deployment: to v41 |",
        "| 14:20 | Rollback complete |",
        "| 14:47 | Monitoring period started |",
        "| 16:15 | Incident resolved |",
    ]  # fmt: skip


def test_the_post_mortem_has_every_heading_and_what_is_known() -> None:
    item = ActionItem(n=1, title="Add a canary", owner="bob", due=date(2026, 12, 1), by="ada", at=NOW)
    chosen = Mitigation(n=1, option="rollback", text="to v41", by="ada", at=NOW)
    one = incident(cause="A bad | release", actions=(item,), mitigations=(chosen,), acknowledged_at=NOW, **OVER)
    text = postmortem(one, log(), [Budget("availability", 0.999, timedelta(days=30))])
    assert [line[4:] for line in text.splitlines() if line.startswith("### ")] == list(HEADINGS)
    assert "### Graphs" not in text
    graph = Link(text="Error rate", href="https://grafana.example.com/render/d-solo/abc/panel?panelId=7")
    shown = postmortem(one, log(), graphs=(graph,))
    assert f"### Graphs\n\n- [Error rate](<{graph.href}>)\n" in shown
    for said in (
        "**Status**: Draft", "- **Duration**: 2h 15m", "A bad \\| release", "Mitigation: Rollback deployment: to v41",
        "| Add a canary | bob | 2026-12-01 | Open |", "of the error budget of availability (99.9% over 30 d)",
    ):  # fmt: skip
        assert said in text
    assert "100% (and 3.1 times what is allowed) of the error budget" in text, "135 min of 43.2"


def test_the_customer_email_has_published_text_only() -> None:
    said = StatusUpdate(
        n=1, status=UpdateStatus.RESOLVED, text="API errors are over.", by="ada", at=NOW, published_at=NOW
    )
    draft = said.model_copy(update={"n": 2, "text": "internal words", "published_at": None})
    subject, text = customer_email(incident(updates=(said, draft)), ["API"], "Stratum AI", "support@stratum.ai")
    assert subject == "Service Incident - API"
    for words in (
        "API errors are over.",
        "WHAT HAPPENED",
        "IMPACT",
        "WHAT WE'RE DOING",
        "NEXT STEPS",
        "The Stratum AI",
    ):
        assert words in text
    for words in ("internal words", "checkout-api", "HighErrorRate", "INC-2026"):
        assert words not in text


@pytest.mark.parametrize("make", [timeline, postmortem])
def test_what_a_label_says_is_text(make: Callable[..., str]) -> None:
    evil = incident(title=HOSTILE, service=HOSTILE, names=(HOSTILE,), cause=HOSTILE, summary=HOSTILE)
    page = html(make(evil, [event(1, HOSTILE, Kind.NOTE), event(2, HOSTILE, Kind.OPENED)]), HOSTILE)
    for alive in ("<!channel>", "<a ", "<em>b", "<code>c", "<img", "<script", "\x1b"):
        assert alive not in page


@given(st.text(max_size=200))
def test_no_text_is_a_mark(text: str) -> None:
    made = MarkdownIt("commonmark", {"html": False}).enable("table").render(f"{escaped(text)}\n")
    assert "<" not in made.removeprefix("<p>").removesuffix("</p>\n")
    row = MarkdownIt("commonmark").enable("table").render(f"| a |\n|---|\n| {escaped(text)} |\n")
    assert row.count("<td>") == 1


def test_days_and_spans() -> None:
    assert clock(NOW + timedelta(days=1), NOW) == "2026-11-24 14:02"
    assert [span(timedelta(minutes=m)) for m in (0, 59, 60, 135)] == ["0m", "59m", "1h 0m", "2h 15m"]


def told(n: int, status: UpdateStatus, text: str, *, template: bool) -> StatusUpdate:
    at = NOW + timedelta(minutes=n)
    return StatusUpdate(n=n, status=status, text=text, by="receiver", at=at, published_at=at, template=template)


def test_the_customer_email_of_a_resolved_incident_does_not_say_that_it_continues() -> None:
    templates = (
        told(1, UpdateStatus.INVESTIGATING, "We are currently investigating reports of X.", template=True),
        told(2, UpdateStatus.RESOLVED, "The issue affecting Shop has been resolved.", template=True),
    )
    _, text = customer_email(incident(updates=templates, **OVER), ["Shop"], "Acme", "")
    assert "currently investigating" not in text
    assert "There was an incident with Shop.\n\nThe issue affecting Shop has been resolved." in text
    _, text = customer_email(incident(updates=templates[:1], state="open"), ["Shop"], "Acme", "")
    assert "We are currently investigating reports of X." in text
    by_hand = (told(1, UpdateStatus.INVESTIGATING, "Logins fail in Oslo.", template=False), templates[1])
    _, text = customer_email(incident(updates=by_hand, **OVER), ["Shop"], "Acme", "")
    assert "Logins fail in Oslo.\n\nThe issue affecting Shop" in text
