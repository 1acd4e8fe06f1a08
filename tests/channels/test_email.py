"""Mail: one per person, threaded by stable ids, with escaped text; every server response is handled."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.base import DeliveryError
from receiver.channels.email.channel import CREDENTIAL, Email, EmailSettings, server_of
from receiver.channels.email.incident_email import POLICY, compose, mailbox
from receiver.channels.http_client import Http
from receiver.model.delivery.notice import Link, Mention, Notice
from receiver.model.incident.event import Kind
from tests.channels.notices import HOSTILE, event, incident, notice, tell
from tests.fakes.smtp import FakeSmtp

FROM = "incidents@incidents.example.com"
TO = "vp-eng@example.com"
SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
async def server() -> AsyncIterator[FakeSmtp]:
    made = FakeSmtp("robot", "mail-password-51")
    await made.start()
    yield made
    await made.stop()
    assert made.failures == []


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    made = Http(connect=1.5, total=2)
    yield made
    await made.close()


def mail(server: FakeSmtp, http: Http, login: str = "") -> Email:
    """Return the channel, its server the fake."""
    url = f"smtp://{login}127.0.0.1:{server.port}?tls=never"
    return Email("mail", EmailSettings.model_validate({"smtp_url": url, "from": FROM}), http)


def told(**changes: object) -> Notice:
    """Return a notice for a person."""
    return notice(**{"address": TO, **changes})


OWN = f"uid-0001.{hashlib.sha256(TO.encode()).hexdigest()[:8]}"
"""The prefix of each id of a mail about the incident to this address."""


async def failure(channel: Email, of: Notice) -> DeliveryError:
    """Return why it could not be sent."""
    with pytest.raises(DeliveryError) as caught:
        await channel.send(of)
    assert "mail-password-51" not in f"{caught.value!r} {caught.value} {channel!r} {channel.settings!r}"
    return caught.value


async def test_a_thread_of_three(server: FakeSmtp, http: Http) -> None:
    channel = mail(server, http)
    first = await channel.send(told())
    news = (event(4, "severity raised", Kind.SEVERITY_RAISED),)
    second = await channel.send(told(memory=first.memory, events=news))
    done = (event(9, "resolved", Kind.RESOLVED),)
    await channel.send(told(memory=second.memory, events=done, incident=incident(title="Another title now")))
    opened, update, resolved = (message for _, _, message in server.mails)
    subject = "INC-2026-0042 HighErrorRate: Error rate 12% on checkout-api (SEV-1)"
    assert [str(one["Subject"]) for one in (opened, update, resolved)] == [subject, f"Re: {subject}", f"Re: {subject}"]
    root = f"<{OWN}.open@incidents.example.com>"
    assert str(opened["Message-ID"]) == root
    assert opened["In-Reply-To"] is None
    assert str(update["Message-ID"]) == f"<{OWN}.update.4@incidents.example.com>"
    assert str(resolved["Message-ID"]) == f"<{OWN}.resolved.9@incidents.example.com>"
    assert all(str(one["In-Reply-To"]) == str(one["References"]) == root for one in (update, resolved))
    assert {(sender, *to) for sender, to, _ in server.mails} == {(FROM, TO)}
    body = opened.get_body(("plain",))
    assert body is not None
    assert "Severity: SEV-1" in body.get_content()
    assert [part.get_content_type() for part in opened.iter_parts()] == ["text/plain", "text/html"]


async def test_two_installations_with_one_sender_write_two_mails(server: FakeSmtp, http: Http) -> None:
    # Each has its own INC-2026-0042: a mail store that drops duplicates must not drop the second.
    for uid in ("uid-0001", "uid-0002"):
        await mail(server, http).send(told(incident=incident(uid=uid)))
    await mail(server, http).send(told(address="bob@example.com"))
    assert len({str(message["Message-ID"]) for _, _, message in server.mails}) == 3


async def test_a_thread_of_an_earlier_release_goes_on(server: FakeSmtp, http: Http) -> None:
    first = await mail(server, http).send(told(memory={"subject": "INC-2026-0042 as it began"}))
    ((_, _, message),) = server.mails
    assert str(message["In-Reply-To"]) == "<INC-2026-0042.open@incidents.example.com>" == first.memory["root"]


@pytest.mark.parametrize("title", ["HighErrorRate: " + "e" * 300, "Ünïcödé " * 30, "日本語" * 60, HOSTILE])
def test_no_line_is_longer_than_76(title: str) -> None:
    links = tuple(Link(text="runbook", href=f"https://wiki.example.com/{'x' * 800}?q={n}") for n in range(2))
    of = told(incident=incident(title=title), events=(event(1, title * 3),), links=links)
    message = compose(of, "Ré ceiver <rcv@incidents.example.com>")
    raw = message.as_bytes(policy=POLICY)
    assert max(map(len, raw.split(b"\r\n"))) <= 76
    read = message_from_bytes(raw, policy=policy.default)
    assert read["Subject"] == message["Subject"]
    body = read.get_body(("plain",))
    assert body is not None and links[0].href in body.get_content()


async def test_the_same_notice_is_the_same_mail(server: FakeSmtp, http: Http) -> None:
    for _ in range(3):
        await mail(server, http).send(told())
    assert len(server.seen) == 1


async def test_a_call_is_no_double_of_a_mail_whose_answer_was_lost(server: FakeSmtp, http: Http) -> None:
    channel = mail(server, http)
    server.script["."] = ["drop after"]
    assert (await failure(channel, told(events=(event(1),)))).ambiguous
    # It may have arrived; with the same id, the page would be dropped as a duplicate.
    road = event(2, "pager cannot be reached", Kind.SECOND_ROAD)
    call = told(events=(event(1), road), urgent=(Mention(name="vp-eng", address=TO),), repeat=True)
    await channel.send(call)
    await channel.send(call)
    first, second = sorted(server.seen)
    assert (first, second) == (
        f"<{OWN}.open@incidents.example.com>", f"<{OWN}.update.2@incidents.example.com>",
    )  # fmt: skip
    last = server.mails[-1][2]
    assert last["In-Reply-To"] == last["References"] == first


async def test_what_a_label_says_is_dead_in_it(server: FakeSmtp, http: Http) -> None:
    evil = incident(title=HOSTILE, service=HOSTILE, names=(HOSTILE,))
    await mail(server, http).send(told(incident=evil, events=(event(1, HOSTILE),)))
    ((_, _, message),) = server.mails
    assert "X-Evil" not in message
    assert str(message["To"]) == TO
    page = message.get_body(("html",))
    assert page is not None
    content = page.get_content()
    assert "<script" not in content
    assert "evil.example|" not in content.replace("&lt;https://evil.example|", "")
    assert 'href="https://evil.example' not in content


async def test_a_mail_about_the_service_itself(server: FakeSmtp, http: Http) -> None:
    await mail(server, http).send(tell("a test", address=TO))
    ((_, _, message),) = server.mails
    assert str(message["Subject"]) == "a test"


async def test_it_logs_in(server: FakeSmtp, http: Http) -> None:
    await mail(server, http, "robot:mail-password-51@").send(told())
    assert len(server.mails) == 1
    error = await failure(mail(server, http, "robot:wrong@"), told())
    assert (error.reason, error.permanent) == ("auth", True)


@pytest.mark.parametrize(
    ("verb", "answer", "reason", "permanent", "ambiguous"),
    [
        ("MAIL", "451 later", "server_error", False, False),
        ("RCPT", "450 greylisted", "server_error", False, False),
        ("RCPT", "550 no such user", "client_error", True, False),
        ("RCPT", "553 relaying denied", "client_error", True, False),
        (".", "452 full", "server_error", False, False),
        (".", "554 policy", "client_error", True, False),
        ("DATA", "421 going away", "server_error", False, False),
        ("EHLO", "drop", "connection", False, False),
        ("DATA", "drop", "connection", False, True),
        (".", "drop", "connection", False, True),
        (".", "drop after", "connection", False, True),
        ("RCPT", "hang", "timeout", False, True),
    ],
)
async def test_every_answer_is_understood(
    server: FakeSmtp, http: Http, verb: str, answer: str, reason: str, permanent: bool, ambiguous: bool
) -> None:
    server.script[verb] = [answer, answer]
    error = await failure(mail(server, http), told())
    assert (error.reason, error.permanent, error.ambiguous) == (reason, permanent, ambiguous)


async def test_what_was_too_much_goes_once_more_as_plain_text(server: FakeSmtp, http: Http) -> None:
    server.script["."] = ["552 too large"]
    await mail(server, http).send(told())
    ((_, _, message),) = server.mails
    assert message.get_content_type() == "text/plain"
    assert str(message["Message-ID"]) == f"<{OWN}.open@incidents.example.com>"


async def test_required_tls_that_is_not_offered_sends_nothing(server: FakeSmtp, http: Http) -> None:
    url = f"smtp://127.0.0.1:{server.port}?tls=required"
    channel = Email("mail", EmailSettings.model_validate({"smtp_url": url, "from": FROM}), http)
    assert (await failure(channel, told())).permanent
    assert server.mails == []


async def test_nobody_listens(unused_tcp_port: int, http: Http) -> None:
    settings = EmailSettings.model_validate({"smtp_url": f"smtp://127.0.0.1:{unused_tcp_port}", "from": FROM})
    error = await failure(Email("mail", settings, http), told())
    assert (error.reason, error.permanent, error.ambiguous) == ("connection", False, False)
    assert error.detail == f"cannot connect to 127.0.0.1:{unused_tcp_port}: Connection refused (check smtp_url)"


async def test_a_connection_that_ends_early_names_the_server(server: FakeSmtp, http: Http) -> None:
    server.script["DATA"] = ["drop"]
    error = await failure(mail(server, http), told())
    assert error.detail.startswith(f"127.0.0.1:{server.port} closed the connection before it accepted the message")


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c", "a b@example.com", "a@example.com\r\nBcc: x@y", "<a@b>, c@d.e", "ä@example.com"]
)
async def test_what_is_no_address_gets_nothing(server: FakeSmtp, http: Http, address: str) -> None:
    if mailbox(address) is None:
        assert (await failure(mail(server, http), told(address=address))).permanent
    assert server.mails == []


def test_where_tls_is_required() -> None:
    assert server_of("smtp://mail.example.com").port == 25
    assert server_of("smtp://mail.example.com:25").start is None
    assert server_of("smtp://mail.example.com:587").start is True
    assert server_of("smtp://u:p%40@mail.example.com:25").password == "p@"
    assert server_of("smtp://u:p@mail.example.com:25").start is True
    assert (server_of("smtps://mail.example.com").port, server_of("smtps://mail.example.com").implicit) == (465, True)


@given(title=st.text(), text=st.text())
def test_no_text_breaks_a_mail(title: str, text: str) -> None:
    made = compose(told(incident=incident(title=title), events=(event(1, text),)), FROM)
    raw = made.as_bytes()
    read = BytesParser(policy=policy.default).parsebytes(raw)
    assert sorted(name.lower() for name in read) == sorted({name.lower() for name in read})
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()


@pytest.mark.parametrize("form", ["AHJvYm90AG1haWwtcGFzc3dvcmQtNTE=", "bWFpbC1wYXNzd29yZC01MQ==", "mail-password-51"])
async def test_what_a_server_repeats_of_the_credentials_is_hidden(server: FakeSmtp, http: Http, form: str) -> None:
    server.script["AUTH"] = [f"535 AUTH PLAIN {form} is wrong"] * 2
    error = await failure(mail(server, http, "robot:mail-password-51@"), told())
    assert (error.reason, error.permanent) == ("auth", True)
    assert form not in str(error)
    assert "AUTH PLAIN *** is wrong" in str(error)


@pytest.mark.parametrize("at", ["EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_every_code_at_every_step(server: FakeSmtp, at: str) -> None:
    http = Http(total=8)
    for code in (400, 421, 450, 451, 452, 459, 499, 500, 501, 521, 530, 535, 550, 551, 552, 553, 554, 599):
        # A second request in plain text gets the same response.
        server.script[at] = [f"{code} no"] * 2
        error = await failure(mail(server, http), told())
        assert error.permanent is (code >= 500), code
        assert not error.ambiguous
        assert error.reason == ("server_error" if code < 500 else "auth" if code in CREDENTIAL else "client_error")
        server.script.clear()
    assert not server.mails
