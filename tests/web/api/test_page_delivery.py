"""The delivery state of a page, from the receipts of its incident."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.pipeline.outbox.page_delivery import page_delivery
from tests.fakes.vendor import Answer
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House

URL = "/api/v1/incidents/INC-2026-0001"


async def only(house: House) -> tuple[Any, list[dict[str, Any]]]:
    incident = (await house.world.incidents())[0]
    return incident, await house.replica.incidents.receipts(incident.uid)


def receipt(outcome: str, page: int, **more: Any) -> dict[str, Any]:
    return {
        "at": "2026-11-23T14:02:21Z", "channel": "pager", "to": "alice", "action": "trigger", "outcome": outcome,
        "attempts": 1, "seq": page, "page": page, **more,
    }  # fmt: skip


async def test_a_refused_page_is_failed_and_never_triggered(house: House) -> None:
    house.world.pagerduty.script.append(Answer(status=400))
    await house.world.post(notification(alert(annotations={"error_rate": "7%"})))
    _, incident = await house.get(URL)
    pages = {page["person"]: (page["status"], page["delivery"]) for page in incident["pages"]}
    assert pages == {"alice": ("failed", "refused"), "bob": ("triggered", "sent")}
    _, listed = await house.get("/api/v1/incidents")
    assert [page["delivery"] for page in listed["items"][0]["pages"]] == ["refused", "sent"]


async def test_an_acknowledgement_is_the_state_of_what_was_sent_before_it(house: House) -> None:
    await house.world.post(notification(alert(annotations={"error_rate": "7%"})))
    async with house.client.post(f"{URL}/acknowledge", headers=READ) as response:
        pages = (await response.json())["pages"]
    assert [(page["status"], page["delivery"]) for page in pages] == [("acknowledged", "acknowledged")]


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([], "queued"),
        ([("timeout", {})], "queued"),
        ([("client_error", {})], "queued"),
        ([("timeout", {}), ("delivered", {})], "sent"),
        ([("client_error", {"given_up": True})], "refused"),
        ([("client_error", {"given_up": True}), ("delivered", {})], "sent"),
        ([("delivered", {}), ("received", {})], "delivered"),
        ([("received", {}), ("delivered", {})], "delivered"),
        ([("cancelled", {"cancelled": "severity_lowered"})], "cancelled"),
        ([("delivered", {"page": 99})], "queued"),
        ([("delivered", {"channel": "chat"})], "queued"),
        ([("delivered", {"action": "resolve"})], "queued"),
    ],
)
async def test_the_last_word_of_the_vendor_counts(
    house: House, outcomes: list[tuple[str, dict[str, Any]]], state: str
) -> None:
    await house.world.post(notification(alert(annotations={"error_rate": "7%"})))
    incident, _ = await only(house)
    page = incident.pages[0]
    receipts = [receipt(outcome, page.seq) | more for outcome, more in outcomes]
    assert page_delivery(page, incident, receipts).state == state


async def test_receipts_of_earlier_releases_name_only_the_person(house: House) -> None:
    await house.world.post(notification(alert(annotations={"error_rate": "7%"})))
    incident, receipts = await only(house)
    old = [{name: value for name, value in one.items() if name != "page"} for one in receipts]
    assert page_delivery(incident.pages[0], incident, old).state == "sent"
