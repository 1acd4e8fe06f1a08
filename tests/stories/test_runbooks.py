"""Runbooks in the wiki: pages by label, linked in incidents, and read before they are needed."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.config.settings.feature_settings import Runbooks
from receiver.incident.context.runbook_matches import matching_runbooks
from receiver.model.incident.runbook import Runbook
from tests.fakes import Answer
from tests.fakes.jira import TOKEN, USER
from tests.stories.world import World, alert, notification

HERE = "https://example.atlassian.net/wiki/spaces/OPS/pages"


async def opened(world: World, flavor: str) -> None:
    """Open a replica whose wiki has runbooks."""
    await world.site.start()
    base = f"{world.site.url}/wiki" if flavor == "cloud" else world.site.url
    replica = await world.replica(CONFLUENCE_URL=base, JIRA_USER=USER, JIRA_TOKEN=TOKEN)
    config = replica.config
    wiki = config.channels["wiki"].model_copy(update={"flavor": flavor})
    links = config.links.model_copy(update={"runbooks": Runbooks(channel="wiki")})
    changed: dict[str, Any] = {"channels": {**config.channels, "wiki": wiki}, "links": links}
    replica.apply(config.model_copy(update=changed))


@pytest.mark.parametrize("flavor", ["cloud", "server"])
async def test_pages_by_label_are_linked_in_every_message(world: World, flavor: str) -> None:
    await opened(world, flavor)
    world.confluence.foreign("The API, whatever it has", "runbook", "api")
    world.confluence.foreign("What to do when logins fail <!channel>", "auth-failing", "runbook")
    world.confluence.foreign("Lunch", "auth-failing", "api")
    world.confluence.foreign("Disks", "runbook", "disk-full")
    await world.one.runbook_cache.refresh()
    world.confluence.script.append(Answer(503))
    await world.one.runbook_cache.refresh()
    notes = {"runbook_url": "https://runbooks.example.com/auth"}
    await world.post(notification(alert("AuthFailing", annotations=notes)))
    (incident,) = await world.incidents()
    found = world.one.setting.links(incident, world.clock.now())
    assert [(one.text, one.href) for one in found[:3]] == [
        ("Runbook", notes["runbook_url"]),
        ("Runbook: What to do when logins fail <!channel>", f"{HERE}/2"),
        ("Runbook: The API, whatever it has", f"{HERE}/1"),
    ]
    assert "Lunch" not in str(found)
    assert "Disks" not in str(found)
    (message,) = world.slack.parents
    said = next(block["text"]["text"] for block in message["blocks"] if block["block_id"] == "incident_links")
    assert f"<{HERE}/2|Runbook: What to do when logins fail &lt;!channel&gt;>" in said
    assert f"{HERE}/2" in str(world.pagerduty.taken[0]["body"]["links"])


def test_only_what_leads_to_a_website_is_linked() -> None:
    bad = (
        "javascript:alert(1)",
        "https://u@evil.example/",
        "https://e.example/a b",
        "//e.example",
        "https://e.example/<",
    )
    guides = [Runbook(title=href, href=href, labels=("api",)) for href in (*bad, "https://wiki.example.com/1")]
    assert [one.href for one in matching_runbooks(guides, {"service": "api"})] == ["https://wiki.example.com/1"]
    assert matching_runbooks(guides, {"alertname": "!!!", "service": ""}) == ()
