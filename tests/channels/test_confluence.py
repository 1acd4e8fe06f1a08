"""Confluence: one page per document, kept up to date, without overwriting people's edits."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.channels.base import DeliveryError
from receiver.channels.confluence.channel import Confluence, ConfluenceSettings
from receiver.channels.http_client import Http
from receiver.model.delivery.notice import Action, Notice, Receipt
from tests.channels.conftest import Wired
from tests.channels.notices import document, notice
from tests.fakes import Answer, FakeConfluence, Site, Vendor
from tests.fakes.jira import TOKEN, USER

VENDOR = FakeConfluence


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake."""
    assert isinstance(vendor, FakeConfluence)
    wiki = Confluence("wiki", wiki_settings(site), http)
    asked = notice(Action.DOCUMENT, address="OPS")
    return Wired(wiki, vendor, site, asked, (TOKEN,))


def wiki_settings(site: Site, **changes: Any) -> ConfluenceSettings:
    """Return the settings of a space at the fake: a server, for which the first call is the one that writes."""
    values = {"flavor": "server", "api_url": site.url, "space": "OPS", "token": TOKEN}
    return ConfluenceSettings.model_validate({**values, **changes})


CLOUD = {"flavor": "cloud", "user": USER}
KEY = document().key


def fake(wiki: Wired) -> FakeConfluence:
    assert isinstance(wiki.vendor, FakeConfluence)
    return wiki.vendor


def saying(text: str, memory: dict[str, Any] | None = None, **changes: Any) -> Notice:
    given = document(markdown=text)
    return notice(Action.DOCUMENT, address="OPS", document=given, memory=memory or {}, **changes)


@pytest.fixture(params=["cloud", "server"])
def both(request: pytest.FixtureRequest, wiki: Wired, http: Http) -> Wired:
    if request.param == "cloud":
        wiki.channel = Confluence("wiki", wiki_settings(wiki.site, api_url=f"{wiki.site.url}/wiki", **CLOUD), http)
    return wiki


async def send(wiki: Wired, given: Notice) -> Receipt:
    return await wiki.channel.send(given)


async def test_a_page_is_made_and_brought_up_to_date_in_place(both: Wired) -> None:
    first = await send(both, saying("# Summary\n\nIt broke."))
    known = first.memory["pages"][KEY]
    assert known["url"] == f"https://example.atlassian.net/wiki/spaces/OPS/pages/{first.ref}"
    second = await send(both, saying("# Summary\n\nIt broke at noon.", first.memory))
    (page,) = fake(both).pages.values()
    assert page["title"] == "Post-mortem INC-2026-0042"
    assert page["value"].startswith("<h1>Summary</h1><p>It broke at noon.</p>")
    assert page["number"] == second.memory["pages"][KEY]["version"] == 2


async def test_the_same_text_is_not_written_again(both: Wired) -> None:
    memory = (await send(both, saying("x"))).memory
    before = len(both.vendor.received)
    await send(both, saying("x", memory))
    assert len(both.vendor.received) == before


async def test_a_lost_answer_makes_no_second_page_nor_version(both: Wired) -> None:
    if both.channel.settings.flavor == "cloud":
        both.vendor.script.append(Answer(200, body={"results": [{"id": "65538"}]}))
    both.vendor.script.append(Answer(reset="after"))
    with pytest.raises(DeliveryError):
        await send(both, saying("x"))
    memory = (await send(both, saying("x", repeat=True))).memory
    both.vendor.script.append(Answer(500, taken=True))
    with pytest.raises(DeliveryError):
        await send(both, saying("y", memory))
    memory = (await send(both, saying("y", memory, repeat=True))).memory
    await send(both, saying("z", memory))
    (page,) = fake(both).pages.values()
    assert page["value"].startswith("<p>z</p>")


async def test_what_people_wrote_is_not_put_over(both: Wired) -> None:
    first = await send(both, saying("x"))
    fake(both).edit(str(first.ref), "<p>what we learnt</p>")
    second = await send(both, saying("y", first.memory))
    page = fake(both).pages[str(first.ref)]
    assert page["value"] == "<p>what we learnt</p>"
    assert len(page["comments"]) == 1
    assert "<p>y</p>" in page["comments"][0]
    assert second.warning == f"confluence: people edited page {first.ref}: added as a comment"
    await send(both, saying("y", first.memory, repeat=True))
    assert len(page["comments"]) == 1


async def test_nor_the_next_time(both: Wired) -> None:
    first = await send(both, saying("x"))
    fake(both).edit(str(first.ref), "<p>what we learnt</p>")
    memory = (await send(both, saying("y", first.memory))).memory
    memory = (await send(both, saying("z", memory))).memory
    page = fake(both).pages[str(first.ref)]
    assert page["value"] == "<p>what we learnt</p>"
    assert [one[: len("<p>A newer")] for one in page["comments"]] == ["<p>A newer"] * 2
    asked = len(both.vendor.received)
    await send(both, saying("z", memory))
    assert len(both.vendor.received) == asked, "nothing has changed"
    fake(both).edit(str(first.ref), "<p>more</p>")
    await send(both, saying("w", memory))
    assert (page["value"], len(page["comments"])) == ("<p>more</p>", 3)


async def test_a_persons_note_that_begins_like_ours_is_theirs(both: Wired) -> None:
    first = await send(both, saying("x"))
    fake(both).edit(str(first.ref), "<p>what we learnt</p>")
    fake(both).pages[str(first.ref)]["message"] = "receiver had the time wrong"
    await send(both, saying("y", first.memory))
    assert fake(both).pages[str(first.ref)]["value"] == "<p>what we learnt</p>"


async def test_a_page_of_other_people_with_the_same_title_is_left_alone(both: Wired) -> None:
    fake(both).foreign("Post-mortem INC-2026-0042")
    first = await send(both, saying("x"))
    assert fake(both).pages[str(first.ref)]["title"] == "Post-mortem INC-2026-0042 (2)"
    assert fake(both).pages["1"]["value"] == "<p>theirs</p>"
    second = await send(both, saying("y", first.memory))
    assert second.ref == first.ref
    assert fake(both).pages[str(first.ref)]["title"] == "Post-mortem INC-2026-0042 (2)"
    again = await send(both, saying("y", repeat=True))
    assert again.ref == first.ref


async def test_every_title_taken_is_said(both: Wired) -> None:
    for number in ("", " (2)", " (3)", " (4)", " (5)"):
        fake(both).foreign(f"Post-mortem INC-2026-0042{number}")
    with pytest.raises(DeliveryError) as caught:
        await send(both, saying("x"))
    assert caught.value.permanent


async def test_a_page_that_somebody_deleted_is_not_made_again(both: Wired) -> None:
    memory = (await send(both, saying("x"))).memory
    fake(both).pages.clear()
    gone = await send(both, saying("y", memory))
    assert "is gone" in str(gone.warning)
    await send(both, saying("z", gone.memory))
    assert fake(both).pages == {}


async def test_nor_does_one_in_the_trash_come_back(both: Wired) -> None:
    first = await send(both, saying("x"))
    fake(both).trash(str(first.ref))
    gone = await send(both, saying("y", first.memory))
    assert gone.warning == f"confluence: page {first.ref} is gone"
    assert fake(both).pages[str(first.ref)]["status"] == "trashed"


async def test_a_space_that_there_is_not(wiki: Wired, http: Http) -> None:
    settings = wiki_settings(wiki.site, api_url=f"{wiki.site.url}/wiki", space="NO", **CLOUD)
    with pytest.raises(DeliveryError) as caught:
        await Confluence("wiki", settings, http).send(saying("x").model_copy(update={"address": "NO"}))
    assert caught.value.permanent
    assert "has no space NO" in caught.value.detail


async def test_a_parent_is_named_in_both_flavours(both: Wired, http: Http) -> None:
    changes = {"parent": "98304"}
    settings = both.channel.settings.model_copy(update=changes)
    await Confluence("wiki", settings, http).send(saying("x"))
    body = both.vendor.taken[-1]["body"]
    assert body.get("parentId") == "98304" or body["ancestors"] == [{"id": "98304"}]


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"api_url": ""}, "api_url is empty"),
        ({"space": ""}, "space is empty"),
        ({"token": ""}, "token is empty"),
        ({"flavor": "cloud"}, "user is empty"),
        ({}, None),
    ],
)
def test_what_is_missing_is_said(site: Site, http: Http, changes: dict[str, str], missing: str | None) -> None:
    assert Confluence("wiki", wiki_settings(site, **changes), http).missing() == missing


def test_a_preview_shows_the_next_version(wiki: Wired) -> None:
    (shown,) = wiki.channel.preview(saying("y", {"pages": {KEY: {"id": "7", "version": 3}}}))
    assert (shown["method"], shown["url"].rpartition("/api")[2]) == ("PUT", "/content/7")
    assert shown["body"]["version"]["number"] == 4
