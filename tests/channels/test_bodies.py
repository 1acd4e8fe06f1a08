"""The alerts in every channel's messages: description, differing labels, values, and common labels once."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from receiver.channels import apprise, log, pagerduty, webhook
from receiver.channels.email import incident_email
from receiver.channels.jira import ticket_text
from receiver.channels.jira.text_formats import plain
from receiver.channels.ntfy import message as ntfy
from receiver.channels.slack import incident_message
from receiver.model.delivery.notice import Action, AlertLine, Link, Notice
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.severity import Severity
from receiver.pipeline.outbox.alert_lines import alert_lines
from tests.channels.notices import incident, notice, page

COMMON = {"alertname": "KubePodCrashLooping", "namespace": "checkout", "severity": "critical"}


def lines(*pods: str, **annotations: str) -> list[AlertLine]:
    records = {
        pod: AlertRecord(
            fingerprint=pod, firing=True, starts_ms=n, ends_ms=None, severity=Severity.SEV2, name="KubePodCrashLooping",
            digest="", seen_ms=n,
        )
        for n, pod in enumerate(pods)
    }  # fmt: skip
    bodies = {
        pod: {
            "labels": {**COMMON, "pod": pod},
            "annotations": {
                "summary": "Pod is crash looping.",
                "description": f"Pod checkout/{pod} waits.",
                **annotations,
            },
        }
        for pod in pods
    }
    return alert_lines(records, bodies)


def told(*pods: str) -> Notice:
    notes = {"summary": "Pod is crash looping.", "description": f"Pod checkout/{pods[0]} waits.", "value": "17"}
    shown = incident(labels=COMMON, annotations=notes, firing=len(pods), title="KubePodCrashLooping: checkout")
    return notice(incident=shown, alerts=tuple(lines(*pods, value="17")))


def test_lines_have_what_differs() -> None:
    first, second = lines("a", "b", value="3")
    assert (first.differing, second.differing) == ({"pod": "a"}, {"pod": "b"})
    assert first.detail == "Pod checkout/a waits.; pod=a, value=3"
    (alone,) = lines("a")
    assert alone.differing == {}
    assert alone.detail == "Pod checkout/a waits."
    (silent,) = lines("a", summary="", description="only this")
    assert (silent.summary, silent.description) == ("only this", "")


def bodies(one: Notice) -> dict[str, str]:
    blocks: list[Any] = incident_message.message(one)
    runs = [plain(run) for line in ticket_text.description(one, one.incident) for run in line] if one.incident else []
    return {
        "slack": "\n".join(block["text"]["text"] for block in blocks if block.get("block_id") == "incident_firing"),
        "mail": "\n".join(incident_email.text_of(one)),
        "ticket": "\n".join(runs),
        "apprise": apprise.message(one)[1],
        "webhook": json.dumps(webhook.payload(one)["data"], ensure_ascii=False),
        "ntfy": str(ntfy.message(one, "topic", short=False, answer_to=None)["message"]),
    }


@pytest.mark.parametrize("filling", ["&<>@*`~", "é🙂", "www.x://", "\\[]{}|", "a b"])
def test_both_ends_of_a_long_text_are_kept_and_no_escape_is_broken(filling: str) -> None:
    long = f"BEGIN {filling * 3000} END"
    notes = {"summary": "Pod is crash looping.", "description": long}
    shown = incident(labels=COMMON, annotations=notes, firing=2, title="KubePodCrashLooping: checkout")
    one = notice(incident=shown, alerts=tuple(lines("a", "b", description=long)))
    for channel, text in bodies(one).items():
        assert "BEGIN" in text, channel
        assert "END" in text, channel
        assert "…" in text, channel
    blocks: list[Any] = incident_message.message(one)
    for block in blocks:
        said = block.get("text", {}).get("text", "")
        assert len(said) <= 3000
        assert not re.search(r"&(?!amp;|lt;|gt;)", said), said
    renamed = shown.model_copy(update={"title": long[:120]})
    title, body = apprise.message(one.model_copy(update={"incident": renamed, "url": None}))
    assert (len(title) <= apprise.TITLE_LIMIT, title.endswith("(INC-2026-0042)")) == (True, True)
    assert not re.search(r"@(?!\u200b|…|$)|(?<!\u200b)//", body), body


def test_a_link_of_a_push_is_whole_or_not_there() -> None:
    links = [
        Link(text=f"Link {n}", href=f"https://wiki.example.com/{'x' * size}") for n, size in enumerate((900, 2500, 400))
    ]
    one = told("api-1").model_copy(update={"links": tuple(links)})
    text = str(ntfy.message(one, "topic", short=False, answer_to=None)["message"])
    assert [link.href in text for link in links] == [True, False, True]
    assert "Link 1" not in text
    assert len(text.encode()) <= ntfy.MESSAGE_LIMIT


def test_every_channel_says_what_each_alert_says() -> None:
    for channel, text in bodies(told("api-1", "api-2")).items():
        if channel == "ntfy":
            assert "Pod checkout/api-2 waits.; pod=api-2, value=17" in text
            continue
        for pod in ("api-1", "api-2"):
            assert f"Pod checkout/{pod} waits." in text, channel
        assert "api-2" in text, channel
        assert "17" in text, channel
        assert "checkout" in text, channel
        # Common labels once, not with each alert.
        if channel != "webhook":
            assert text.count("namespace=checkout") == 1, channel


def test_a_page_says_it_too_though_it_lists_no_alerts() -> None:
    one = told("api-1", "api-2")
    trigger = one.model_copy(update={"action": Action.TRIGGER, "page": page(), "alerts": ()})
    details = pagerduty.payload(trigger)["payload"]["custom_details"]
    assert details["description"] == "Pod checkout/api-1 waits."
    assert details["summary"] == "Pod is crash looping."
    assert details["annotation_value"] == "17"
    assert details["labels"] == COMMON
    _, _, fields = log.line(trigger)
    assert fields["description"] == "Pod checkout/api-1 waits."
