"""A mail server on the loopback that checks envelope, lines, headers and credentials like a real one."""

from __future__ import annotations

import asyncio
import base64
import ssl
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

NEEDED = ("From", "To", "Date", "Message-ID", "Subject", "MIME-Version", "Auto-Submitted")


class FakeSmtp:
    """Keeps every mail; `script` overrides the response to a verb, once each."""

    def __init__(
        self, user: str = "", password: str = "", *, tls: ssl.SSLContext | None = None, implicit: bool = False
    ) -> None:
        self.mails: list[tuple[str, list[str], EmailMessage]] = []
        """Sender and recipients of the envelope, and the mail."""
        self.script: dict[str, list[str]] = {}
        """Responses that replace the usual one, by verb (`RCPT`, `.` for the end of data); `hang`, `drop`."""
        self.failures: list[str] = []
        self.port = 0
        self.clear: list[str] = []
        """Verbs that were received before TLS."""
        self._tls, self._implicit = tls, implicit
        self._credentials = (user, password)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def seen(self) -> set[str]:
        """Message-IDs, as a mail store that drops duplicates keeps them."""
        return {str(mail["Message-ID"]) for _, _, mail in self.mails}

    async def start(self) -> int:
        """Listen on the loopback and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Close all connections and the port."""
        for writer in self._writers:
            writer.close()
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._tls is not None and self._implicit:
                await _secure(writer, self._tls)
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        envelope: dict[str, list[str]] = {"MAIL": [], "RCPT": []}
        writer.write(b"220 fake ESMTP\r\n")
        while line := await reader.readline():
            if not line.endswith(b"\r\n"):
                self.failures.append("a line that does not end in CRLF")
            words = line.decode("ascii", "replace").strip()
            verb = words.split(" ")[0].upper()
            if writer.get_extra_info("sslcontext") is None:
                self.clear.append(verb)
            if not await self._one(verb, words, envelope, reader, writer) or verb == "QUIT":
                return

    async def _one(
        self,
        verb: str,
        words: str,
        envelope: dict[str, list[str]],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        answer = self._answer(verb)
        if answer == "hang":
            await asyncio.sleep(3600)
        if answer == "drop":
            return False
        if answer:
            writer.write(f"{answer}\r\n".encode())
        elif verb == "STARTTLS":
            await self._start_tls(writer)
        elif verb == "DATA":
            return await self._data(reader, writer, envelope)
        else:
            writer.write(self._plain(verb, words, envelope))
        return True

    async def _start_tls(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 go ahead\r\n" if self._tls is not None else b"500 unknown\r\n")
        await writer.drain()
        if self._tls is not None:
            await _secure(writer, self._tls)

    def _plain(self, verb: str, words: str, envelope: dict[str, list[str]]) -> bytes:
        if verb == "EHLO":
            if words.rsplit(" ", maxsplit=1)[-1] == "localhost":
                self.failures.append("greets as localhost")
            more = b"250-STARTTLS\r\n" if self._tls is not None and not self._implicit else b""
            return b"250-fake\r\n" + more + b"250-AUTH PLAIN LOGIN\r\n250 SIZE 200000\r\n"
        if verb == "AUTH":
            return self._auth(words)
        if verb == "MAIL":
            envelope["RCPT"].clear()
        if verb in envelope:
            envelope[verb].append(words.partition("<")[2].partition(">")[0])
            return b"250 ok\r\n"
        return b"221 bye\r\n" if verb == "QUIT" else b"500 unknown\r\n"

    async def _data(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, envelope: dict[str, list[str]]
    ) -> bool:
        writer.write(b"354 go on\r\n")
        raw = await reader.readuntil(b"\r\n.\r\n")
        answer = self._answer(".")
        if answer in ("", "drop after"):
            self._keep(envelope["MAIL"][-1], list(envelope["RCPT"]), raw)
        if answer.startswith("drop"):
            return False
        writer.write(f"{answer or '250 taken'}\r\n".encode())
        return True

    def _answer(self, verb: str) -> str:
        waiting = self.script.get(verb)
        return waiting.pop(0) if waiting else ""

    def _auth(self, words: str) -> bytes:
        expected = [part.encode() for part in self._credentials]
        plain = words.upper().startswith("AUTH PLAIN ")
        given = base64.b64decode(words.rsplit(" ", maxsplit=1)[-1]).split(b"\0")[1:] if plain else []
        return b"235 ok\r\n" if given == expected else b"535 wrong\r\n"

    def _keep(self, sender: str, recipients: list[str], raw: bytes) -> None:
        body = raw[: -len(b".\r\n")].replace(b"\r\n..", b"\r\n.")
        if any(len(line) > 998 for line in body.split(b"\r\n")):
            self.failures.append("a line of more than 998 bytes")
        if b"\n" in body.replace(b"\r\n", b"") or len(body) > 200_000 or not body.isascii():
            self.failures.append("bare LF, more than 200 kB, or 8-bit bytes")
        mail = BytesParser(policy=policy.default).parsebytes(body)
        assert isinstance(mail, EmailMessage)
        for name in NEEDED:
            if len(mail.get_all(name, [])) != 1:
                self.failures.append(f"{name} is there {len(mail.get_all(name, []))} times")
        if mail.defects or mail["Bcc"] is not None:
            self.failures.append(f"{mail.defects} Bcc: {mail['Bcc']}")
        self.mails.append((sender, recipients, mail))


async def _secure(writer: asyncio.StreamWriter, tls: ssl.SSLContext) -> None:
    before: asyncio.Transport | None = writer.transport
    try:
        await writer.start_tls(tls)
    except AttributeError:
        # In Python 3.11, a writer whose handshake was refused has no transport and cannot be closed.
        writer._transport = before  # type: ignore[attr-defined]
        raise ConnectionResetError("the handshake was refused") from None
