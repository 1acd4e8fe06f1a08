"""What every channel that talks to a vendor must do, whatever the vendor does."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import structlog

from receiver.channels import discover
from receiver.channels.base import REASONS, DeliveryError
from receiver.channels.http import Http
from receiver.model.base import Frozen
from receiver.model.notice import Action
from tests.channels.conftest import TIMEOUT, Wired, wire
from tests.channels.notices import HOSTILE, NOW, hostile, notice
from tests.fakes import Answer, Site

BUILT = sorted(discover())
APART = ("log", "email", "apprise")
"""Those that speak no HTTP of ours: what they owe in their own terms stands in their own tests."""
REMOTE = [kind for kind in BUILT if kind not in APART]


@pytest.fixture(params=REMOTE)
def wired(request: pytest.FixtureRequest, site: Site, http: Http) -> Wired:
    return wire(request.param, site, http)


@pytest.fixture(params=[kind for kind in BUILT if kind in (*REMOTE, "log")])
def every(request: pytest.FixtureRequest, site: Site, http: Http) -> Wired:
    return wire(request.param, site, http)


@pytest.fixture
async def quick(http: Http) -> AsyncIterator[Http]:
    """Connections with a short limit; a test that waits for it waits for real."""
    quick = Http(connect=TIMEOUT, total=TIMEOUT)
    yield quick
    await quick.close()


async def failure(wired: Wired) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await wired.channel.send(wired.notice)
    error = caught.value
    assert error.reason in REASONS
    assert len(error.detail) <= 300
    shown = f"{error!s} {error!r} {error.detail} {wired.channel!r} {wired.channel.settings!r}"
    assert not [secret for secret in wired.secrets if secret in shown]
    return error


def seen(wired: Wired) -> int:
    """Return how often somebody was rung, or told."""
    return wired.vendor.seen


def test_discover_finds_every_kind_of_the_reference() -> None:
    kinds = discover()
    assert set(kinds) == {
        "pagerduty", "slack", "webhook", "log", "statuspage", "jira", "confluence", "email", "apprise",
        "grafana",
    }  # fmt: skip
    for kind, channel in kinds.items():
        assert issubclass(channel.Settings, Frozen)
        assert channel.Settings.model_fields["kind"].default == kind
        described = [field for name, field in channel.Settings.model_fields.items() if name != "kind"]
        assert all(field.description for field in described)


async def test_a_good_answer_is_a_receipt(wired: Wired) -> None:
    receipt = await wired.channel.send(wired.notice)
    assert receipt.ref
    assert receipt.warning is None
    assert len(wired.vendor.taken) == 1


async def test_the_same_notice_twice_is_the_same_thing_to_the_vendor(wired: Wired) -> None:
    await wired.channel.send(wired.notice)
    await wired.channel.send(wired.notice.model_copy(update={"repeat": True}))
    assert seen(wired) == 1


TABLE = [
    (300, "redirect", False, False),
    (301, "redirect", False, False),
    (302, "redirect", False, False),
    (307, "redirect", False, False),
    (308, "redirect", False, False),
    (400, "client_error", True, False),
    (401, "auth", True, False),
    (403, "auth", True, False),
    (404, "client_error", True, False),
    (405, "client_error", True, False),
    (408, "timeout", False, True),
    (410, "client_error", True, False),
    (413, "client_error", True, False),
    (422, "client_error", True, False),
    (429, "rate_limited", False, False),
    (499, "client_error", True, False),
    (500, "server_error", False, True),
    (502, "server_error", False, True),
    (503, "server_error", False, True),
    (504, "server_error", False, True),
    (599, "server_error", False, True),
]


@pytest.mark.parametrize(("status", "reason", "permanent", "ambiguous"), TABLE)
async def test_what_a_status_means(wired: Wired, status: int, reason: str, permanent: bool, ambiguous: bool) -> None:
    # An answer that repeats what it was sent must not lead to a log.
    wired.vendor.script.append(
        Answer(status, body=" ".join(wired.secrets) + "\x1b[31m\u202e", headers={"Location": "/hook"})
    )
    error = await failure(wired)
    assert (error.reason, error.permanent, error.ambiguous) == (reason, permanent, ambiguous)
    assert len(wired.vendor.received) == 1, "a status is never followed nor repeated inside one attempt"


async def test_a_redirect_is_never_followed(wired: Wired) -> None:
    for status in (301, 302, 303, 307, 308):
        wired.vendor.script.append(Answer(status, headers={"Location": f"{wired.site.url}/elsewhere"}))
        assert (await failure(wired)).reason == "redirect"
    assert wired.site.failures == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("999999999999", 3600.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_in_both_forms(wired: Wired, status: int, value: str, seconds: float) -> None:
    wired.vendor.script.append(Answer(status, headers={"Retry-After": value}))
    assert (await failure(wired)).retry_after == seconds


@pytest.mark.parametrize("value", ["soon", "", "nan", "Mon, 99 Nov 2026 99:99:99 GMT"])
async def test_an_unreadable_retry_after_is_none(wired: Wired, value: str) -> None:
    wired.vendor.script.append(Answer(429, headers={"Retry-After": value}))
    assert (await failure(wired)).retry_after is None


async def test_no_answer_is_ambiguous(wired: Wired, quick: Http, site: Site) -> None:
    wired = wire(wired.channel.kind, site, quick)
    wired.vendor.script.append(Answer(hang=True, taken=True))
    error = await failure(wired)
    assert (error.reason, error.permanent, error.ambiguous) == ("timeout", False, True)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_broken_connection_is_ambiguous(wired: Wired, when: Any) -> None:
    wired.vendor.script.append(Answer(reset=when))
    error = await failure(wired)
    assert (error.reason, error.permanent, error.ambiguous) == ("connection", False, True)
    assert len(wired.vendor.taken) == (1 if when == "after" else 0)


async def test_what_was_taken_though_the_answer_was_lost_is_not_done_twice(wired: Wired) -> None:
    wired.vendor.script.append(Answer(reset="after"))
    await failure(wired)
    await wired.channel.send(wired.notice.model_copy(update={"repeat": True}))
    assert seen(wired) == 1


async def test_nobody_there_is_not_ambiguous(wired: Wired) -> None:
    await wired.site.stop()
    error = await failure(wired)
    assert (error.reason, error.permanent, error.ambiguous) == ("connection", False, False)


async def test_a_name_that_nobody_knows(http: Http) -> None:
    with pytest.raises(DeliveryError) as caught:
        await http.post_json("http://nobody.invalid/secret-path", {})
    assert (caught.value.reason, caught.value.ambiguous) == ("connection", False)
    assert "secret-path" not in str(caught.value)


async def test_every_channel_shows_what_it_would_send_and_no_secret(every: Wired) -> None:
    before = copy.deepcopy(every.notice.model_dump())
    shown = str(every.channel.preview(every.notice))
    # A page of the public's knows no id of ours.
    assert (every.notice.public.incident.id if every.notice.public else "INC-2026-0042") in shown
    assert not [secret for secret in every.secrets if secret in shown]
    assert every.channel.preview(every.notice) == every.channel.preview(every.notice)
    assert every.notice.model_dump() == before
    assert every.vendor.received == []


@pytest.mark.parametrize("text", [HOSTILE, "x" * 1_000_000, "&<>" * 300_000, "*`_~" * 1000, "", "\n" * 5000])
async def test_hostile_text_is_delivered_harmless(every: Wired, text: str) -> None:
    every.channel.preview(hostile(every.notice.action, text))
    await every.channel.send(hostile(every.notice.action, text, address=every.notice.address))
    assert all(entry["errors"] == [] for entry in every.vendor.received)


async def test_no_channel_logs_a_secret(every: Wired) -> None:
    with structlog.testing.capture_logs() as lines:
        await every.channel.send(every.notice)
    assert not [secret for secret in every.secrets if secret in str(lines)]


def test_every_channel_says_where_it_informs(every: Wired) -> None:
    address = every.channel.address()
    assert address
    assert not [secret for secret in every.secrets if secret in address]
    assert every.channel.missing() is None


@pytest.mark.parametrize("action", list(Action))
async def test_an_action_is_done_or_refused_for_good(every: Wired, action: Action) -> None:
    able = {
        Action.TRIGGER: every.channel.paging,
        Action.ACKNOWLEDGE: every.channel.paging,
        Action.RESOLVE: every.channel.paging,
        Action.INFORM: every.channel.informs or every.channel.tickets or every.channel.marks or every.channel.publishes,
        Action.TELL: every.channel.informs,
        Action.DOCUMENT: every.channel.documents,
    }
    asked = notice(action, text="something")
    if action is every.notice.action:
        asked = asked.model_copy(update={"address": every.notice.address})
    if able[action]:
        await every.channel.send(asked)
        return
    with pytest.raises(DeliveryError) as caught:
        await every.channel.send(asked)
    assert caught.value.permanent
    assert every.vendor.received == []
