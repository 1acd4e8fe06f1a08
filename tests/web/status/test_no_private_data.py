"""No public response contains a label, a host or a person's name, regardless of the alerts."""

from __future__ import annotations

import os

import pytest

from receiver.model.delivery.subscription import Subscriber
from receiver.pipeline.subscriptions.subscriber_email import news_mail
from receiver.pipeline.subscriptions.subscriber_news import news_of
from tests.stories.world import notification
from tests.web.conftest import House, Opened
from tests.web.status.hostile_alerts import MARK, hostile_alert
from tests.web.status.test_status_page import CALLS, published

MANY = int(os.environ.get("RECEIVER_HOSTILE_ALERTS", "300"))
"""10,000 in a long run."""
AT_ONCE = 25
"""Alerts of one notification."""
PEOPLE = ("alice", "bob", "carol", "vp-eng", "eng-lead", "INC-20", "db-17", "internal.example", "U0")
PATHS = (
    "", "?lang=ja", "/history", "/feed.atom", "/feed.rss", "/badge.svg", "/components/api", "/components/nobody",
    "/components/dashboard/badge.svg", "/incidents/nothing", *(f"/api/v2/{call}.json" for call in CALLS),
)  # fmt: skip


async def everything(house: House) -> dict[str, str]:
    """Return the responses of every public path with headers, and the mail to a subscriber."""
    page, past = house.replica._public_page(house.world.clock.now())
    found = {}
    for path in (*PATHS, *(f"/incidents/{one.id}" for one in (*page.incidents, *past))):
        async with house.status.get(f"/status{path}") as response:
            found[path] = f"{response.headers} {await response.text()}"
    now = house.world.clock.now()
    to = Subscriber(id="ab12", address="reader@customer.example", confirmed_at=now)
    for news in news_of(page, past, now - now, now):
        mail = news_mail(news, to, link="https://x.example", title="Status", sender="a@b.example", now=now)
        found[f"mail {news.key}"] = f"{mail.as_string()} {mail['Subject']} {mail.get_content()}"
    return found


@pytest.mark.timeout(0 if MANY > 1000 else 120)
async def test_no_byte_of_an_alert_or_a_person_is_public(opened: Opened) -> None:
    house, shown, mailed = await opened(published), 0, 0
    for first in range(0, MANY, AT_ONCE):
        alerts = [hostile_alert(number) for number in range(first, min(first + AT_ONCE, MANY))]
        status, _ = await house.post(notification(*alerts, group=f"{MARK} {first}"))
        assert status == 200
        if (first // AT_ONCE) % 6 and first + AT_ONCE < MANY:
            continue
        await house.world.quiet()
        said = await everything(house)
        shown, mailed = (sum(path.startswith(kind) for path in said) for kind in ("/incidents/", "mail"))
        for path, content in said.items():
            assert MARK not in content.lower(), path
            assert not [one for one in PEOPLE if one in content], path
    assert shown >= 5 and mailed >= 5, "an update was published and mailed"
