"""Problems that check-config reports about channels to phones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.sample import SMALL, problems_of, text_of
from tests.config.warnings.test_warnings import warnings_of

NTFY = SMALL.replace("channels:\n", "channels:\n  push: {kind: ntfy, url: 'https://ntfy.example.com', token: abc}\n")
TOPIC = "  ann: {name: Ann, console: ann, push: TOPIC}"


def with_topic(topic: str) -> str:
    return NTFY.replace("  ann: {name: Ann, console: ann}", TOPIC.replace("TOPIC", topic))


def test_a_topic_that_can_be_guessed_is_unwise(tmp_path: Path) -> None:
    (note,) = (one for one in warnings_of(tmp_path, with_topic("alice-phone")) if "guess" in one)
    assert "people.ann.push: an address of 11 characters" in note
    assert "alice-phone" not in note
    assert not [one for one in warnings_of(tmp_path, with_topic("alice-7f3k9qxw2m4d")) if "guess" in one]


@pytest.mark.parametrize("url", ["https://ntfy.sh", "https://eu.ntfy.sh"])
def test_a_server_of_everybodys_needs_a_token_or_says_that_it_is_shared(url: str) -> None:
    open_server = NTFY.replace("https://ntfy.example.com", url).replace(", token: abc", "")
    (problem,) = problems_of(open_server)
    assert "channels.push.url: anyone who knows a topic on" in problem
    assert text_of(open_server.replace("kind: ntfy", "kind: ntfy, shared: true")).channels["push"].kind == "ntfy"
    assert text_of(NTFY.replace("https://ntfy.example.com", url)).channels["push"].kind == "ntfy"


def test_a_hook_needs_an_address() -> None:
    hook = NTFY.replace("kind: ntfy", "kind: ntfy, answers: hook")
    (problem,) = problems_of(hook)
    assert "channels.push.answers: phones cannot reach this service without its address" in problem
    assert text_of(hook + "service: {public_url: 'https://incidents.example.com'}\n")


def test_a_person_with_a_topic_alone_can_be_paged() -> None:
    text = (
        with_topic("alice-7f3k9qxw2m4d")
        .replace("console: ann, push", "push")
        .replace("  console: {kind: log}\n", "")
        .replace("console: boss", "push: boss-7f3k9qxw2m4d1")
    )
    assert text_of(text).off == {}


def test_a_topic_that_is_none_is_told_with_its_place() -> None:
    (problem,) = problems_of(NTFY.replace("token: abc", "reply_topic: 'a b'"))
    assert "channels.push.reply_topic" in problem


RULES = with_topic("alice-7f3k9qxw2m4d").replace(
    "push: alice-7f3k9qxw2m4d}", "push: alice-7f3k9qxw2m4d, page_by: [{after: 0s, by: push}, {after: AFTER, by: BY}]}"
)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("pusch", "no channel is named 'pusch' (did you mean push?)"),
        ("mail", "a channel of kind webhook cannot page"),
        ("spare", "this person has no address on spare (write spare: ADDRESS)"),
    ],
)
def test_a_step_leads_to_a_channel_that_pages_and_to_an_address(by: str, said: str) -> None:
    more = (
        "  mail: {kind: webhook, url: 'https://h.example.com'}\n  spare: {kind: ntfy, url: 'https://n.example.com'}\n"
    )
    (problem,) = problems_of(RULES.replace("AFTER", "1m").replace("BY", by) + more)
    assert f"people.ann.page_by[1].by: {said}" in problem


def test_a_step_that_comes_after_the_time_to_answer_is_unwise(tmp_path: Path) -> None:
    late = warnings_of(tmp_path, RULES.replace("AFTER", "6m").replace("BY", "console"))
    assert any(
        "people.ann.page_by[1].after: comes after the response time of on-call for SEV-1 (5m)" in one for one in late
    )
    assert not any("SEV-2" in one and "comes after" in one for one in late)
    soon = warnings_of(tmp_path, RULES.replace("AFTER", "4m").replace("BY", "console"))
    assert not any("comes after" in one for one in soon)


PAGERDUTY = SMALL.replace("channels:\n", "channels:\n  pager: {kind: pagerduty}\n")
SERVICE = "{channel: pager, service: a71019f5bc793dcfd889a925a7adff16}"


def with_contact(text: str, base: str = PAGERDUTY) -> str:
    return base.replace("  on-call: {schedule: primary, backup: {person: boss}}", f"  on-call: {text}")


def test_a_contact_may_be_a_service_of_pagerduty() -> None:
    for text in (SERVICE, "{pagerduty_service: a71019f5bc793dcfd889a925a7adff16}"):
        config = text_of(with_contact(text))
        person = config.directory.people["on-call@pagerduty"]
        assert person.address("pager", "pagerduty") == "a71019f5bc793dcfd889a925a7adff16"
        assert "a71019f5bc793dcfd889a925a7adff16" not in repr(config)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{channel: console, service: abc}",
            "contacts.on-call.channel: no channel of kind pagerduty is named 'console'",
        ),
        ("{service: abc}", "channel and service belong together"),
        ("{channel: pager, service: abc, person: boss}", "must name one target"),
        ("{channel: pager, service: '${NOBODY:-}'}", "empty, so no one is paged"),
    ],
)
def test_a_service_that_cannot_be_paged_is_told(text: str, said: str) -> None:
    assert any(said in problem for problem in problems_of(with_contact(text)))


def test_the_short_form_needs_one_channel_of_its_kind() -> None:
    two = with_contact("{pagerduty_service: abc}").replace("  pager:", "  other: {kind: pagerduty}\n  pager:")
    (problem,) = problems_of(two)
    assert "there are 2 channels of kind pagerduty" in problem


SWITCH = NTFY + "heartbeat: {every: 1m, ntfy: {channel: CHANNEL, topic: dead-man-4xk2p8w1, after: AFTER}}\n"


def test_the_dead_mans_switch_is_an_ntfy_channel_and_not_too_hasty() -> None:
    config = text_of(SWITCH.replace("CHANNEL", "push").replace("AFTER", "5m"))
    assert config.heartbeat.ntfy is not None
    (problem,) = problems_of(SWITCH.replace("CHANNEL", "console").replace("AFTER", "5m"))
    assert "heartbeat.ntfy.channel: no channel of kind ntfy is named 'console'" in problem
    assert any("twice `every`" in one for one in problems_of(SWITCH.replace("CHANNEL", "push").replace("AFTER", "90s")))
    assert any("10s to 3d" in one for one in problems_of(SWITCH.replace("CHANNEL", "push").replace("AFTER", "4d")))
    hasty = SWITCH.replace("CHANNEL", "push").replace("AFTER", "5m").replace("every: 1m", "every: 5s")
    assert any("too short for ntfy" in one for one in problems_of(hasty))


def test_a_number_is_written_with_its_country() -> None:
    modem = NTFY.replace(
        "push: {kind: ntfy, url: 'https://ntfy.example.com', token: abc}", "sms: {kind: gammu, spool: /s}"
    )
    good = modem.replace("console: ann}", "console: ann, sms: '+15550101'}")
    assert text_of(good).off == {}
    (problem,) = problems_of(good.replace("+15550101", "0155 50101"))
    assert "people.ann.sms: not a telephone number (write it with its country code, as in +15550101)" in problem
    assert "0155" not in problem


TWILIO = (
    SMALL.replace(
        "channels:\n",
        "channels:\n  phone: {kind: twilio, account_sid: AC1, auth_token: abc, from: '+15550100'}\n",
    ).replace(
        "  ann: {name: Ann, console: ann}",
        "  ann: {name: Ann, console: ann, phone: '+15550101', page_by: [{after: 0s, by: phone, how: sms}]}",
    )
    + "service: {public_url: 'https://incidents.example.com'}\n"
)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("'+15550101'", "'5550101'", "people.ann.phone: not a telephone number"),
        ("by: phone, how", "by: console, how", "how: a channel of kind log cannot choose between sms and call"),
        ("how: sms", "how: fax", "page_by[0].how: no such value"),
        ("from: '+15550100'", "from: '15550100'", "channels.phone.from"),
    ],
)
def test_a_telephone(old: str, new: str, said: str) -> None:
    assert text_of(TWILIO).off == {}
    (problem,) = problems_of(TWILIO.replace(old, new))
    assert said in problem


def test_answers_by_telephone_need_an_address(tmp_path: Path) -> None:
    assert not [one for one in warnings_of(tmp_path, TWILIO) if "come back" in one]
    without = TWILIO.partition("service:")[0]
    (note,) = (one for one in warnings_of(tmp_path, without) if "come back" in one)
    assert "channels.phone: responses cannot come back" in note
