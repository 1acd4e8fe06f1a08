"""A house that sends mail to a test mail server, and reads it there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from receiver.config import Config
from receiver.config.settings.status_page_settings import Subscriptions
from tests.web.conftest import House, Opened

LINK = re.compile(r"https://incidents\.example\.com(/status/subscriptions/\S+)")


class Mailbox:
    """The mail that a server received for customers."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusals: dict[str, str] = {}
        """By recipient: the response that refuses mail for them."""
        self.raw: list[bytes] = []
        self.before_answer: Callable[[str], Awaitable[None]] | None = None
        """Called before a recipient is answered."""
        self.port = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.before_answer is not None:
            await self.before_answer(address)
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        found = message_from_bytes(content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        # Responders have separate addresses.
        if any(one.endswith("@customer.example") for one in envelope.rcpt_tos):
            self.mails.append(found)
            self.raw.append(content)
        return "250 taken"


def link_in(mail: EmailMessage) -> str:
    """Return the path of the link in a mail."""
    found = LINK.search(mail.get_content())
    assert found is not None, mail.get_content()
    return found[1]


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """A mail server on the loopback."""
    made = Mailbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(made), "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


def subscribable(config: Config) -> Config:
    """Return the configuration with subscriptions by mail."""
    page = config.status_page.model_copy(update={"subscriptions": Subscriptions(email="mail")})
    return config.model_copy(update={"status_page": page})


@pytest.fixture
async def letters(opened: Opened, mailbox: Mailbox) -> House:
    """A house where people can subscribe."""
    return await opened(subscribable, SMTP_URL=f"smtp://127.0.0.1:{mailbox.port}?tls=never")


async def deliver(house: House, **more: Any) -> int:
    """Send the pending mail to subscribers, and return the number of sent mails."""
    return await house.replica.subscriber_mailer.run_once(house.world.clock.now())


async def form(house: House, path: str, *fields: tuple[str, str], **headers: str) -> tuple[int, str]:
    """Post a form as a browser without a session does; return status and page."""
    async with house.status.post(path, data=list(fields), headers=headers) as response:
        return response.status, await response.text()


async def subscribe(house: House, mailbox: Mailbox, address: str, *components: str) -> str:
    """Subscribe an address; return the path of the confirmation link."""
    fields = [("email", address), *(("component", one) for one in components)]
    assert (await form(house, "/status/subscriptions", *fields))[0] == 200
    assert await deliver(house) == 1
    path = link_in(mailbox.mails.pop())
    chosen = [("component", one) for one in components]
    assert (await form(house, path, ("action", "confirm"), *chosen))[0] == 200
    return path
