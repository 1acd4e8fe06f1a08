"""Grafana: an annotation for the duration of an incident."""

from __future__ import annotations

from datetime import timedelta

import pytest

from receiver.channels.base import DeliveryError
from receiver.channels.grafana import Grafana, GrafanaSettings
from receiver.channels.http_client import Http
from receiver.model.incident.event import Kind
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.channels.conftest import Wired
from tests.channels.notices import HOSTILE, NOW, ROUTING_KEY, event, hostile, incident, notice
from tests.fakes import Answer, FakeGrafana, Site, Vendor
from tests.fakes.grafana import TOKEN

VENDOR = FakeGrafana


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake."""
    assert isinstance(vendor, FakeGrafana)
    graphs = Grafana("graphs", GrafanaSettings(api_url=site.url, token=TOKEN), http)
    return Wired(graphs, vendor, site, notice(), (TOKEN, ROUTING_KEY))


OVER = event(9, "resolved", Kind.RESOLVED)


def fake(graphs: Wired) -> FakeGrafana:
    assert isinstance(graphs.vendor, FakeGrafana)
    return graphs.vendor


async def test_it_begins_with_the_incident_and_ends_with_it(graphs: Wired) -> None:
    receipt = await graphs.channel.send(notice())
    (mark,) = fake(graphs).annotations.values()
    assert mark["time"] == 1795442480000
    assert "timeEnd" not in mark
    assert mark["tags"] == ["incident", "receiver:uid-0001", "INC-2026-0042", "SEV-1"]
    link = '<a href="https://incidents.example.com/incidents/INC-2026-0042">INC-2026-0042</a>'
    assert mark["text"] == f"{link} [SEV-1] HighErrorRate: Error rate 12% on checkout-api"
    over = incident(state=State.RESOLVED, resolved_at=NOW + timedelta(minutes=37))
    await graphs.channel.send(notice(incident=over, events=(OVER,), memory=receipt.memory))
    (mark,) = fake(graphs).annotations.values()
    assert mark["timeEnd"] - mark["time"] == 38 * 60 * 1000


async def test_a_mark_of_what_goes_on_again_has_no_end(graphs: Wired) -> None:
    memory = (await graphs.channel.send(notice())).memory
    over = incident(state=State.RESOLVED, resolved_at=NOW + timedelta(minutes=37))
    memory = (await graphs.channel.send(notice(incident=over, events=(OVER,), memory=memory))).memory
    memory = (await graphs.channel.send(notice(memory=memory))).memory
    (mark,) = fake(graphs).annotations.values()
    assert mark["timeEnd"] == mark["time"], "the text from before its end"
    again = incident(state=State.RESOLVED, resolved_at=NOW + timedelta(minutes=50))
    await graphs.channel.send(notice(incident=again, events=(OVER,), memory=memory))
    (mark,) = fake(graphs).annotations.values()
    assert mark["timeEnd"] - mark["time"] == 51 * 60 * 1000


async def test_nothing_new_asks_nothing(graphs: Wired) -> None:
    memory = (await graphs.channel.send(notice())).memory
    await graphs.channel.send(notice(memory=memory))
    assert len(graphs.vendor.received) == 1
    await graphs.channel.send(notice(memory=memory, incident=incident(severity=Severity.SEV2)))
    assert len(graphs.vendor.received) == 2


async def test_an_incident_that_is_over_before_it_was_marked(graphs: Wired) -> None:
    await graphs.channel.send(notice(incident=incident(state=State.CLOSED, closed_at=NOW)))
    (mark,) = fake(graphs).annotations.values()
    assert mark["timeEnd"] == 1795442540000


async def test_a_mark_that_somebody_deleted_is_not_made_again(graphs: Wired) -> None:
    memory = (await graphs.channel.send(notice())).memory
    fake(graphs).annotations.clear()
    worse = notice(memory=memory, incident=incident(severity=Severity.SEV2))
    gone = await graphs.channel.send(worse)
    assert gone.warning == "grafana: annotation 1124 is gone"
    await graphs.channel.send(worse.model_copy(update={"memory": {**memory, **gone.memory}}))
    assert fake(graphs).annotations == {}


async def test_foreign_text_is_no_markup(graphs: Wired) -> None:
    await graphs.channel.send(hostile(text=f"<img src=x onerror=alert(1)> {HOSTILE}"))
    (mark,) = fake(graphs).annotations.values()
    assert mark["text"].count("<") == 2, "our own link"


async def test_one_dashboard(graphs: Wired, http: Http) -> None:
    settings = graphs.channel.settings.model_copy(update={"dashboard": "checkout", "panel": 4})
    channel = Grafana("graphs", settings, http)
    await channel.send(notice())
    (mark,) = fake(graphs).annotations.values()
    assert (mark["dashboardUID"], mark["panelId"]) == ("checkout", 4)
    assert channel.address() == "checkout"


async def test_a_page_instead_of_json_is_no_success(graphs: Wired) -> None:
    graphs.vendor.script.append(Answer(200, body="<html>"))
    with pytest.raises(DeliveryError) as caught:
        await graphs.channel.send(notice())
    assert (caught.value.reason, caught.value.ambiguous) == ("bad_answer", True)
