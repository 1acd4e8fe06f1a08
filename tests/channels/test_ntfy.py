"""ntfy: the exact messages that are published and cleared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from receiver.channels.base import DeliveryError
from receiver.channels.http_client import Http
from receiver.channels.ntfy.channel import Ntfy, NtfySettings
from receiver.channels.ntfy.message import sequence_id
from receiver.model.delivery.notice import Action
from receiver.model.delivery.phone_answer import Verb
from receiver.model.severity import Severity
from tests.channels.conftest import Wired, wire
from tests.channels.notices import alert, hostile, incident, notice, page
from tests.fakes import Answer, FakeNtfy, Site, Vendor
from tests.fakes.ntfy import REPLIES, TOKEN

VENDOR = FakeNtfy
TOPIC = "alice-7f3k9qxw2m4d"
ANSWERS = {Verb.ACKNOWLEDGE: "a" * 43, Verb.ESCALATE: "e" * 43}
KEY = sequence_id("rcv-5f3a/1795442531611/alice/1")
HOOKS = "https://incidents.example.com/hooks"


def paged(action: Action = Action.TRIGGER, **changes: Any) -> Any:
    """Return a page for a person's phone."""
    mine = page(channel="push", address=TOPIC)
    given = {"address": TOPIC, "page": mine, "incident": incident(pages=(mine,)), "answers": ANSWERS, **changes}
    return notice(action, **given)


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake."""
    push = Ntfy("push", NtfySettings(url=f"{site.url}/ntfy", token=TOKEN), http)
    return Wired(push, vendor, site, paged(), (TOKEN, TOPIC, *ANSWERS.values()))


@pytest.fixture
def push(site: Site, http: Http) -> Wired:
    return wire("ntfy", site, http)


def body(wired: Wired) -> Any:
    return wired.vendor.taken[-1]["body"]


async def test_a_page_in_full(push: Wired) -> None:
    await push.channel.send(push.notice)
    base = push.site.url
    assert body(push) == {
        "topic": TOPIC,
        "title": "[SEV-1] HighErrorRate: Error rate 12% on checkout-api (INC-2026-0042)",
        "message": "HighErrorRate: Error rate 12% on pod 1\nservice checkout-api\n"
        "Runbook: https://runbooks.example.com/HighErrorRate",
        "priority": 5,
        "tags": ["rotating_light"],
        "sequence_id": KEY,
        "click": "https://incidents.example.com/incidents/INC-2026-0042",
        "actions": [
            {"action": "http", "label": "Acknowledge", "url": f"{base}/ntfy/{REPLIES}", "method": "POST",
             "body": f"acknowledge {'a' * 43}", "clear": True},
            {"action": "http", "label": "Escalate", "url": f"{base}/ntfy/{REPLIES}", "method": "POST",
             "body": f"escalate {'e' * 43}", "clear": True},
            {"action": "view", "label": "Open", "url": "https://incidents.example.com/incidents/INC-2026-0042"},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("severity", "priority"), [(Severity.SEV1, 5), (Severity.SEV2, 4), (Severity.SEV3, 3), (Severity.SEV4, 2)]
)
async def test_priorities(push: Wired, severity: Severity, priority: int) -> None:
    await push.channel.send(paged(incident=incident(severity=severity)))
    assert body(push)["priority"] == priority


@pytest.mark.parametrize("action", [Action.ACKNOWLEDGE, Action.RESOLVE])
async def test_what_ends_a_page_is_silent_and_clears_it_on_every_phone(push: Wired, action: Action) -> None:
    vendor = push.vendor
    assert isinstance(vendor, FakeNtfy)
    await push.channel.send(push.notice)
    assert (vendor.sounds, list(vendor.shown)) == ([(TOPIC, KEY)], [(TOPIC, KEY)])
    assert (await push.channel.send(paged(action))).ref == KEY
    assert (vendor.sounds, list(vendor.shown)) == ([(TOPIC, KEY)], [])
    assert push.vendor.taken[-1]["path"] == f"/ntfy/{TOPIC}/{KEY}/clear"


async def test_an_old_server_that_cannot_clear_is_said_and_not_tried_for_ever(push: Wired) -> None:
    push.vendor.script.append(Answer(404, body={"code": 40401, "http": 404, "error": "page not found"}))
    assert "older than 2.16" in str((await push.channel.send(paged(Action.RESOLVE))).warning)


async def test_a_repetition_is_looked_for_first(push: Wired) -> None:
    push.vendor.script.append(Answer(reset="after"))
    with pytest.raises(DeliveryError):
        await push.channel.send(push.notice)
    await push.channel.send(push.notice.model_copy(update={"repeat": True}))
    assert push.vendor.seen == 1


async def test_a_token_that_may_only_write_publishes_again_under_the_same_id(push: Wired) -> None:
    vendor = push.vendor
    assert isinstance(vendor, FakeNtfy)
    vendor.access[TOKEN] = {"*": "w"}
    for repeat in (False, True):
        await push.channel.send(push.notice.model_copy(update={"repeat": repeat}))
    assert (vendor.seen, len(vendor.shown)) == (2, 1)


async def test_hook_posts_to_this_service_and_shared_to_nobody(site: Site, http: Http, push: Wired) -> None:
    hook = Ntfy("push", NtfySettings(url=f"{site.url}/ntfy", token=TOKEN, answers="hook"), http)
    await hook.send(paged(hooks=HOOKS))
    assert {one.get("url") for one in body(push)["actions"][:2]} == {f"{HOOKS}/ntfy"}
    await hook.send(paged())
    assert [one["action"] for one in body(push)["actions"]] == ["view"], "without an address nothing can be posted"
    shared = Ntfy("push", NtfySettings(url=f"{site.url}/ntfy", token=TOKEN, shared=True), http)
    await shared.send(paged())
    assert [one["action"] for one in body(push)["actions"]] == ["view"]
    assert (body(push)["title"], body(push)["message"]) == ("[SEV-1] INC-2026-0042", "checkout-api")


async def test_short_content_says_severity_id_and_service(site: Site, http: Http, push: Wired) -> None:
    short = Ntfy("push", NtfySettings(url=f"{site.url}/ntfy", token=TOKEN, content="short"), http)
    await short.send(hostile(Action.TRIGGER, "secret customer", address=TOPIC, page=page(address=TOPIC)))
    assert (body(push)["title"], body(push)["message"]) == ("[SEV-1] INC-2026-0042", "secret customer")
    await short.send(paged(incident=incident(service=None, title="secret customer")))
    assert "secret customer" not in json.dumps(body(push))


async def test_a_long_text_is_cut_by_bytes(push: Wired) -> None:
    lines = tuple(alert(number, name="é" * 500, summary='"' * 4000) for number in range(20))
    await push.channel.send(paged(alerts=lines, incident=incident(title="é" * 5000)))
    assert len(body(push)["message"].encode()) <= 4096
    assert push.vendor.taken[-1]["size"] <= 8192


@pytest.mark.parametrize("topic", ["", "two words", "a/b", "x" * 65, "é"])
async def test_a_topic_that_is_none_is_not_even_tried(push: Wired, topic: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        await push.channel.send(paged(address=topic))
    assert caught.value.permanent
    assert "alice" in caught.value.detail
    assert push.vendor.received == []


async def test_what_the_server_refuses_is_permanent_and_a_wrong_token_is_not(push: Wired, http: Http) -> None:
    push.vendor.script.append(Answer(400, body={"code": 40009, "http": 400, "error": f"topic {TOPIC} invalid"}))
    with pytest.raises(DeliveryError) as caught:
        await push.channel.send(push.notice)
    assert (caught.value.permanent, caught.value.reason) == (True, "client_error")
    assert TOPIC not in str(caught.value)
    wrong = Ntfy("push", NtfySettings(url=f"{push.site.url}/ntfy", token="tk_wrong"), http)
    with pytest.raises(DeliveryError) as caught:
        await wrong.send(push.notice)
    assert (caught.value.permanent, caught.value.reason) == (False, "auth")


async def test_a_page_outside_any_incident_is_its_text(push: Wired) -> None:
    await push.channel.send(paged(incident=None, text="call me\r\nnow", url=None, answers={}))
    assert (body(push)["title"], body(push)["priority"]) == ("call me now", 5)
    assert "actions" not in body(push)


def test_it_is_off_without_a_server() -> None:
    assert Ntfy("push", NtfySettings(), Http()).missing() == "url is empty"
    assert Ntfy("push", NtfySettings(api_url="http://127.0.0.1:1"), Http()).missing() is None


@pytest.mark.parametrize(
    ("given", "lacks"),
    [({}, None), ({"token": "tk_1"}, None), ({"token": ""}, "token is empty"), ({"token": "  "}, "token is empty")],
)
def test_a_token_that_is_written_and_empty_switches_the_channel_off(
    given: dict[str, str], lacks: str | None, http: Http
) -> None:
    settings = NtfySettings.model_validate({"url": "https://ntfy.example.com", **given})
    assert Ntfy("push", settings, http).missing() == lacks
