"""The contract of every channel, for all responses of a vendor."""

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
from receiver.channels.http_client import Http
from receiver.model.base import Frozen
from receiver.model.delivery.notice import Action
from tests.channels.conftest import TIMEOUT, Wired, remote, wire
from tests.channels.notices import HOSTILE, NOW, ROUTING_KEY, hostile, incident, notice, tell
from tests.fakes import Answer, Site

REMOTE = remote()


@pytest.fixture(params=REMOTE)
def wired(request: pytest.FixtureRequest, site: Site, http: Http) -> Wired:
    return wire(request.param, site, http)


@pytest.fixture(params=[*REMOTE, "log"])
def every(request: pytest.FixtureRequest, site: Site, http: Http) -> Wired:
    return wire(request.param, site, http)


@pytest.fixture
async def quick(http: Http) -> AsyncIterator[Http]:
    """Connections with a short timeout; a test that waits for it waits in real time."""
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


def test_discover_finds_every_kind_of_the_reference() -> None:
    kinds = discover()
    assert set(kinds) >= {
        "pagerduty", "slack", "webhook", "log", "statuspage", "jira", "confluence", "email", "apprise",
        "gammu", "grafana", "ntfy", "twilio",
    }  # fmt: skip
    # Channels without HTTP have separate tests.
    assert set(kinds) - set(REMOTE) == {"email", "gammu", "log"}
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


def told(wired: Wired, reason: str) -> tuple[str, bool, bool]:
    """Return the error for a missing response: a library gives no other reason."""
    return ("server_error" if wired.blunt else reason, False, True)


async def test_the_same_notice_twice_is_the_same_thing_to_the_vendor(wired: Wired) -> None:
    await wired.channel.send(wired.notice)
    await wired.channel.send(wired.notice.model_copy(update={"repeat": True}))
    # A message through a library has no key and cannot be looked up: twice is better than never.
    assert wired.vendor.seen == (2 if wired.blunt else 1)


PAGERS = ("ntfy", "pagerduty", "twilio")
BROKEN = ["", "{", "null", "[]", '"ok"', "<html>Sign in</html>", '{"ok": 1, "id": {}}', "[" * 9999]


def meant(status: int, kind: str, *, blunt: bool) -> tuple[str, bool, bool]:
    """Return the reason, `permanent` and `ambiguous` of a status outside 2xx."""
    if kind in PAGERS and 400 < status < 500 and status not in (408, 413, 429):
        # The vendor refuses with a 400: a proxy's error is no reason to give up a page.
        return "auth" if status in (401, 403, 404) else "bad_answer", False, False
    if blunt or status >= 500:
        return "server_error", False, True
    if status < 400:
        return "redirect", False, False
    known = {401: ("auth", True, False), 403: ("auth", True, False), 408: ("timeout", False, True)}
    return known.get(status, ("rate_limited", False, False) if status == 429 else ("client_error", True, False))


@pytest.mark.parametrize("hundred", [300, 400, 500])
async def test_what_every_status_means(wired: Wired, hundred: int) -> None:
    for status in range(hundred, hundred + 100):
        # An older API of Statuspage responds with this instead of 429.
        wanted = 429 if status == 420 and wired.channel.kind == "statuspage" else status
        # A response that repeats the request must not appear in a log.
        body = " ".join(wired.secrets) + "\x1b[31m\u202e"
        wired.vendor.script.append(Answer(status, body=body, headers={"Location": f"{wired.site.url}/elsewhere"}))
        before = len(wired.vendor.received)
        error = await failure(wired)
        found = (error.reason, error.permanent, error.ambiguous)
        assert found == meant(wanted, wired.channel.kind, blunt=wired.blunt), status
        assert len(wired.vendor.received) == before + 1, "neither followed nor repeated in one attempt"
    assert wired.site.failures == []


@pytest.mark.parametrize(
    "body", ["", "{", "null", "[]", '"ok"', "<html>Sign in</html>", '{"ok": 1, "id": {}}', "[" * 9999]
)
async def test_a_good_status_with_a_bad_body_is_taken_or_in_doubt(wired: Wired, body: str) -> None:
    for status in (200, 201, 202, 203, 206, 299):
        wired.vendor.script.append(Answer(status, body=body or " ", taken=False))
        try:
            await wired.channel.send(wired.notice)
        except DeliveryError as error:
            assert not error.permanent or error.reason == "auth", (status, error)
            assert error.ambiguous, (status, error)


async def test_a_slow_body_loses_nothing_and_doubles_nothing(wired: Wired, quick: Http, site: Site) -> None:
    slow = wire(wired.channel.kind, site, quick)
    slow.vendor.script.append(Answer(200, body={"ok": True}, drip=True))
    try:
        await slow.channel.send(slow.notice)
    except DeliveryError as error:
        assert (error.permanent, error.ambiguous) == (False, True) or error.reason == "auth"
    slow.vendor.script.clear()  # on a busy machine, it may time out before it is connected
    if not slow.blunt:
        await wired.channel.send(wired.notice.model_copy(update={"repeat": True}))
    assert wired.vendor.seen == 1


async def test_a_redirect_is_never_followed(wired: Wired) -> None:
    for status in (301, 302, 303, 307, 308):
        wired.vendor.script.append(Answer(status, headers={"Location": f"{wired.site.url}/elsewhere"}))
        assert (await failure(wired)).reason == ("server_error" if wired.blunt else "redirect")
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
    # After a 503 the message may exist: the channel looks for it only when it can be found.
    least = wired.channel.settles if status == 503 else 0.0
    assert (await failure(wired)).retry_after == (None if wired.blunt else max(seconds, least))


@pytest.mark.parametrize("value", ["soon", "", "nan", "Mon, 99 Nov 2026 99:99:99 GMT"])
async def test_an_unreadable_retry_after_is_none(wired: Wired, value: str) -> None:
    wired.vendor.script.append(Answer(429, headers={"Retry-After": value}))
    assert (await failure(wired)).retry_after is None


async def test_no_answer_is_ambiguous(wired: Wired, quick: Http, site: Site) -> None:
    wired = wire(wired.channel.kind, site, quick)
    wired.vendor.script.append(Answer(hang=True, taken=True))
    error = await failure(wired)
    # A library has its own timeout, and either may expire first.
    said = {told(wired, "timeout"), ("timeout", False, True)}
    assert (error.reason, error.permanent, error.ambiguous) in said


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_broken_connection_is_ambiguous(wired: Wired, when: Any) -> None:
    wired.vendor.script.append(Answer(reset=when))
    error = await failure(wired)
    assert (error.reason, error.permanent, error.ambiguous) == told(wired, "connection")
    assert len(wired.vendor.taken) == (1 if when == "after" else 0)


async def test_what_was_taken_though_the_answer_was_lost_is_not_done_twice(wired: Wired) -> None:
    wired.vendor.script.append(Answer(reset="after"))
    await failure(wired)
    await wired.channel.send(wired.notice.model_copy(update={"repeat": True}))
    assert wired.vendor.seen == (2 if wired.blunt else 1)


async def test_nobody_there_is_not_ambiguous(wired: Wired) -> None:
    await wired.site.stop()
    error = await failure(wired)
    assert (error.reason, error.permanent) == ("server_error" if wired.blunt else "connection", False)
    assert error.ambiguous is wired.blunt


async def test_a_name_that_nobody_knows(http: Http) -> None:
    with pytest.raises(DeliveryError) as caught:
        await http.post_json("http://nobody.invalid/secret-path", {})
    assert (caught.value.reason, caught.value.ambiguous) == ("connection", False)
    assert "secret-path" not in str(caught.value)


async def test_every_channel_shows_what_it_would_send_and_no_secret(every: Wired) -> None:
    before = copy.deepcopy(every.notice.model_dump())
    shown = str(every.channel.preview(every.notice))
    # A public page contains no id of ours.
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


async def test_a_drill_says_so_in_every_channel(every: Wired) -> None:
    if every.channel.publishes or every.channel.documents:
        return  # nothing of a drill is public, and a document says it in its own text (tests/stories/test_drill.py)
    exercise = incident(drill=True)
    text = f"{exercise.badge}[{exercise.severity}] {exercise.title} ({exercise.id})"
    asked = every.notice.model_copy(update={"incident": exercise, "text": text})
    await every.channel.send(asked)
    shown = str([one.get("body") for one in every.vendor.taken] or every.channel.preview(asked))
    assert "DRILL" in shown


async def test_what_can_be_asked_changes_nothing(every: Wired) -> None:
    question = tell("Test message")
    if every.channel.informs or every.channel.paging or every.channel.personal:
        with pytest.raises(DeliveryError):
            await every.channel.ask(question)
        assert every.vendor.received == []
        return
    assert (await every.channel.ask(question)).ref
    assert every.vendor.seen == 0
    for answer, reason in ((Answer(401, body=" ".join(every.secrets)), "auth"), (Answer(503), "server_error")):
        every.vendor.script.append(answer)
        with pytest.raises(DeliveryError) as caught:
            await every.channel.ask(question)
        assert caught.value.reason == reason
        own = [secret for secret in every.secrets if secret != ROUTING_KEY]  # which it has never seen
        assert not [secret for secret in own if secret in str(caught.value)]


async def test_an_answer_that_is_cut_shows_no_part_of_a_secret(wired: Wired) -> None:
    own = [secret for secret in wired.secrets if secret != ROUTING_KEY or wired.channel.paging]
    for secret in own:
        for before in range(60, 310, 9):
            said = "x" * before + f" {secret}"
            wired.vendor.script.append(Answer(400, body=said))
            assert secret[:8] not in str(await failure(wired)), before


async def test_no_warning_of_a_vendor_shows_a_secret(slack: Wired, pager: Wired) -> None:
    for wired, status in ((slack, 200), (pager, 202)):
        for before in (0, 150, 190):
            said = "x" * before + " " + " ".join(wired.secrets)
            body = {"ok": True, "channel": "C1", "ts": "1.0", "warning": said, "warnings": [said], "message": said}
            wired.vendor.script.append(Answer(status, body=body))
            receipt = await wired.channel.send(wired.notice)
            assert not [secret for secret in wired.secrets if secret[:8] in str(receipt.warning)]
        wired.vendor.script.clear()


async def test_no_word_of_slack_for_what_went_wrong_shows_a_secret(slack: Wired) -> None:
    for before in (0, 50, 70, 250):
        slack.vendor.script.append(Answer(200, body={"ok": False, "error": "x" * before + " " + slack.secrets[0]}))
        assert slack.secrets[0][:8] not in str(await failure(slack))
