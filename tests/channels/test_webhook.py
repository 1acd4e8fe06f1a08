"""The user's own webhook: the exact requests, without any pager's key."""

from __future__ import annotations

from functools import partial

import pytest
from pydantic import ValidationError

from receiver.channels.base import DeliveryError
from receiver.channels.http_client import Http, encode
from receiver.channels.webhook import Webhook, WebhookSettings, payload, sign, url_parts
from receiver.model.incident.event import Kind
from tests.channels.conftest import Wired
from tests.channels.notices import ROUTING_KEY, alert, event, incident, notice, page, tell
from tests.fakes import Answer, FakeHook, Site, Vendor

HOOK_SECRET = "hook-secret-7f21"

VENDOR = partial(FakeHook, secret=HOOK_SECRET)


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake."""
    assert isinstance(vendor, FakeHook)
    url = f"{site.url}/hook?token=path-secret-33"
    sender = Webhook("hook", WebhookSettings(url=url, secret=HOOK_SECRET), http)
    secrets = (HOOK_SECRET, "path-secret-33", ROUTING_KEY)
    return Wired(sender, vendor, site, notice(), secrets)


def test_the_envelope() -> None:
    sent = payload(notice(events=(event(1, "opened", Kind.OPENED), event(2, "worse", Kind.SEVERITY_RAISED))))
    data = sent.pop("data")
    assert sent == {
        "specversion": "1.0",
        "id": "uid-0001/chat/1",
        "type": "receiver.incident.opened",
        "source": "https://incidents.example.com/incidents/INC-2026-0042",
        "time": "2026-11-23T14:02:22.000Z",
        "datacontenttype": "application/json",
        "subject": "INC-2026-0042",
    }
    assert [item["text"] for item in data["events"]] == ["opened", "worse"]
    assert data["incident"]["pages"] == [
        {
            "contact": "on-call",
            "person": "alice",
            "step": "opened",
            "channel": "pager",
            "at": "2026-11-23T14:02:20.000Z",
        }
    ]
    assert data["incident"]["alerts"]["firing"] == 1


def test_no_pager_key_leaves() -> None:
    frozen = event(2, f"paged through {ROUTING_KEY}", Kind.PAGE, data={"page": page().model_dump(mode="json"), "x": 1})
    sent = encode(payload(notice(events=(frozen,)))).decode()
    assert ROUTING_KEY not in sent
    assert '"x":1' in sent
    assert '"person":"alice"' in sent


def test_the_key_of_a_page_that_the_incident_no_longer_lists_does_not_leave_either() -> None:
    old = event(2, "paged", Kind.PAGE, data={"pages": [page(address="0" * 32).model_dump(mode="json")]})
    assert "0" * 32 not in encode(payload(notice(events=(old,)))).decode()


def test_a_cut_leaves_no_part_of_a_key() -> None:
    for before in range(2690, 2740, 5):
        long = event(
            2, f"{'x' * before}{ROUTING_KEY}{'y' * 4000}", Kind.PAGE, data={"page": page().model_dump(mode="json")}
        )
        sent = encode(payload(notice(events=(long,)))).decode()
        assert ROUTING_KEY[:8] not in sent
        assert ROUTING_KEY[-8:] not in sent


def test_a_label_called_address_is_an_ordinary_label() -> None:
    sent = payload(notice(incident=incident(labels={"address": "10.0.0.1"})))
    assert sent["data"]["incident"]["labels"] == {"address": "10.0.0.1"}


async def test_the_signature_is_of_the_raw_body(hook: Wired) -> None:
    await hook.channel.send(notice())
    entry = hook.vendor.taken[0]
    expected = sign(HOOK_SECRET, encode(payload(notice())))
    assert entry["headers"]["X-Receiver-Signature"] == f"v1={expected}"
    assert entry["headers"]["Idempotency-Key"] == "uid-0001/chat/1"


def test_the_signature_is_hmac_sha256() -> None:
    # The vector of RFC 4231, case 2.
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert sign("Jefe", b"what do ya want for nothing?") == expected


async def test_without_a_secret_it_is_unsigned(hook: Wired) -> None:
    channel = Webhook("hook", WebhookSettings(url=f"{hook.site.url}/hook"), hook.channel.http)
    with pytest.raises(DeliveryError) as caught:
        await channel.send(notice())
    assert caught.value.reason == "auth", "the fake expects a signature"
    assert "X-Receiver-Signature" not in hook.vendor.received[0]["headers"]


async def test_a_key_with_a_line_break_cannot_split_the_headers(hook: Wired) -> None:
    await hook.channel.send(notice(key="a\r\nX-Evil: 1"))
    headers = hook.vendor.taken[0]["headers"]
    assert "X-Evil" not in headers
    assert len(headers["Idempotency-Key"]) == 64


async def test_what_is_too_large_goes_without_its_alerts(hook: Wired) -> None:
    many = tuple(alert(n, labels={f"l{m}": "é" * 4000 for m in range(20)}) for n in range(20))
    await hook.channel.send(notice(alerts=many))
    body = hook.vendor.taken[0]["body"]
    assert body["data"]["incident"]["alerts"] == {"firing": 1, "resolved": 0, "items": []}


async def test_a_message_without_incident(hook: Wired) -> None:
    await hook.channel.send(tell("parked"))
    body = hook.vendor.taken[0]["body"]
    assert (body["type"], body["data"]["text"], body["data"]["incident"]) == ("receiver.message", "parked", None)


async def test_any_2xx_is_taken(hook: Wired) -> None:
    for status in (200, 201, 202, 204):
        hook.vendor.script.append(Answer(status, body="" if status == 204 else "thanks"))
        assert (await hook.channel.send(notice())).ref == "uid-0001/chat/1"


async def test_without_an_address_it_is_off() -> None:
    channel = Webhook("hook", WebhookSettings(), Http())
    assert channel.missing() == "url is empty"
    with pytest.raises(DeliveryError) as caught:
        await channel.send(notice())
    assert caught.value.permanent


@pytest.mark.parametrize("url", ["ftp://x.example/secret-path", "x.example/secret-path", "https:///secret-path"])
def test_a_wrong_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookSettings(url=url)
    assert "secret-path" not in str(caught.value)


def test_the_secret_parts_of_an_address() -> None:
    parts = url_parts("https://user:passw0rd@hooks.example.com/services/T0001/abcdefgh?token=s3cr3tx")
    assert {"passw0rd", "abcdefgh", "s3cr3tx"} <= set(parts)
