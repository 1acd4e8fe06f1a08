"""Slack: one message per incident, edits, one reply for each change, and no duplicates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from receiver.channels.base import DeliveryError
from receiver.channels.http_client import Http
from receiver.channels.slack.channel import Slack
from receiver.channels.slack.settings import SlackSettings
from receiver.model.delivery.notice import Mention, Notice, Receipt
from receiver.model.incident.event import Kind
from tests.channels.conftest import TIMEOUT, Wired, wire
from tests.channels.notices import NOW, ROUTING_KEY, event, incident, notice, tell
from tests.fakes import Answer, FakeSlack, Site, Vendor
from tests.fakes.slack import TOKEN

SIGNING_SECRET = "signing-secret-91ab"

VENDOR = FakeSlack


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake."""
    assert isinstance(vendor, FakeSlack)
    settings = SlackSettings(
        api_url=f"{site.url}/api", bot_token=TOKEN, signing_secret=SIGNING_SECRET, channel="#incidents"
    )
    secrets = (TOKEN, SIGNING_SECRET, ROUTING_KEY)
    return Wired(Slack("chat", settings, http), vendor, site, notice(), secrets)


def fake(wired: Wired) -> FakeSlack:
    assert isinstance(wired.vendor, FakeSlack)
    return wired.vendor


def calls(wired: Wired) -> list[str]:
    return [entry["path"].removeprefix("/api/") for entry in wired.vendor.received]


def later(receipt: Receipt, *texts: str, **changes: Any) -> Notice:
    """Return the notice after `receipt`, with later events as 2, 3, ..."""
    news = tuple(event(number, text) for number, text in enumerate(texts, 2))
    return notice(**{"key": "uid-0001/chat/2", "memory": receipt.memory, "events": news, **changes})


async def refused(wired: Wired, asked: Notice) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await wired.channel.send(asked)
    return caught.value


async def test_the_first_message(slack: Wired) -> None:
    receipt = await slack.channel.send(notice())
    assert calls(slack) == ["chat.postMessage"]
    body = slack.vendor.taken[0]["body"]
    assert body["channel"] == "#incidents"
    assert body["unfurl_links"] is body["unfurl_media"] is body["link_names"] is body["mrkdwn"] is False
    assert body["metadata"] == {
        "event_type": "receiver_incident",
        "event_payload": {
            "incident_id": "INC-2026-0042",
            "uid": "uid-0001",
            "notice": "uid-0001/chat/1",
            "said": 1,
            "mentioned": ["U0VP"],
        },
    }
    assert receipt.memory == {"channel": "C0INCIDENTS", "ts": receipt.ref, "said": 1, "mentioned": ["U0VP"]}
    assert [block["type"] for block in body["blocks"]].count("actions") == 1


async def test_what_follows_edits_the_message_and_says_the_news_once(slack: Wired) -> None:
    receipt = await slack.channel.send(notice())
    resolved = incident(state="resolved", firing=0, resolved=1)
    receipt = await slack.channel.send(later(receipt, "acknowledged by Alice", "resolved", incident=resolved))
    vendor = fake(slack)
    assert len(vendor.parents) == 1
    assert vendor.parents[0]["edits"] == 1
    assert vendor.parents[0]["text"].endswith("is resolved")
    assert vendor.parents[0]["metadata"]["event_payload"]["said"] == 1, "an edit keeps the metadata of the post"
    assert [item["blocks"][0]["text"]["text"] for item in vendor.replies] == ["• acknowledged by Alice\n• resolved"]
    assert receipt.memory["said"] == 3
    receipt = await slack.channel.send(later(receipt, "acknowledged by Alice", "resolved", incident=resolved))
    assert len(vendor.replies) == 1, "earlier events are not repeated"


async def test_a_newly_informed_person_is_called_in_the_thread(slack: Wired) -> None:
    receipt = await slack.channel.send(notice())
    both = (Mention(name="VP", address="U0VP"), Mention(name="CTO", address="U0CTO"))
    receipt = await slack.channel.send(later(receipt, "severity raised", mentions=both))
    assert fake(slack).replies[0]["blocks"][1]["text"]["text"] == "Notified: <@U0CTO>"
    await slack.channel.send(later(receipt, mentions=both))
    assert len(fake(slack).replies) == 1


async def test_many_news_are_one_reply(slack: Wired) -> None:
    receipt = await slack.channel.send(notice())
    await slack.channel.send(later(receipt, *[f"change {number}" for number in range(50)]))
    text = fake(slack).replies[0]["blocks"][0]["text"]["text"]
    assert text.startswith("30 earlier changes\n• change 30\n")
    assert text.endswith("• change 49")


async def test_a_lost_answer_of_the_first_post_is_found_again_by_a_fresh_process(slack: Wired) -> None:
    slack.vendor.script.append(Answer(reset="after"))
    assert (await refused(slack, notice())).ambiguous
    fresh = wire("slack", slack.site, slack.channel.http)
    # Meanwhile an event was added, and the notice has another key.
    news = (event(1, "opened", Kind.OPENED), event(2, "acknowledged"))
    receipt = await fresh.channel.send(notice(key="uid-0001/chat/2", repeat=True, events=news))
    assert calls(slack)[1:] == [
        "conversations.list",
        "conversations.history",
        "chat.update",
        "conversations.replies",
        "chat.postMessage",
    ]
    vendor = fake(slack)
    assert len(vendor.parents) == 1
    assert [item["blocks"][0]["text"]["text"] for item in vendor.replies] == ["• acknowledged"]
    assert receipt.memory == {"channel": "C0INCIDENTS", "ts": vendor.parents[0]["ts"], "said": 2, "mentioned": ["U0VP"]}


async def test_a_lost_answer_is_found_behind_other_messages(slack: Wired) -> None:
    slack.vendor.script.append(Answer(reset="after"))
    await refused(slack, notice())
    fake(slack).messages += [
        {"channel": "C0INCIDENTS", "ts": f"1795442541.{n:06d}", "text": "chat"} for n in range(250)
    ]
    await slack.channel.send(notice(repeat=True))
    assert calls(slack).count("conversations.history") == 3
    assert len([item for item in fake(slack).parents if "metadata" in item]) == 1


async def test_another_incident_is_not_taken_for_it(slack: Wired) -> None:
    await slack.channel.send(notice(incident=incident(uid="uid-0002")))
    await slack.channel.send(notice(repeat=True))
    assert len(fake(slack).parents) == 2


async def test_what_was_never_posted_is_posted(slack: Wired) -> None:
    slack.vendor.script.append(Answer(reset="before"))
    assert (await refused(slack, notice())).ambiguous
    await slack.channel.send(notice(repeat=True))
    assert len(fake(slack).parents) == 1


async def test_a_history_that_may_not_be_read_posts_again(slack: Wired) -> None:
    fake(slack).refused = {"conversations.history": "missing_scope"}
    await slack.channel.send(notice(repeat=True))
    assert len(fake(slack).parents) == 1


async def test_a_history_that_fails_for_now_is_asked_twice_and_then_later(slack: Wired) -> None:
    await slack.channel.send(notice(incident=incident(uid="uid-0002")))
    slack.vendor.script.extend([Answer(503), Answer(503)])
    error = await refused(slack, notice(repeat=True))
    assert (error.reason, error.ambiguous, error.permanent) == ("server_error", True, False)
    assert calls(slack)[1:] == ["conversations.history"] * 2
    assert len(fake(slack).parents) == 1


async def test_a_lost_answer_of_a_reply_is_not_said_twice(slack: Wired) -> None:
    receipt = await slack.channel.send(notice())
    # The edit succeeds; the response to the reply is lost.
    slack.vendor.script.extend([Answer(200, body={"ok": True}, taken=True), Answer(reset="after")])
    assert (await refused(slack, later(receipt, "acknowledged"))).ambiguous
    receipt = await slack.channel.send(later(receipt, "acknowledged", "resolved", repeat=True))
    said = [item["blocks"][0]["text"]["text"] for item in fake(slack).replies]
    assert said == ["• acknowledged", "• resolved"]
    assert receipt.memory["said"] == 3


async def test_a_deleted_message_is_posted_anew_and_only_once(slack: Wired) -> None:
    receipt = await slack.channel.send(notice())
    fake(slack).messages.clear()
    slack.vendor.script.extend([Answer(200, body={"ok": False, "error": "message_not_found"}), Answer(reset="after")])
    assert (await refused(slack, later(receipt, "acknowledged"))).ambiguous
    fresh = await slack.channel.send(later(receipt, "acknowledged", repeat=True))
    assert len(fake(slack).parents) == 1
    assert fresh.ref == fake(slack).parents[0]["ts"] != receipt.ref


@pytest.mark.parametrize("code", ["cant_update_message", "edit_window_closed"])
async def test_what_can_no_longer_be_edited_goes_on_in_its_thread(slack: Wired, code: str) -> None:
    receipt = await slack.channel.send(notice())
    fake(slack).refused = {"chat.update": code}
    await slack.channel.send(later(receipt, "acknowledged"))
    assert (len(fake(slack).parents), len(fake(slack).replies)) == (1, 1)


@pytest.mark.parametrize(
    ("code", "reason", "permanent", "ambiguous"),
    [
        ("invalid_auth", "auth", True, False),
        ("token_revoked", "auth", True, False),
        ("missing_scope", "auth", True, False),
        ("channel_not_found", "client_error", True, False),
        ("not_in_channel", "client_error", True, False),
        ("is_archived", "client_error", True, False),
        ("ratelimited", "rate_limited", False, False),
        ("message_limit_exceeded", "rate_limited", False, False),
        ("internal_error", "server_error", False, True),
        ("fatal_error", "server_error", False, True),
        ("something_new", "client_error", False, False),
    ],
)
async def test_what_an_ok_false_means(slack: Wired, code: str, reason: str, permanent: bool, ambiguous: bool) -> None:
    fake(slack).refused = {"chat.postMessage": code}
    error = await refused(slack, notice())
    assert (error.reason, error.permanent, error.ambiguous) == (reason, permanent, ambiguous)
    assert code in error.detail


async def test_a_public_channel_is_joined_once_and_then_told(slack: Wired) -> None:
    fake(slack).joined = False
    receipt = await slack.channel.send(notice())
    methods = [entry["path"].rpartition("/")[2] for entry in slack.vendor.received]
    assert methods == ["chat.postMessage", "conversations.list", "conversations.join", "chat.postMessage"]
    assert len(fake(slack).parents) == 1
    fake(slack).joined = False  # a person has removed it meanwhile
    await slack.channel.send(later(receipt, "acknowledged"))
    assert len(fake(slack).replies) == 1


async def test_joining_is_tried_once(slack: Wired) -> None:
    fake(slack).refused = {"chat.postMessage": "not_in_channel"}
    assert (await refused(slack, notice())).permanent
    assert [entry["path"].endswith("conversations.join") for entry in slack.vendor.received].count(True) == 1


@pytest.mark.parametrize("code", ["method_not_supported_for_channel_type", "missing_scope", "is_archived"])
async def test_a_channel_that_cannot_be_joined_says_what_would_be_right(slack: Wired, code: str) -> None:
    fake(slack).joined = False
    fake(slack).private = code.startswith("method")
    fake(slack).refused = {} if fake(slack).private else {"conversations.join": code}
    error = await refused(slack, notice())
    assert (error.permanent, code in error.detail, "invite the app" in error.detail) == (True, True, True)


async def test_what_passes_while_joining_is_tried_again(slack: Wired) -> None:
    fake(slack).joined = False
    fake(slack).refused = {"conversations.join": "ratelimited"}
    assert not (await refused(slack, notice())).permanent
    fake(slack).refused = {}
    await slack.channel.send(notice(repeat=True, now=NOW + timedelta(minutes=1)))
    assert len(fake(slack).parents) == 1


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_too_long", "metadata_too_large"])
async def test_what_slack_cannot_take_is_said_once_in_plain_words(slack: Wired, code: str) -> None:
    slack.vendor.script.append(Answer(200, body={"ok": False, "error": code}))
    await slack.channel.send(notice())
    first, second = (entry["body"] for entry in slack.vendor.received)
    assert "blocks" in first
    assert "blocks" not in second
    assert second["text"] == first["text"]
    assert ("metadata" in second) == ("metadata" not in code)


async def test_what_slack_never_takes_is_given_up(slack: Wired) -> None:
    fake(slack).refused = {"chat.postMessage": "invalid_blocks"}
    assert (await refused(slack, notice())).permanent
    assert len(slack.vendor.received) == 2


@pytest.mark.parametrize("status", [200, 429])
async def test_a_limit_holds_for_every_incident_until_it_has_passed(slack: Wired, status: int) -> None:
    slack.vendor.script.append(
        Answer(status, body={"ok": False, "error": "ratelimited"}, headers={"Retry-After": "30"})
    )
    assert (await refused(slack, notice())).retry_after == 30
    held = await refused(slack, notice(incident=incident(uid="uid-0002"), now=NOW + timedelta(seconds=10)))
    assert (held.reason, held.retry_after) == ("rate_limited", 20)
    assert len(slack.vendor.received) == 1, "no request is sent while the limit applies"
    await slack.channel.send(notice(now=NOW + timedelta(seconds=31)))
    assert len(fake(slack).parents) == 1


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"ok": "yes"}', '{"ok": tru', "null", "[" * 20_000])
async def test_an_answer_that_is_not_slacks_is_ambiguous(slack: Wired, body: str) -> None:
    slack.vendor.script.append(Answer(200, body=body or " "))
    error = await refused(slack, notice())
    assert (error.reason, error.permanent, error.ambiguous) == ("bad_answer", False, True)


async def test_an_answer_that_stops_in_the_middle_is_ambiguous(slack: Wired) -> None:
    slack.channel.http.total = TIMEOUT * 2
    slack.vendor.script.append(Answer(200, body={"ok": True, "channel": "C0INCIDENTS"}, drip=True))
    assert (await refused(slack, notice())).ambiguous
    slack.channel.http.total = 5
    await slack.channel.send(notice(repeat=True))
    assert len(fake(slack).parents) == 1


async def test_a_warning_is_kept(slack: Wired) -> None:
    told = {"ok": True, "channel": "C0INCIDENTS", "ts": "1.0", "warning": "superfluous_charset"}
    slack.vendor.script.append(Answer(200, body=told))
    assert (await slack.channel.send(notice())).warning == "slack: superfluous_charset"


async def test_tell_is_a_message_of_its_own_each_time(slack: Wired) -> None:
    receipt = await slack.channel.send(tell("first"))
    await slack.channel.send(tell("second", key="tell/2"))
    assert [item["text"] for item in fake(slack).parents] == ["first", "second"]
    assert receipt.memory == {}
    again = await slack.channel.send(tell("second", key="tell/2", repeat=True))
    assert again.ref == fake(slack).parents[1]["ts"]
    assert len(fake(slack).parents) == 2


async def test_a_channel_by_id(slack: Wired) -> None:
    receipt = await slack.channel.send(notice(address="C0GENERAL"))
    assert receipt.memory["channel"] == "C0GENERAL"
    await slack.channel.send(notice(address="C0GENERAL", repeat=True))
    assert "conversations.list" not in calls(slack)
    assert len(fake(slack).parents) == 1


async def test_the_preview_is_what_is_sent(slack: Wired) -> None:
    assert isinstance(slack.channel, Slack)
    receipt = await slack.channel.send(notice())
    following = later(receipt, "acknowledged")
    await slack.channel.send(following)
    sent = [entry["body"] for entry in slack.vendor.received]
    shown = slack.channel.preview(notice()) + slack.channel.preview(following)
    assert [request["body"] for request in shown] == sent
    assert [request["url"].rpartition("/")[2] for request in shown] == calls(slack)
