"""Email over SMTP: to each person at their own address, threaded by incident."""

from __future__ import annotations

import hashlib
import os
import ssl
from base64 import b64encode
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, ClassVar, Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator

from receiver.channels.base import Channel, ChannelSettings, DeliveryError, is_set
from receiver.channels.email.incident_email import (
    POLICY,
    ROOT,
    SUBJECT,
    compose,
    domain_of,
    mailbox,
    preview,
    root_of,
    shortened,
    subject_of,
)
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.delivery.vendor_quota import Quota

CONNECT_SECONDS = 5.0
PORTS = {"smtp": 25, "smtps": 465}
SUBMISSION = 587
"""The port on which STARTTLS is required."""
GREYLISTED = 60.0
"""Seconds to wait after a temporary refusal: the first of 1, 5, 15, 30 min; the work loop doubles it."""
CREDENTIAL = (530, 534, 535, 538)
TOO_MUCH = (552, 554)


class EmailSettings(ChannelSettings):
    """The outgoing mail server."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["email"] = "email"
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="`smtp://[user:password@]host:port`, or `smtps://` for TLS from the start; empty: off. STARTTLS is "
        "used if it is offered, and required on port 587, with a password, or with `?tls=required`.",
    )
    from_: str = Field("", alias="from", description="Sender address of messages.")

    @field_validator("smtp_url")
    @classmethod
    def _scheme(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text:
            return value
        if not text.startswith(("smtp://", "smtps://")):
            raise ValueError("not an smtp:// or smtps:// address (expected smtp://host:25)")
        try:
            parts = urlsplit(text)
            good = bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise ValueError("not an address with a host and a port (expected smtp://host:25)")
        given = parse_qs(parts.query)
        if set(given) - {"tls"} or given.get("tls", ["required"])[0] not in ("required", "never"):
            raise ValueError("not a known option (expected ?tls=required or ?tls=never)")
        return value

    @field_validator("from_")
    @classmethod
    def _sender(cls, value: str) -> str:
        if value and (mailbox(value) is None or not value.isprintable()):
            raise ValueError("not a sender address (expected incidents@example.com)")
        return value


@dataclass(frozen=True)
class Server:
    """The mail server and its options."""

    host: str
    port: int
    implicit: bool
    """TLS from the first byte."""
    start: bool | None
    """STARTTLS: True: required, False: never, None: if it is offered."""
    user: str
    password: str

    @property
    def name(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


def server_of(url: str) -> Server:
    """Return the parts of an `smtp_url`."""
    parts: SplitResult = urlsplit(url)
    port = parts.port or PORTS[parts.scheme]
    implicit = parts.scheme == "smtps"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    said = parse_qs(parts.query).get("tls", [""])[0]
    required = said == "required" or port == SUBMISSION or bool(user)
    start = False if implicit or said == "never" else True if required else None
    return Server(parts.hostname or "", port, implicit, start, user, password)


class Email(Channel[EmailSettings]):
    """Writes to people."""

    kind: ClassVar[str] = "email"
    Settings: ClassVar[type[ChannelSettings]] = EmailSettings
    personal: ClassVar[bool] = True

    def missing(self) -> str | None:
        """Return which of `smtp_url` and `from` is empty, else None."""
        if not is_set(self.settings.smtp_url):
            return "smtp_url is empty"
        return None if self.settings.from_ else "from is empty"

    def address(self) -> str:
        """Return the sender's address, because each person has their own address."""
        return self.settings.from_

    def quotas(self, notice: Notice) -> tuple[Quota, ...]:
        """Return our own limit: one mail per minute to one person about one incident."""
        if notice.incident is None or notice.urgent or not notice.memory:
            return ()
        who = hashlib.sha256(f"{notice.address} {notice.incident.uid}".encode("utf-8", "replace")).hexdigest()[:16]
        return (Quota(name=who, calls=1, seconds=60),)

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the mail that `send` would send."""
        if self.missing() is not None:
            return []
        server = server_of(self.settings.smtp_url.get_secret_value())
        return [{"smtp": server.name, **preview(compose(notice, self.settings.from_))}]

    def secrets(self, notice: Notice) -> tuple[str, ...]:
        """Return also user and password, and the forms in which they are sent, because a server may repeat them."""
        server = server_of(self.settings.smtp_url.get_secret_value())
        user, password = server.user.encode("utf-8", "replace"), server.password.encode("utf-8", "replace")
        sent = [b64encode(part).decode() for part in (b"\0" + user + b"\0" + password, user, password) if server.user]
        return (*super().secrets(notice), *filter(None, (server.password, server.user, *sent)))

    async def deliver(self, notice: Notice) -> Receipt:
        """Send one mail; if the server rejects it as too large, send it again as plain text."""
        if mailbox(notice.address) is None:
            raise DeliveryError("refused", "not an address that mail can be sent to", permanent=True)
        message = compose(notice, self.settings.from_)
        try:
            await self._hand_over(message, mailbox(notice.address) or "")
        except DeliveryError as error:
            if not error.detail.startswith(tuple(f"returned {code}" for code in TOO_MUCH)):
                raise
            await self._hand_over(shortened(message), mailbox(notice.address) or "")
        first = notice.memory.get(SUBJECT) or subject_of(notice)
        root = root_of(notice, self.settings.from_)
        memory = {SUBJECT: first, ROOT: root} if notice.action is Action.INFORM else {}
        return Receipt(ref=str(message["Message-ID"]), memory=memory)

    async def hand_over(self, message: EmailMessage, recipient: str) -> None:
        """Send one finished mail to the mail server. Raises DeliveryError."""
        await self._hand_over(message, recipient)

    async def _hand_over(self, message: EmailMessage, recipient: str) -> None:
        import aiosmtplib  # noqa: PLC0415  (a tenth of a second that no one without mail has to wait)

        server = server_of(self.settings.smtp_url.get_secret_value())
        context = ssl.create_default_context()
        client = aiosmtplib.SMTP(
            hostname=server.host, port=server.port, use_tls=server.implicit, start_tls=False, timeout=CONNECT_SECONDS,
            local_hostname=domain_of(self.settings.from_), tls_context=context,
        )  # fmt: skip
        handed, connected = False, False
        try:
            async with client:
                connected = True
                await _greet(client, server, context)
                handed = True
                sender = mailbox(self.settings.from_) or self.settings.from_
                await client.sendmail(sender, [recipient], message.as_bytes(policy=POLICY))
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused(error.recipients[0].code, error.recipients[0].message) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(error.code, error.message) from None
        except aiosmtplib.SMTPNotSupported:
            detail = f"{server.name} does not offer TLS or a login method, which is required"
            raise DeliveryError("auth", detail, permanent=True) from None
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            detail = f"{server.name} did not {'answer' if connected else 'accept a connection'} in time"
            raise DeliveryError("timeout", detail, ambiguous=handed) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
                raise DeliveryError("connection", f"the certificate of {server.name} is not trusted") from None
            # Until the server responds to the final dot, it is unknown whether it accepted the mail.
            raise DeliveryError("connection", _broken(server, error, connected), ambiguous=handed) from None


def _broken(server: Server, error: Exception, connected: bool) -> str:
    # What failed, where, and the setting to check.
    causes = (error, error.__cause__, error.__context__)
    number = next((one.errno for one in causes if isinstance(one, OSError) and one.errno), 0)
    why = os.strerror(number) if number > 0 else ""
    if not connected:
        return f"cannot connect to {server.name}: {why or type(error).__name__} (check smtp_url)"
    return f"{server.name} closed the connection before it accepted the message{f': {why}' if why else ''}"


async def _greet(client: Any, server: Server, context: ssl.SSLContext) -> None:
    # Before this, nothing of the mail has been sent.
    await client.ehlo()
    if server.start is not False and not server.implicit:
        if client.supports_extension("starttls"):
            await client.starttls(tls_context=context)
            await client.ehlo()
        elif server.start:
            detail = f"{server.name} does not offer STARTTLS, which is required"
            raise DeliveryError("auth", detail, permanent=True)
    if server.user:
        await client.login(server.user, server.password)


def _refused(code: int, words: object) -> DeliveryError:
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    detail = f"returned {code}: {said}"
    if code in CREDENTIAL:
        return DeliveryError("auth", detail, permanent=True)
    if 200 <= code < 400:
        # A success status that is not valid at this point.
        return DeliveryError("bad_answer", detail, ambiguous=True)
    if 400 <= code < 500 or code < 0:
        return DeliveryError("server_error", detail, retry_after=GREYLISTED)
    return DeliveryError("client_error", detail, permanent=True)
