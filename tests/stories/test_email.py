"""Notified people get a mail as well as a mention; paged people get one if the pager is unavailable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from receiver.model.command import AddNote
from receiver.model.incident.event import Actor, ActorKind
from tests.fakes import Answer
from tests.fakes.smtp import FakeSmtp
from tests.stories.world import World, alert, notification


@pytest.fixture
async def server() -> AsyncIterator[FakeSmtp]:
    made = FakeSmtp()
    await made.start()
    yield made
    await made.stop()
    assert made.failures == []


async def opened(world: World, server: FakeSmtp, replicas: int = 1) -> World:
    """Open with mail."""
    return await world.open(replicas, SMTP_URL=f"smtp://127.0.0.1:{server.port}?tls=never")


def inbox(server: FakeSmtp) -> dict[str, list[Any]]:
    """Return the mails that each address has, in order."""
    found: dict[str, list[Any]] = {}
    for _, recipients, mail in server.mails:
        for one in recipients:
            found.setdefault(one, []).append(mail)
    return found


ONE = "INC-2026-0001"
EXECUTIVES = ["ceo@example.com", "cto@example.com", "vp-eng@example.com"]


async def test_executives_hear_of_a_sev1_once_and_of_its_end(world: World, server: FakeSmtp) -> None:
    await opened(world, server, 2)
    down = alert("ApiDown", labels={"customer_visible": "false"})
    await world.post(notification(down))
    first = inbox(server)
    assert set(EXECUTIVES) <= set(first)
    assert all(len(mails) == 1 for mails in first.values())
    await world.post(notification(alert("ApiDown", labels={"customer_visible": "false"}, firing=False)))
    await world.forward("17m")
    (uid,) = [incident.uid for incident in await world.incidents()]
    for address in EXECUTIVES:
        opening, resolved = inbox(server)[address]
        assert str(resolved["In-Reply-To"]) == str(opening["Message-ID"])
        assert uid in str(opening["Message-ID"]) and ".open." not in str(resolved["Message-ID"])
        assert ".resolved." in str(resolved["Message-ID"])


async def test_a_note_is_no_mail(world: World, server: FakeSmtp) -> None:
    await opened(world, server)
    await world.post(notification(alert("ApiDown")))
    before = len(server.mails)
    await world.one.respond.act(ONE, AddNote(text="x"), Actor(kind=ActorKind.API, name="a"), world.clock.now())
    await world.forward("2m")
    assert len(server.mails) == before


async def test_email_is_a_fallback_channel_too(world: World, server: FakeSmtp) -> None:
    await opened(world, server)
    world.pagerduty.script.extend([Answer(status=503)] * 50)
    await world.post(notification(alert("AuthFailing")))
    await world.forward("10s")
    (mail,) = inbox(server)["alice@example.com"]
    assert "pager cannot be reached" in mail.get_body(("plain",)).get_content()


async def test_a_server_that_is_away_harms_nothing_and_is_made_good(world: World, server: FakeSmtp) -> None:
    server.script["MAIL"] = ["451 later"] * 6
    await opened(world, server)
    await world.post(notification(alert("ApiDown")))
    assert len(world.rung()) == 2
    assert len(world.slack.parents) == 1
    await world.forward("20m")
    assert set(EXECUTIVES) <= set(inbox(server))
