"""Mail over TLS, implicit or by STARTTLS: a server without a valid certificate gets nothing."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.channels.base import DeliveryError
from receiver.channels.email.channel import Email, EmailSettings
from receiver.channels.http_client import Http
from tests.channels.notices import notice
from tests.fakes.smtp import FakeSmtp

LOGIN = "robot:mail-password-51@"


def made(folder: Path, name: str) -> ssl.SSLContext:
    """Return the server's TLS context with a certificate for `name`, which `folder`/cert.pem trusts."""
    program = shutil.which("openssl")
    assert program is not None, "openssl is missing: `make tools` installs it (Debian's packages)"
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = [
        program,
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run(
        [*command, "-keyout", key, "-out", cert, "-subj", "/CN=mail", "-addext", f"subjectAltName={name}"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    found = Http(connect=2, total=5)
    yield found
    await found.close()


async def sent(scheme: str, server: FakeSmtp, http: Http) -> None:
    """Send a mail with a password."""
    url = f"{scheme}://{LOGIN}127.0.0.1:{server.port}"
    settings = EmailSettings.model_validate({"smtp_url": url, "from": "incidents@example.com"})
    await Email("mail", settings, http).send(notice(address="vp-eng@example.com"))


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_mail_goes_by_tls_and_so_does_its_password(
    scheme: str, tmp_path: Path, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FakeSmtp("robot", "mail-password-51", tls=made(tmp_path, "IP:127.0.0.1"), implicit=scheme == "smtps")
    await server.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    try:
        await sent(scheme, server, http)
    finally:
        await server.stop()
    assert len(server.mails) == 1
    assert server.failures == []
    assert server.clear == ([] if scheme == "smtps" else ["EHLO", "STARTTLS"]), "only these verbs are sent before TLS"


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("trusted", [True, False])
async def test_who_is_somebody_else_or_unknown_gets_nothing(
    scheme: str, trusted: bool, tmp_path: Path, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "DNS:other.example.com" if trusted else "IP:127.0.0.1"
    server = FakeSmtp("robot", "mail-password-51", tls=made(tmp_path, name), implicit=scheme == "smtps")
    await server.start()
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    try:
        with pytest.raises(DeliveryError) as caught:
            await sent(scheme, server, http)
    finally:
        await server.stop()
    error = caught.value
    assert (error.reason, error.permanent, error.ambiguous) == ("connection", False, False)
    assert "certificate" in error.detail
    assert server.mails == []
    assert "AUTH" not in server.clear
