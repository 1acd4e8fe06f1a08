"""The pager's web address comes from its API, is known to every replica, and is shown while the store is away."""

from __future__ import annotations

import re

import pytest

from receiver.pipeline.response.pager_addresses import KEPT, PagerAddresses
from receiver.sources.http_client import SourceAnswer, SourceError
from receiver.sources.pagerduty import Rest
from receiver.store.client.connection import StoreAway
from tests.stories.world import alert, notification
from tests.web.conftest import House, Opened
from tests.web.console.test_forms import HERE, Person
from tests.web.webhooks.test_pagerduty import SECRET, event, keys, send

ACCOUNT = "https://acme.pagerduty.com"
URL = f"{ACCOUNT}/incidents/PGR0VU2"


@pytest.fixture
async def paged(opened: Opened) -> House:
    house = await opened(PAGERDUTY_WEBHOOK_SECRET=SECRET)
    await house.world.post(notification(alert("ApiDown")))
    return house


async def away(*_: object, **__: object) -> None:
    raise StoreAway("gone")


async def test_while_the_store_is_away_pages_lead_to_the_pager(paged: House, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await Person(paged, "admin-token").sign_in()
    assert ACCOUNT not in await admin.page("/system"), "no address is known yet"
    # An event that is not a command, and that this service caused itself.
    told = event("triggered", keys(paged)[0], agent=None, data={"html_url": URL})
    assert (await send(paged, told))[1]["outcome"] == "ignored"
    assert f'href="{ACCOUNT}"' in await admin.page("/system")
    monkeypatch.setattr(paged.replica.incidents, "uid_of", away)
    text = await admin.page(HERE, 503)
    link = f'<a href="{ACCOUNT}" rel="noopener noreferrer">pager (PagerDuty)</a>'
    assert f"In the meantime, acknowledge in {link}." in text
    assert re.search(
        rf'Alice.*? · PagerDuty · not acknowledged · <a class="button" href="{URL}"[^>]*>Open in Page', text
    )
    assert text.count(f'href="{URL}"') == 1, "the other page has no known address"
    refused = await admin.send(f"{HERE}/acknowledge", 503)
    assert f'<a href="{ACCOUNT}" rel="noopener noreferrer">pager (PagerDuty)</a>.' in refused


async def test_another_replica_knows_the_account_and_it_is_written_once(paged: House) -> None:
    other = await paged.world.replica(PAGERDUTY_WEBHOOK_SECRET=SECRET)
    for number in ("e1", "e2", "e3"):
        await send(paged, event("triggered", keys(paged)[0], agent=None, number=number, data={"html_url": URL}))
    revision = await other.read_shared_documents()
    assert (other.pager_addresses.account("pager"), other.pager_addresses.page(keys(paged)[0])) == (ACCOUNT, None)
    await send(paged, event("triggered", keys(paged)[1], agent=None, number="e4", data={"html_url": URL}))
    assert await other.read_shared_documents() == revision


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://", "//evil.example/x", "https://a b.example/", "https://x.example/\u202egnp",
     "x" * 5000, "https://[::1", 7, None, {"href": URL}],
)  # fmt: skip
async def test_what_is_no_address_is_not_shown(paged: House, url: object) -> None:
    status, _ = await send(paged, event("triggered", keys(paged)[0], agent=None, data={"html_url": url}))
    addresses = paged.parts.pagerduty_events.addresses
    assert (status, addresses.account("pager"), addresses.page(keys(paged)[0])) == (202, None, None)


async def test_a_page_of_somebody_else_tells_nothing(paged: House) -> None:
    await send(paged, event("triggered", "another/key", agent=None, data={"html_url": URL}))
    assert paged.parts.pagerduty_events.addresses.account("pager") is None


async def test_the_newest_pages_are_remembered(paged: House) -> None:
    addresses = PagerAddresses(lambda: {}, paged.replica.shared_documents)
    for number in range(KEPT + 1):
        addresses.remember("pager", f"k{number}", f"{ACCOUNT}/{number}")
    assert (addresses.page("k0"), addresses.page("k1")) == (None, f"{ACCOUNT}/1")


async def test_an_address_that_cannot_be_written_is_known_here(paged: House, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = paged.parts.pagerduty_events.addresses
    with monkeypatch.context() as patched:
        patched.setattr(paged.replica.shared_documents, "put", away)
        await addresses.learn("pager", "k", URL)
    assert addresses.account("pager") == ACCOUNT
    await addresses.learn("pager", "k", URL)
    await paged.replica.read_shared_documents()
    assert paged.replica.posted["pager"] == {"pager": {"url": ACCOUNT}}


class Asked:
    """The REST API with one fixed response."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.body, self.status = body, status

    async def get(self, *_: object, **__: object) -> SourceAnswer:
        return SourceAnswer(self.status, self.body)


@pytest.mark.parametrize(
    ("states", "answered", "url"),
    [
        ((), False, ""), (("triggered",), False, "/0"), (("acknowledged",), True, "/0"), (("resolved",), True, "/0"),
        (("resolved", "triggered"), False, "/1"), (("triggered", "acknowledged"), True, "/0"),
    ],
)  # fmt: skip
async def test_what_the_api_says_of_a_page(states: tuple[str, ...], answered: bool, url: str) -> None:
    found = ",".join(f'{{"status": "{one}", "html_url": "/{n}"}}' for n, one in enumerate(states))
    rest = Rest(Asked(f'{{"incidents": [{found}]}}'.encode()), "https://api.pagerduty.com", "token")  # type: ignore[arg-type]
    assert await rest.page("key") == (answered, url)
    for status, body in ((500, b"{}"), (200, b"{}"), (200, b'{"incidents": 7}')):
        with pytest.raises(SourceError):
            await Rest(Asked(body, status), "https://x", "t").page("key")  # type: ignore[arg-type]
