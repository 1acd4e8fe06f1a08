"""PagerDuty: the exact requests."""

from __future__ import annotations

import json

import pytest

from receiver.channels.base import DeliveryError
from receiver.channels.http_client import Http
from receiver.channels.pagerduty import PagerDuty, PagerDutySettings, dedup_key, payload
from receiver.incident.context.observability_links import images_of
from receiver.model.delivery.notice import Action, Link
from receiver.model.severity import Severity
from tests.channels.conftest import Wired
from tests.channels.notices import ROUTING_KEY, alert, hostile, incident, notice, page
from tests.fakes import Answer, FakePagerDuty, Site, Vendor

VENDOR = FakePagerDuty


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake."""
    assert isinstance(vendor, FakePagerDuty)
    pager = PagerDuty("pager", PagerDutySettings(api_url=site.url), http)
    return Wired(pager, vendor, site, notice(Action.TRIGGER), (ROUTING_KEY,))


async def test_a_graph_is_shown_where_its_address_is_plainly_safe(pager: Wired) -> None:
    good = images_of({"image_url": "https://grafana.example.com/render/d-solo/a?panelId=4"})
    assert payload(notice(Action.TRIGGER, images=good))["images"] == [{"src": good[0].href, "alt": "Graph"}]
    await pager.channel.send(pager.notice.model_copy(update={"images": good}))
    assert pager.vendor.taken
    for bad in (
        "http://plain.example.com/a.png",
        "https://u@evil.example/a",
        "javascript:x",
        'https://a.example/"x',
        "",
    ):
        assert images_of({"image_url": bad}) == ()


def test_trigger_in_full() -> None:
    assert payload(notice(Action.TRIGGER)) == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": "rcv-5f3a/1795442531611/alice/1",
        "client": "receiver",
        "client_url": "https://incidents.example.com/incidents/INC-2026-0042",
        "payload": {
            "summary": "[SEV-1] HighErrorRate: Error rate 12% on checkout-api (INC-2026-0042)",
            "source": "checkout-api",
            "severity": "critical",
            "timestamp": "2026-11-23T14:02:15.000Z",
            "component": "checkout-api",
            "class": "HighErrorRate",
            "custom_details": {
                "incident_id": "INC-2026-0042",
                "incident_severity": "SEV-1",
                "rule": "errors-for-everyone",
                "reasons": ["error_rate 61% > 50%"],
                "scope": "all_users",
                "labels": {"service": "checkout-api", "tenant": "acme"},
                "firing": 1,
                "resolved": 0,
                "alerts": [
                    {
                        "name": "HighErrorRate",
                        "summary": "Error rate 12% on pod 1",
                        "labels": {"alertname": "HighErrorRate", "pod": "pod-1"},
                        "starts_at": "2026-11-23T14:01:20.000Z",
                    }
                ],
                "paged_as": "on-call (opened)",
            },
        },
        "links": [{"href": "https://runbooks.example.com/HighErrorRate", "text": "Runbook"}],
    }


@pytest.mark.parametrize(("action", "word"), [(Action.ACKNOWLEDGE, "acknowledge"), (Action.RESOLVE, "resolve")])
def test_what_follows_carries_no_more_than_it_must(action: Action, word: str) -> None:
    key = "rcv-5f3a/1795442531611/alice/1"
    assert payload(notice(action)) == {"routing_key": ROUTING_KEY, "event_action": word, "dedup_key": key}


@pytest.mark.parametrize(
    ("severity", "word"),
    [
        (Severity.SEV1, "critical"),
        (Severity.SEV2, "error"),
        (Severity.SEV3, "warning"),
        (Severity.SEV4, "info"),
    ],
)
def test_severities(severity: Severity, word: str) -> None:
    assert payload(notice(Action.TRIGGER, incident=incident(severity=severity)))["payload"]["severity"] == word


def test_a_long_title_keeps_severity_and_id() -> None:
    summary = payload(notice(Action.TRIGGER, incident=incident(title="x" * 5000)))["payload"]["summary"]
    assert len(summary) == 1024
    assert summary.startswith("[SEV-1] xxx")
    assert summary.endswith("x (INC-2026-0042)")
    assert "x…x" in summary


def test_an_incident_without_a_number_is_paged_all_the_same() -> None:
    # An emergency page is sent before the store can assign a number.
    assert (
        payload(notice(Action.TRIGGER, incident=incident(id="", title="Down")))["payload"]["summary"] == "[SEV-1] Down"
    )


def test_the_source_is_never_empty() -> None:
    bare = incident(service="\u200b \n", labels={}, names=())
    assert payload(notice(Action.TRIGGER, incident=bare))["payload"]["source"] == "receiver"


def test_a_page_without_incident_is_its_text() -> None:
    content = payload(notice(Action.TRIGGER, incident=None, text="call me\r\nnow"))["payload"]
    assert content == {"summary": "call me now", "source": "receiver", "severity": "critical"}


def test_only_web_links_go_out() -> None:
    links = (Link(text="a", href="javascript:alert(1)"), Link(text="\u202eb", href="https://x.example/"))
    assert payload(notice(Action.TRIGGER, links=links))["links"] == [{"href": "https://x.example/", "text": "b"}]


async def test_a_body_above_the_limit_loses_its_details_only(pager: Wired) -> None:
    large = tuple(alert(n, labels={f"l{m}": "é" * 4000 for m in range(20)}) for n in range(20))
    await pager.channel.send(notice(Action.TRIGGER, alerts=large))
    entry = pager.vendor.taken[0]
    assert entry["size"] < 5000
    assert list(entry["body"]["payload"]["custom_details"]) == ["note"]
    assert entry["body"]["payload"]["summary"].startswith("[SEV-1] ")


def test_hostile_text_is_text() -> None:
    sent = json.dumps(payload(hostile(Action.TRIGGER)), ensure_ascii=False)
    for character in ("\u202e", "\u2066", "\u200b", "\x1b", "\ud800", "\\r", "\\n", "\\u0000"):
        assert character not in sent


@pytest.mark.parametrize("key", ["", "short", "k" * 33, "é" * 32])
async def test_a_key_of_the_wrong_form_is_not_even_tried(pager: Wired, key: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        await pager.channel.send(notice(Action.TRIGGER, address=key))
    assert caught.value.permanent
    assert "alice" in caught.value.detail
    assert not key or key not in str(caught.value)
    assert pager.vendor.received == []


async def test_a_key_that_the_vendor_refuses_is_permanent(pager: Wired) -> None:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": [f"no key {ROUTING_KEY}"]}
    pager.vendor.script.append(Answer(400, body=body))
    with pytest.raises(DeliveryError) as caught:
        await pager.channel.send(notice(Action.TRIGGER))
    assert (caught.value.permanent, caught.value.reason) == (True, "client_error")
    assert "no key ***" in caught.value.detail


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_only_a_202_says_that_it_was_taken(pager: Wired, status: int) -> None:
    pager.vendor.script.append(Answer(status, body="<html>log in to the proxy</html>" if status != 204 else ""))
    with pytest.raises(DeliveryError) as caught:
        await pager.channel.send(notice(Action.TRIGGER))
    assert (caught.value.reason, caught.value.permanent, caught.value.ambiguous) == ("bad_answer", False, True)


async def test_a_202_counts_whatever_its_body(pager: Wired) -> None:
    pager.vendor.script.append(Answer(202, body='{"status": "succ', taken=True))
    receipt = await pager.channel.send(notice(Action.TRIGGER))
    assert receipt.ref == "rcv-5f3a/1795442531611/alice/1"
    assert receipt.warning


@pytest.mark.parametrize(
    "body", [{"status": "invalid event", "message": f"no key {ROUTING_KEY}"}, "<html>log in to the proxy</html>"]
)
async def test_a_202_whose_body_is_no_success_is_a_failure_and_tried_again(pager: Wired, body: object) -> None:
    pager.vendor.script.append(Answer(202, body=body))
    with pytest.raises(DeliveryError) as caught:
        await pager.channel.send(notice(Action.TRIGGER))
    assert (caught.value.reason, caught.value.permanent, caught.value.ambiguous) == ("bad_answer", False, True)
    assert ROUTING_KEY not in caught.value.detail
    assert (await pager.channel.send(notice(Action.TRIGGER))).ref


async def test_a_202_whose_body_never_ends_counts(pager: Wired) -> None:
    quick = Http(total=0.4)
    pager.vendor.script.append(Answer(202, body="{}", drip=True))
    channel = PagerDuty("pager", PagerDutySettings(api_url=pager.site.url), quick)
    assert (await channel.send(notice(Action.TRIGGER))).ref
    await quick.close()


async def test_trigger_acknowledge_resolve_is_one_alert(pager: Wired) -> None:
    vendor = pager.vendor
    assert isinstance(vendor, FakePagerDuty)
    for action in (Action.TRIGGER, Action.TRIGGER, Action.ACKNOWLEDGE, Action.TRIGGER):
        await pager.channel.send(notice(action))
    assert (vendor.rung, len(vendor.open())) == (1, 1)
    await pager.channel.send(notice(Action.RESOLVE))
    assert vendor.open() == []
    await pager.channel.send(notice(Action.TRIGGER, page=page(key="rcv-5f3a/1795442531611/alice/2", ring=2)))
    assert vendor.rung == 2, "a new ring has a new key"


def test_a_key_that_is_too_long_stays_one_key() -> None:
    long = notice(Action.TRIGGER, page=page(key="k" * 300))
    assert dedup_key(long) == dedup_key(long)
    assert len(dedup_key(long)) <= 255
    assert dedup_key(long) != dedup_key(notice(Action.TRIGGER, page=page(key="k" * 301)))


def test_it_is_complete_without_credentials() -> None:
    assert PagerDuty("pager", PagerDutySettings(), Http()).missing() is None
    assert PagerDuty("pager", PagerDutySettings(api_url=""), Http()).missing() == "api_url is empty"
