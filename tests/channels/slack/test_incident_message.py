"""The Slack message: compared with a golden text, within Slack's limits, and with untrusted text escaped."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.slack.incident_message import message, reply, summary
from receiver.channels.slack.mrkdwn import escape, flat, link, mention
from receiver.model.delivery.notice import Link, Mention
from receiver.model.severity import Decision, Severity
from tests.channels.notices import HOSTILE, alert, event, hostile, incident, notice, tell
from tests.fakes.slack import mistakes, texts

LIVE = re.compile(r"<[^>]*>")


def block(blocks: list[dict[str, Any]], block_id: str) -> dict[str, Any]:
    return next(block for block in blocks if block["block_id"] == block_id)


def test_the_message_in_full() -> None:
    def plain(text: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": text, "emoji": False}

    def mrkdwn(text: str) -> dict[str, Any]:
        return {"type": "mrkdwn", "verbatim": True, "text": text}

    assert message(notice()) == [
        {
            "type": "header",
            "block_id": "incident_header",
            "text": plain("SEV-1 HighErrorRate: Error rate 12% on checkout-api"),
        },
        {
            "type": "section",
            "block_id": "incident_facts",
            "fields": [
                plain("Severity: SEV-1"),
                plain("State: open"),
                plain("Service: checkout-api"),
                plain("Alerts: 1 firing, 0 resolved"),
            ],
        },
        {
            "type": "section",
            "block_id": "incident_why",
            "text": plain("Why SEV-1: rule errors-for-everyone (error_rate 61% &gt; 50%)\nScope: all_users"),
        },
        {
            "type": "section",
            "block_id": "incident_firing",
            "text": plain(
                "Firing:\nLabels: service=checkout-api, tenant=acme\n• HighErrorRate: Error rate 12% on pod 1"
            ),
        },
        {"type": "section", "block_id": "incident_paged", "text": plain("Paged: Alice")},
        {"type": "section", "block_id": "incident_informed", "text": mrkdwn("Notified: <@U0VP>")},
        {
            "type": "section",
            "block_id": "incident_links",
            "text": mrkdwn(
                "<https://incidents.example.com/incidents/INC-2026-0042|Incident>"
                " · <https://runbooks.example.com/HighErrorRate|Runbook>"
            ),
        },
        {
            "type": "context",
            "block_id": "incident_context",
            "elements": [
                mrkdwn("INC-2026-0042 · opened <!date^1795442535^{date_short_pretty} {time}|2026-11-23 14:02 UTC>")
            ],
        },
    ]
    assert summary(notice()) == "[SEV-1] HighErrorRate: Error rate 12% on checkout-api (INC-2026-0042) is open"


def test_the_whole_decision_is_told_and_no_reason_pushes_the_rest_out() -> None:
    decision = Decision(
        severity=Severity.SEV3,
        rule="high-error-rate",
        reasons=("error_rate 7.3% > 5%", "at most SEV-3: scope is single_tenant"),
        scope="single_tenant",
        scope_from="1 tenant counted in label tenant",
        capped_by="single-tenant",
        rules_hash="bc5dc1dcfa2bd947",
        next_worse="high-error-rate (SEV-2) if the cap single-tenant did not apply",
    )

    def why(decision: Decision) -> list[str]:
        text = block(message(notice(incident=incident(decision=decision))), "incident_why")["text"]["text"]
        return str(text).split("\n")

    assert why(decision) == [
        "Why SEV-3: rule high-error-rate (error_rate 7.3% &gt; 5%; at most SEV-3: scope is single_tenant), capped by"
        " single-tenant",
        "Scope: single_tenant (1 tenant counted in label tenant)",
        "For a higher severity: high-error-rate (SEV-2) if the cap single-tenant did not apply",
        "Rules: bc5dc1dcfa2bd947",
    ]
    assert why(decision.model_copy(update={"reasons": ("x" * 200,) * 30}))[1:] == why(decision)[1:]
    assert len(why(Decision(severity=Severity.SEV1, rule="person", reasons=("declared by alice",)))) == 1


def test_more_alerts_than_are_shown_are_counted() -> None:
    many = notice(incident=incident(firing=137), alerts=tuple(alert(n) for n in range(20)))
    text = block(message(many), "incident_firing")["text"]["text"]
    assert text.startswith("Firing (127 more not shown):\nLabels: service=checkout-api, tenant=acme\n• HighErrorRate")
    assert text.count("•") == 10


def test_a_resolved_incident_says_so_and_lists_nothing() -> None:
    blocks = message(notice(incident=incident(state="resolved", firing=0, resolved=3), alerts=()))
    assert {"type": "plain_text", "text": "State: resolved", "emoji": False} in block(blocks, "incident_facts")[
        "fields"
    ]
    assert not [item for item in blocks if item["block_id"] == "incident_firing"]


@pytest.mark.parametrize("text", [HOSTILE, "x" * 1_000_000, "&" * 10_000, "<" * 10_000, "*`_~" * 1000, "", "\n" * 5000])
def test_hostile_text_stays_within_the_limits_and_dead(text: str) -> None:
    bad = hostile(
        text=text,
        mentions=tuple(Mention(name=text[:500], address=text[:50]) for _ in range(40)),
        links=tuple(Link(text=text, href=f"https://x.example/{n}?{'&' * 500}") for n in range(40)),
        events=tuple(event(n, text) for n in range(1, 60)),
    )
    for blocks, line in ((message(bad), summary(bad)), (reply(bad.events, bad.mentions)[1], reply(bad.events, ())[0])):
        assert mistakes({"text": line, "blocks": blocks}) == []
        assert sum(len(part["text"]) for part in texts(blocks)) <= 10_000
        for part in texts(blocks):
            assert_dead(part)
        assert LIVE.findall(line) == []
        assert not set("*`~") & set(line)


def assert_dead(part: dict[str, Any]) -> None:
    if part["type"] == "plain_text":
        assert "<" not in part["text"]
        assert ">" not in part["text"]
        assert part["emoji"] is False
        return
    assert part["verbatim"] is True
    for live in LIVE.findall(part["text"]):
        assert re.fullmatch(r"<https://(x|incidents|runbooks)\.example[^<>|]*\|[^<>|]*>|<!date\^[^<>]*>", live), live
    assert not set("*`~") & set(LIVE.sub("", part["text"]))


@given(st.text(alphabet="&<>ab", max_size=60), st.integers(1, 40))
def test_escape_breaks_no_entity_and_no_limit(text: str, limit: int) -> None:
    escaped = escape(text, limit)
    assert len(escaped) <= limit
    assert re.fullmatch(r"(?:[^&<>]|&amp;|&lt;|&gt;)*", escaped)
    shown = html.unescape(escaped)
    head, dots, tail = shown.partition("…")
    assert (text.startswith(head) and text.endswith(tail)) if dots else shown == text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("U0ALICE", "<@U0ALICE>"),
        ("W0ALICE", "<@W0ALICE>"),
        ("S0TEAM", "<!subteam^S0TEAM>"),
        ("U0ALICE\n", "Ann"),
        ("U0ALICE> <!channel", "Ann"),
        ("u0alice", "Ann"),
        ("C0CHANNEL", "Ann"),
        ("", "Ann"),
        (None, "Ann"),
    ],
)
def test_only_a_checked_id_is_a_mention(address: str | None, shown: str) -> None:
    assert mention(Mention(name="Ann", address=address)) == shown


def test_a_name_is_no_mention() -> None:
    assert mention(Mention(name="<!channel> *x*")) == "&lt;!channel&gt; x"


def test_links_are_encoded_and_checked() -> None:
    assert link(Link(text="a|b>c", href="https://x.example/?a=b|c>d<e&f=g")) == (
        "<https://x.example/?a=b%7Cc%3Ed%3Ce&amp;f=g|a|b&gt;c>"
    )
    assert link(Link(text="x", href="javascript:alert(1)")) is None


def test_flat_keeps_names_with_underscores() -> None:
    assert flat("*b* _i_ ~s~ `c` http_requests_total __x__") == "b i \u223cs\u223c c http_requests_total x"


def test_a_message_without_incident() -> None:
    assert message(tell("a <b>\nc"))[0]["text"]["text"] == "a &lt;b&gt;\nc"
    assert summary(tell("")) == "message"
