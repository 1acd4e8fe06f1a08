"""Webhooks of PagerDuty without a page of ours: its alerts were grouped there, or the key is missing."""

from __future__ import annotations

import json

from receiver.model.incident.state import State
from receiver.sources.http_client import SourceAnswer
from tests.stories.world import alert, notification
from tests.web.conftest import Opened
from tests.web.webhooks.test_pagerduty import SECRET, event, keys, send


async def test_what_is_grouped_there_is_acknowledged_for_each_of_ours(opened: Opened) -> None:
    house = await opened(PAGERDUTY_WEBHOOK_SECRET=SECRET, PAGERDUTY_API_TOKEN="pd-token-of-the-tests")
    house.replica.pagerduty_events.source_client = house.world.outside
    await house.world.post(notification(alert("ApiDown")))
    await house.world.post(notification(alert("ApiDown", labels={"service": "shop"}), group="shop"))
    rest = f"{house.world.site.url}/incidents/PGR0VU2/alerts"
    alerts = {"alerts": [{"alert_key": key} for key in keys(house) if "/alice/" in key]}
    house.world.outside.answers[rest] = SourceAnswer(200, json.dumps(alerts).encode())
    body = event("acknowledged", "")
    assert (await send(house, body))[1]["outcome"] == "updated"
    # The second one notifies no one, because it was grouped with the first.
    assert [one.state for one in await house.world.incidents()] == [State.ACKNOWLEDGED] * 2
    assert {key.split("/")[-2] for key in house.world.sent("acknowledge")} == {"eng-lead"}
    before = await house.world.incidents()
    assert (await send(house, body))[1]["outcome"] == "duplicate"
    assert await house.world.incidents() == before


async def test_by_the_title_alone_every_page_is_acknowledged(opened: Opened) -> None:
    house = await opened(PAGERDUTY_WEBHOOK_SECRET=SECRET)
    await house.world.post(notification(alert("ApiDown")))
    (title,) = {entry["body"]["payload"]["summary"] for entry in house.world.pagerduty.taken}
    assert (await send(house, event("acknowledged", "", data={"title": title})))[1]["outcome"] == "updated"
    # All pages have the same title: people whose page is not known to be acknowledged would be notified again.
    assert sorted(house.world.sent("acknowledge")) == sorted(keys(house))


async def test_the_note_that_comes_with_a_resolution_stands_in_the_log(opened: Opened) -> None:
    house = await opened(PAGERDUTY_WEBHOOK_SECRET=SECRET, PAGERDUTY_API_TOKEN="pd-token-of-the-tests")
    house.replica.pagerduty_events.source_client = house.world.outside
    await house.world.post(notification(alert("ApiDown")))
    rest = f"{house.world.site.url}/incidents/PGR0VU2/alerts"
    house.world.outside.answers[rest] = SourceAnswer(
        200, json.dumps({"alerts": [{"alert_key": keys(house)[0]}]}).encode()
    )
    await send(house, event("resolved", keys(house)[0]))
    # A note has PagerDuty's incident, but no key.
    note = {"type": "incident_note", "id": "P1", "content": "it was DNS", "incident": {"id": "PGR0VU2"}}
    assert (await send(house, event("annotated", number="e2", data=note)))[1]["outcome"] == "updated"
    (incident,) = await house.world.incidents()
    assert incident.state is State.RESOLVED
    log = await house.world.one.incidents.events(incident.uid)
    assert (log[-1].text, log[-1].actor.name) == ("it was DNS", "Ada On-Call")
    # An incident that is over stays over: only a note is added.
    assert (await send(house, event("acknowledged", "", number="e3")))[1]["outcome"] == "ignored"
