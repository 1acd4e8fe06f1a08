"""Subscribers of the status page: double opt-in, one-click unsubscribe, and mail with the lowest priority."""

from __future__ import annotations

from datetime import timedelta

import pytest

from receiver.model.delivery.subscription import Subscriber, SubscriberState
from receiver.pipeline.subscriptions.subscriber_mailer import SubscriberMailer
from receiver.pipeline.subscriptions.subscriber_news import news_of
from receiver.store.status_subscribers import A_PEER
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, READ, House
from tests.web.status.conftest import Mailbox, deliver, form, link_in, subscribe
from tests.web.status.test_status_page import DOWN, windows

ALICE, BOB = "alice.meier@customer.example", "bob@customer.example"
SIGN_UP = "/status/subscriptions"
ONE_CLICK = ("List-Unsubscribe", "One-Click")


async def known(house: House) -> list[Subscriber]:
    """Return all subscribers."""
    return [one async for page in house.replica.subscriptions.subscribers.each() for one in page]


async def test_from_sign_up_to_one_click_unsubscribe_by_a_real_mail(letters: House, mailbox: Mailbox) -> None:
    house = letters
    assert (await form(house, SIGN_UP, ("email", ALICE), ("component", "api")))[0] == 200
    assert await deliver(house) == 1
    asked = mailbox.mails.pop()
    assert (asked["To"], asked["Auto-Submitted"], asked["List-Unsubscribe"]) == (ALICE, "auto-generated", None)
    link = link_in(asked)
    # Following links subscribes no one.
    for method in ("GET", "HEAD", "GET"):
        assert (await house.status.request(method, link)).status == 200
    assert await known(house) == []
    status, text = await form(house, link, ("action", "confirm"), ("component", "api"))
    assert (status, "You are subscribed." in text) == (200, True)
    (one,) = await known(house)
    assert (one.address, one.components, one.language) == (ALICE, ("api",), "en")
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    await house.world.quiet()
    assert (await deliver(house), await deliver(house)) == (1, 0)
    (mail,) = mailbox.mails
    assert mail["Subject"] == "Stratum AI status – API: major outage – investigating"
    assert "We are currently investigating" in mail.get_content()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # In wire format: mail programs would not accept encoded words as an address.
    assert b"List-Unsubscribe: <https://incidents.example.com/status/subscriptions/" in mailbox.raw[-1]
    address = str(mail["List-Unsubscribe"]).strip("<>")
    path = address.removeprefix("https://incidents.example.com")
    assert path != address and path == link_in(mail)
    for method in ("GET", "HEAD"):
        assert (await house.client.request(method, path)).status == 200
    assert len(await known(house)) == 1
    for _ in range(2):
        assert (await form(house, path, ONE_CLICK))[0] == 200
        assert await known(house) == []
    await house.world.post(notification(alert("ApiDown", firing=False, labels=DOWN)))
    await house.world.quiet()
    assert await deliver(house) == 0


async def test_one_click_as_multipart_and_without_a_session(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE)
    (one,) = await known(letters)
    path = f"{SIGN_UP}/{(await letters.replica.subscriptions.links()).manage(one.id)}"
    body = '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x", "Origin": "https://mail.example.com"}
    assert (await letters.client.post(path, data=body, headers=kind)).status == 200
    assert await known(letters) == []


async def test_a_link_confirms_once_and_only_for_a_day(letters: House, mailbox: Mailbox) -> None:
    link = await subscribe(letters, mailbox, ALICE)
    (one,) = await known(letters)
    await letters.replica.subscriptions.erase(one.id)
    status, text = await form(letters, link, ("action", "confirm"))
    assert (status, "already used" in text, await known(letters)) == (200, True, [])
    assert (await form(letters, SIGN_UP, ("email", BOB)))[0] == 200
    await deliver(letters)
    late = link_in(mailbox.mails.pop())
    letters.world.clock.forward(timedelta(hours=25))
    assert (await form(letters, late, ("action", "confirm")))[0] == 404
    forged = late[:-8] + "AAAAAAA="
    assert (await form(letters, forged, ("action", "confirm")))[0] == 404
    assert await known(letters) == []


async def test_no_answer_and_no_flood_tells_whether_an_address_is_known(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE)
    tagged = "Alice.Meier+x@customer.example"
    answers = {await form(letters, SIGN_UP, ("email", one)) for one in (ALICE, BOB, tagged, ALICE, ALICE)}
    assert len(answers) == 1
    assert await deliver(letters) == 3, "three per day and address, including the one before"
    for _ in range(A_PEER - 6):
        assert (await form(letters, SIGN_UP, ("email", BOB)))[0] == 200
    assert (await form(letters, SIGN_UP, ("email", BOB)))[0] == 429
    assert await deliver(letters) == 2


async def test_what_is_no_address_and_a_foreign_page_are_refused(letters: House) -> None:
    for text in (
        "",
        "alice",
        "a@b.example.",
        "a@b..example",
        "a@b\r\nBcc: c@d",
        "a@b.example, c@d.example",
        "<a@b.example>",
        "ä@b.c",
        "a" * 255,
    ):
        assert (await form(letters, SIGN_UP, ("email", text)))[0] == 400, text
    assert (await form(letters, SIGN_UP, ("email", ALICE), Origin="https://evil.example"))[0] == 403


async def test_off_until_it_is_configured(house: House) -> None:
    assert (await form(house, SIGN_UP, ("email", ALICE)))[0] == 404
    assert await deliver(house) == 0


async def test_only_chosen_components_and_only_what_came_later(letters: House, mailbox: Mailbox) -> None:
    await letters.world.post(notification(alert("ApiDown", labels=DOWN)))
    await letters.world.quiet()
    letters.world.clock.forward(timedelta(seconds=5))
    await subscribe(letters, mailbox, ALICE, "dashboard")
    await subscribe(letters, mailbox, BOB)
    assert await deliver(letters) == 0, "it was published before they subscribed"
    letters.world.clock.forward(timedelta(seconds=5))
    await letters.world.post(notification(alert("ApiDown", firing=False, labels=DOWN)))
    await letters.world.quiet()
    assert await deliver(letters) == 1
    assert [mail["To"] for mail in mailbox.mails] == [BOB]


async def test_components_are_changed_by_the_link_of_a_mail(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE, "api")
    (one,) = await known(letters)
    path = f"{SIGN_UP}/{(await letters.replica.subscriptions.links()).manage(one.id)}"
    assert (await form(letters, path, ("action", "save"), ("component", "dashboard"), ("component", "x")))[0] == 200
    assert [one.components for one in await known(letters)] == [("dashboard",)]


async def test_a_bounce_stops_an_address_and_a_failure_is_tried_again(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE)
    await subscribe(letters, mailbox, BOB)
    mailbox.refusals = {ALICE: "550 5.1.1 no such user alice.meier", BOB: "450 greylisted"}
    letters.world.clock.forward(timedelta(seconds=1))
    await letters.world.post(notification(alert("ApiDown", labels=DOWN)))
    await letters.world.quiet()
    assert await deliver(letters) == 0
    states = {one.address: one.state for one in await known(letters)}
    assert states == {ALICE: SubscriberState.STOPPED, BOB: SubscriberState.ACTIVE}
    mailbox.refusals.clear()
    assert await deliver(letters) == 0
    letters.world.clock.forward(timedelta(minutes=1))
    assert await deliver(letters) == 1
    assert mailbox.mails[-1]["To"] == BOB


async def test_a_mail_server_that_is_down_costs_nobody_the_subscription(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE)
    letters.world.clock.forward(timedelta(seconds=1))
    mailbox.refusals = {ALICE: "535 authentication failed"}
    await letters.world.post(notification(alert("ApiDown", labels=DOWN)))
    await letters.world.quiet()
    assert await deliver(letters) == 0
    mailbox.refusals.clear()
    assert await deliver(letters) == 0, "it waits before it tries again"
    letters.world.clock.forward(timedelta(minutes=1))
    assert await deliver(letters) == 1


async def test_a_sign_up_that_no_server_takes_delays_no_news(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE)
    mailbox.refusals = {"trap@customer.example": "354 go ahead"}
    assert (await form(letters, SIGN_UP, ("email", "trap@customer.example")))[0] == 200
    letters.world.clock.forward(timedelta(seconds=1))
    await letters.world.post(notification(alert("ApiDown", labels=DOWN)))
    await letters.world.quiet()
    mailbox.mails.clear()
    assert await deliver(letters) == 1
    assert await deliver(letters) == 0
    letters.world.clock.forward(timedelta(minutes=10))
    body = {"title": "New prices", "text": "From January on."}
    async with letters.client.post("/api/v1/announcements", json=body, headers=READ) as response:
        assert response.status == 201
    assert await deliver(letters) == 1


@pytest.mark.parametrize("answer", ["554 not now", "550 no such user", "250 OK"])
async def test_who_unsubscribes_while_a_mail_is_sent_does_not_come_back(
    letters: House, mailbox: Mailbox, answer: str
) -> None:
    await subscribe(letters, mailbox, ALICE)
    (one,) = await known(letters)
    await letters.replica.subscriptions.subscribers.put(one.model_copy(update={"failures": 1}))

    async def unsubscribe(address: str) -> None:
        if address == ALICE:
            await letters.replica.subscriptions.erase(one.id)

    mailbox.before_answer = unsubscribe
    if not answer.startswith("250"):
        mailbox.refusals = {ALICE: answer}
    letters.world.clock.forward(timedelta(seconds=1))
    await letters.world.post(notification(alert("ApiDown", labels=DOWN)))
    await letters.world.quiet()
    await deliver(letters)
    assert await known(letters) == []


async def test_maintenance_is_told_before_at_its_start_and_at_its_end(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE)
    letters.world.clock.forward(timedelta(seconds=1))
    await windows(letters)
    told = []
    for wait in (timedelta(), timedelta(hours=2), timedelta(hours=24), timedelta(hours=22), timedelta(hours=2)):
        letters.world.clock.forward(wait)
        await deliver(letters)
        told += [str(mail["Subject"]) for mail in mailbox.mails]
        mailbox.mails.clear()
    assert [one.partition(" – ")[2].partition(":")[0] for one in told] == [
        "Started", "Completed", "Planned", "Started", "Completed",
    ]  # fmt: skip
    assert not any("secret name" in one for one in told)


async def test_one_replica_sends_and_another_one_goes_on(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE)
    letters.world.clock.forward(timedelta(seconds=1))
    await letters.world.post(notification(alert("ApiDown", labels=DOWN)))
    await letters.world.quiet()
    replica, now = letters.replica, letters.world.clock.now()
    other = SubscriberMailer(
        lambda: replica.config, lambda: replica.setting, replica.subscriptions, replica._public_page, replica.clock,
        replica.metrics,
    )  # fmt: skip
    assert await other.run_once(now) == 0, "the first one has the lease"
    # It ended after it had queued the news and before it recorded this.
    page, past = replica._public_page(now)
    (news,) = news_of(page, past, timedelta(hours=24), now)
    assert await other._owe(news, now) and await other._owe(news, now)
    await replica.connection.client.delete(replica.connection.keys.named("mail:leader"))
    assert (await other.run_once(now), await other.run_once(now), await deliver(letters)) == (1, 0, 0)
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == len(mailbox.mails) == 1


async def test_mail_waits_while_pages_do(letters: House, mailbox: Mailbox) -> None:
    assert (await form(letters, SIGN_UP, ("email", ALICE)))[0] == 200
    letters.replica.subscriber_mailer.busy = lambda: True
    assert await deliver(letters) == 0
    letters.replica.subscriber_mailer.busy = lambda: False
    assert await deliver(letters) == 1


async def test_export_stop_and_deletion_by_an_admin(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE, "api")
    path = "/api/v1/status-subscribers"
    assert (await letters.get(path, READ))[0] == 403
    status, found = await letters.get(path, ADMIN)
    (one,) = found["items"]
    assert (status, one["email"], one["components"], one["state"]) == (200, ALICE, ["api"], "active")
    async with letters.client.post(f"{path}/{one['id']}/stop", headers=ADMIN) as response:
        assert (await response.json())["state"] == "stopped"
    async with letters.client.delete(f"{path}/{one['id']}", headers=ADMIN) as response:
        assert response.status == 200
    assert await known(letters) == []
    counted = letters.parts.metrics.registry.get_sample_value
    for action in ("subscribers_export", "subscriber_stop", "subscriber_delete"):
        assert counted("receiver_audited_total", {"action": action, "outcome": "done"}) == 1


async def test_an_announcement_is_mailed_to_everybody(letters: House, mailbox: Mailbox) -> None:
    await subscribe(letters, mailbox, ALICE, "dashboard")
    letters.world.clock.forward(timedelta(seconds=1))
    body = {"title": "New\r\nprices", "text": "From January on."}
    async with letters.client.post("/api/v1/announcements", json=body, headers=READ) as response:
        assert (response.status, (await response.json())["title"]) == (201, "New prices")
    assert await deliver(letters) == 1
    assert "From January on." in mailbox.mails[0].get_content()


async def test_addresses_and_links_are_in_no_log_metric_or_public_byte(
    letters: House, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    link = await subscribe(letters, mailbox, ALICE)
    mailbox.refusals = {ALICE: f"550 no such user {ALICE}"}
    letters.world.clock.forward(timedelta(seconds=1))
    await letters.world.post(notification(alert("ApiDown", labels=DOWN)))
    await letters.world.quiet()
    await deliver(letters)
    await form(letters, link, ("action", "nonsense"))
    said = capsys.readouterr()
    texts = [said.out, said.err, caplog.text]
    for path in ("/metrics", "/status", "/status/feed.atom", "/healthz", "/status/api/v2/incidents.json"):
        async with letters.client.get(path, headers=READ) as response:
            texts.append(await response.text())
    for text in texts:
        assert "alice.meier" not in text and link.rpartition("/")[2] not in text


async def test_an_update_that_waits_is_not_mailed_once_its_incident_is_private(
    letters: House, mailbox: Mailbox
) -> None:
    house = letters
    await subscribe(house, mailbox, ALICE)
    house.world.clock.forward(timedelta(seconds=1))
    _, said = await house.post(notification(alert("ApiDown", labels=DOWN)))
    await house.world.quiet()
    house.replica.subscriber_mailer.busy = lambda: True
    assert await deliver(house) == 0, "it waits for pages"
    path = f"/api/v1/incidents/{said['incident']}"
    async with house.client.post(f"{path}/visibility", json={"visibility": "team"}, headers=ADMIN) as response:
        assert response.status == 200
    house.replica.subscriber_mailer.busy = lambda: False
    assert (await deliver(house), mailbox.mails) == (0, [])
    assert await house.replica.subscriptions.mail.depth() == 0, "nothing is sent later either"
    # Later updates that a person publishes are for all subscribers.
    house.world.clock.forward(timedelta(seconds=1))
    update = {"status": "identified", "text": "A bad release.", "publish": True}
    async with house.client.post(f"{path}/status-updates", json=update, headers=ADMIN) as response:
        assert response.status == 200, await response.text()
    await house.world.quiet()
    assert await deliver(house) == 1
    (mail,) = mailbox.mails
    assert "A bad release." in mail.get_content()
