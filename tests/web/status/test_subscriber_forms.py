"""Subscribers of the status page in the console: administrators export them, and delete or stop one."""

from __future__ import annotations

import csv
import io

import pytest
from structlog.testing import capture_logs

from receiver.model.delivery.subscription import Subscriber, SubscriberState
from tests.web.conftest import House
from tests.web.console.test_forms import BROWSER, Person
from tests.web.status.conftest import Mailbox, subscribe
from tests.web.status.test_subscriptions import ALICE, BOB, known
from tests.web.test_audit_trail import audits

DESK, CSV = "/console/status", "/console/status/subscribers.csv"


@pytest.fixture
async def admin(letters: House, mailbox: Mailbox) -> Person:
    """An administrator of a page with two subscribers."""
    await subscribe(letters, mailbox, ALICE)
    await subscribe(letters, mailbox, BOB, "api")
    return await Person(letters, "admin-token").sign_in()


async def test_subscribers_are_exported_with_an_audit_line(letters: House, admin: Person) -> None:
    assert "Subscribers (2)" in await admin.page(DESK)
    made = (await known(letters))[0].model_copy(update={"id": "0", "address": "=1+1@customer.example"})
    await letters.replica.subscriptions.subscribers.put(made)
    with capture_logs() as lines:
        async with letters.client.get(CSV, headers={**BROWSER, "Cookie": admin.cookie}) as response:
            text = await response.text()
    assert (response.content_type, response.headers["Cache-Control"]) == ("text/csv", "no-store")
    assert response.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(one["email"], one["components"], one["state"]) for one in rows][1:] == [
        (ALICE, "all", "active"), (BOB, "api", "active")
    ]  # fmt: skip
    assert rows[0]["email"].startswith("'="), "no formula for a spreadsheet"
    assert [(one["action"], one["outcome"]) for one in audits(lines)] == [("subscribers_export", "done")]
    assert ALICE not in str(lines)


async def test_one_is_deleted_or_stopped_by_address(letters: House, admin: Person) -> None:
    with capture_logs() as lines:
        assert await admin.send(DESK, erase="yes", email=f" {ALICE.upper()} ") == f"{DESK}?done=subscriber-erase"
        assert await admin.send(DESK, stop="yes", email=BOB) == f"{DESK}?done=subscriber-stop"
        assert "this address is not subscribed" in await admin.send(DESK, 404, erase="yes", email=ALICE)
    (left,) = await known(letters)
    assert (left.address, left.state) == (BOB, SubscriberState.STOPPED)
    assert [(one["action"], one["outcome"]) for one in audits(lines)] == [
        ("subscriber_delete", "done"), ("subscriber_stop", "done"), ("subscriber_delete", "refused"),
    ]  # fmt: skip
    assert ALICE not in str(lines) and BOB not in str(lines)
    assert "Subscriber deleted." in await admin.page(f"{DESK}?done=subscriber-erase")


async def test_no_one_else_sees_or_changes_them(letters: House, admin: Person) -> None:
    before: list[Subscriber] = await known(letters)
    responder = await Person(letters, "respond-token").sign_in()
    assert "Subscribers (" not in await responder.page(DESK)
    await responder.page(CSV, 403)
    await responder.send(DESK, 403, erase="yes", email=ALICE)
    headers = {"Cookie": admin.cookie, "Sec-Fetch-Site": "cross-site"}
    data = {"word": admin.word, "erase": "yes", "email": ALICE}
    async with letters.client.post(DESK, data=data, headers=headers) as response:
        assert response.status == 403
    assert await known(letters) == before
