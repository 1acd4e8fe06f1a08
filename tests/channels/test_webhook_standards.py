"""The webhook parsed by the libraries of its standards: the CloudEvents SDK and Standard Webhooks (F7)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from pydantic import ValidationError
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from receiver.channels.http_client import encode
from receiver.channels.webhook import FOREMOST, Webhook, WebhookSettings, payload
from receiver.model.incident.event import Kind
from tests.channels.conftest import Wired
from tests.channels.notices import event, notice
from tests.docs.pages import ROOT
from tests.fakes import FakeHook

KEY = base64.b64encode(bytes(range(32))).decode()
SECRET = f"whsec_{KEY}"
PLAIN = "any text, and no base64"


async def sent(hook: Wired, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
    """Send a notice with the current time, and return the received headers and body."""
    assert isinstance(hook.vendor, FakeHook)
    hook.vendor.secret = secret
    channel = Webhook("hook", WebhookSettings(url=f"{hook.site.url}/hook", secret=secret), hook.channel.http)
    await channel.send(
        notice(now=datetime.now(UTC), events=(event(1, "opened", Kind.OPENED), event(2, "x", Kind.NOTIFY)))
    )
    entry = hook.vendor.taken[-1]
    return dict(entry["headers"]), encode(entry["body"])


@pytest.mark.parametrize(
    ("secret", "theirs"),
    [(SECRET, SECRET), (SECRET.rstrip("="), SECRET), (PLAIN, f"whsec_{base64.b64encode(PLAIN.encode()).decode()}")],
)
async def test_standard_webhooks_verify_it(hook: Wired, secret: str, theirs: str) -> None:
    headers, body = await sent(hook, secret)
    assert Verifier(theirs).verify(body, headers)["type"] == "receiver.incident.opened"
    with pytest.raises(WebhookVerificationError):
        Verifier(theirs).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(theirs).verify(body, {**headers, "webhook-timestamp": "1"})
    assert headers["webhook-id"] == headers["Idempotency-Key"]


async def test_the_sdk_of_cloudevents_reads_it(hook: Wired) -> None:
    headers, body = await sent(hook)
    read = from_structured_event(HTTPMessage({name.lower(): value for name, value in headers.items()}, body))
    assert (read.get_specversion(), read.get_type(), read.get_id()) == (
        "1.0",
        "receiver.incident.opened",
        "uid-0001/chat/1",
    )
    assert read.get_subject() == "INC-2026-0042"
    data = read.get_data()
    assert isinstance(data, dict) and [one["kind"] for one in data["events"]] == ["opened", "notify"]


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([Kind.OPENED, Kind.PAGE, Kind.NOTIFY], "opened"),
        ([Kind.NOTE, Kind.OPENED, Kind.RESOLVED], "opened"),
        ([Kind.SEVERITY_RAISED, Kind.NOTIFY, Kind.ACKNOWLEDGED], "severity_raised"),
        ([Kind.ACKNOWLEDGED, Kind.NOTE], "acknowledged"),
        ([Kind.RESOLVED, Kind.STATUS_UPDATE], "resolved"),
        ([Kind.NOTE, Kind.STATUS_UPDATE], "status_update"),
        ([], "updated"),
    ],
)
def test_the_type_is_that_of_the_most_important_event(kinds: list[Kind], said: str) -> None:
    told = payload(notice(events=tuple(event(seq, "x", kind) for seq, kind in enumerate(kinds, 1))))
    assert told["type"] == f"receiver.incident.{said}"


def test_the_page_names_every_type() -> None:
    text = (ROOT / "docs" / "channels.md").read_text("utf-8").partition("### webhook")[2].partition("### statuspage")[0]
    foremost = {kind for kind in FOREMOST if f"`receiver.incident.{kind.value}`" in text}
    others = {kind for kind in Kind if kind not in FOREMOST and f"`{kind.value}`" in text}
    assert foremost | others == set(Kind) - {Kind.ROOM}


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64", "whsec_äöü"])
def test_a_secret_that_only_looks_like_one_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookSettings(url="https://hook.example.com", secret=secret)
    assert "whsec_ is not base64" in str(caught.value)
    assert "not base64'" not in str(caught.value)


async def test_without_a_secret_nothing_is_signed(hook: Wired) -> None:
    assert isinstance(hook.vendor, FakeHook)
    headers, _ = await sent(hook, "")
    assert "webhook-signature" not in headers
    assert headers["webhook-timestamp"].isdigit()
