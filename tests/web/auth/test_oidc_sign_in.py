"""Sign-in at a real OpenID provider, behind a proxy that changes one part of its responses."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from receiver.config import Config
from receiver.config.settings.service_settings import Oidc
from tests.fakes.identity_provider import (
    ALICE,
    CLIENT,
    SECRET,
    Browser,
    IdentityProvider,
    identity_provider,
    provider_process,
)
from tests.web.conftest import ADMIN, House, Opened

START_PATH, BACK = "/login/oidc", "/login/oidc/callback"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with provider_process(tmp_path_factory.mktemp("provider")) as inside:
        yield inside


@pytest.fixture
async def provider(process: str) -> AsyncIterator[IdentityProvider]:
    async with identity_provider(process) as made:
        yield made


class Office:
    """A house whose people sign in at the provider, and their browsers."""

    def __init__(self, house: House, provider: IdentityProvider) -> None:
        self.house = house
        self.provider = provider
        self.url = f"http://{house.client.host}:{house.client.port}"
        self.browsers: list[Browser] = []

    def browser(self) -> Browser:
        self.browsers.append(Browser(self.url))
        return self.browsers[-1]

    def configure(self, **oidc: Any) -> None:
        known = self.house.replica.config.auth.oidc
        assert known is not None
        auth = self.house.replica.config.auth.model_copy(update={"oidc": known.model_copy(update=oidc)})
        self.house.replica.config = self.house.replica.config.model_copy(update={"auth": auth})

    def failures(self, kind: str) -> float:
        found = self.house.parts.metrics.registry.get_sample_value("receiver_sign_in_failures_total", {"kind": kind})
        return found or 0.0

    async def sessions(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.house.get("/api/v1/sessions", ADMIN))[1]["items"]
        return items


@pytest.fixture
async def office(opened: Opened, provider: IdentityProvider) -> AsyncIterator[Office]:
    def change(config: Config) -> Config:
        oidc = Oidc(
            issuer=provider.issuer, client_id=CLIENT, client_secret=SecretStr(SECRET), respond_groups=("sre",),
            read_groups=("all",), admin_groups=("platform",), team_groups={"payments": ("payments-sre",)},
        )  # fmt: skip
        return config.model_copy(update={"auth": config.auth.model_copy(update={"oidc": oidc})})

    house = await opened(change)
    made = Office(house, provider)
    service = house.replica.config.service.model_copy(update={"public_url": made.url})
    house.replica.config = house.replica.config.model_copy(update={"service": service})
    # The provider uses the machine's time, and the clock of the house only advances when a test sets it.
    house.world.clock.forward(datetime.now(UTC) - house.world.clock.now())
    await provider.register(f"{made.url}{BACK}", f"{made.url}/login")
    try:
        yield made
    finally:
        for browser in made.browsers:
            await browser.client.close()


async def test_a_person_signs_in_works_and_signs_out_here_and_there(office: Office) -> None:
    browser = office.browser()
    status, page = await browser.open("/oncall")
    assert (status, 'href="/login/oidc?next=/oncall"' in page) == (200, True)
    status, page = await browser.sign_in(to="/oncall")
    assert (status, browser.url) == (200, f"{office.url}/oncall")
    assert "Signed in as <b>alice</b>" in page
    assert 'action="/oncall/primary/accept"' in page, "the group sre may respond"
    (session,) = await office.sessions()
    assert (session["kind"], session["account"], session["scopes"]) == ("oidc", "alice", ["read", "respond"])
    word = page.partition('name="word" value="')[2].partition('"')[0]
    status, page = await browser.open("/logout", word=word)
    assert (status, "end_session" in browser.url or "/session/end" in browser.url) == (200, True)
    assert await office.sessions() == []
    assert (await browser.open("/oncall"))[1].count("Sign in with") == 2, "the session has ended"


async def test_a_session_that_was_ended_counts_for_nothing_whoever_has_its_cookie(office: Office) -> None:
    browser = office.browser()
    await browser.sign_in()
    cookies = list(browser.client.cookie_jar)
    (session,) = await office.sessions()
    async with office.house.client.delete(f"/api/v1/sessions/{session['id']}", headers=ADMIN) as answer:
        assert answer.status == 200
    assert "/login" in (await _first(browser, "/oncall"))
    browser.client.cookie_jar.update_cookies({one.key: one for one in cookies})
    assert "/login" in (await _first(browser, "/oncall")), "its cookie is worthless"


async def _first(browser: Browser, path: str) -> str:
    await browser.open(path)
    return browser.url


async def test_a_group_that_is_taken_away_ends_the_session_within_ten_minutes(office: Office) -> None:
    browser, clock = office.browser(), office.house.world.clock
    await browser.sign_in()
    await office.provider.set(people={"alice": {**ALICE, "groups": ["all"]}})
    clock.forward("6m")
    status, page = await browser.open("/oncall")
    assert (status, 'action="/oncall/primary/accept"' in page) == (200, False), "may read, but no longer respond"
    await office.provider.set(people={"alice": {**ALICE, "groups": ["nothing"]}})
    clock.forward("10m")
    assert "/login" in await _first(browser, "/oncall")
    status, page = await browser.sign_in()
    assert (status, "none of your groups may use this service" in page) == (403, True)
    assert office.failures("groups") == 1
    assert await office.sessions() == []


async def test_somebody_who_left_the_provider_is_signed_out(office: Office) -> None:
    browser = office.browser()
    await browser.sign_in()
    await office.provider.set(people={})
    office.house.world.clock.forward("6m")
    assert "/login" in await _first(browser, "/oncall")


async def test_the_last_answer_counts_for_12_hours_while_the_provider_is_away(office: Office) -> None:
    browser, clock = office.browser(), office.house.world.clock
    await browser.sign_in()
    office.provider.down = True
    for _ in range(11):
        clock.forward("1h")
        assert await _first(browser, "/oncall") == f"{office.url}/oncall"
    assert (await office.browser().sign_in())[0] == 502
    assert office.failures("unreachable") == 1
    clock.forward("61m")
    assert "/login" in await _first(browser, "/oncall")
    token = office.browser()
    status, page = await token.open("/login", token="respond-token", next="/oncall")
    assert (status, "Signed in with the token <b>on-call-cli</b>" in page) == (200, True), "break-glass"


async def test_new_keys_are_fetched_when_they_are_needed_and_not_for_every_forgery(office: Office) -> None:
    await office.browser().sign_in()
    office.house.world.clock.forward("11s")
    await office.provider.set(rotate="alone")
    assert (await office.browser().sign_in())[0] == 200
    asked = office.provider.asked.count("/jwks")
    office.provider.change = in_token(lambda head, claims, tail: (base({**head, "kid": "unknown"}), claims, tail))
    for _ in range(3):
        assert (await office.browser().sign_in())[0] == 403
    assert office.provider.asked.count("/jwks") == asked


def base(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def read(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def in_token(change: Callable[[Any, str, str], tuple[str, str, str]]) -> Callable[[str, bytes], bytes]:
    """Return the proxy's change of an ID token; `change` gets its header, the text of its claims, and its signature."""

    def apply(path: str, body: bytes) -> bytes:
        if path != "/token":
            return body
        said = json.loads(body)
        head, claims, tail = said["id_token"].split(".")
        said["id_token"] = ".".join(change(read(head), claims, tail))
        return json.dumps(said).encode()

    return apply


def altered(claims: str, **what: Any) -> str:
    return base({**read(claims), **what})


TOKENS: dict[str, Callable[[Any, str, str], tuple[str, str, str]]] = {
    "another subject": lambda head, claims, tail: (base(head), altered(claims, sub="bob"), tail),
    "another audience": lambda head, claims, tail: (base(head), altered(claims, aud="other"), tail),
    "no signature": lambda head, claims, tail: (base({**head, "alg": "none"}), claims, ""),
    "signed with the client's secret": lambda head, claims, tail: (base({**head, "alg": "HS256"}), claims, tail),
    "half a signature": lambda head, claims, tail: (base(head), claims, tail[: len(tail) // 2]),
}


async def test_a_token_that_was_altered_lets_nobody_in(office: Office) -> None:
    for count, (what, change) in enumerate(TOKENS.items(), 1):
        office.house.parts.clock.forward("6m")  # type: ignore[attr-defined]  # a failure is forgotten
        office.provider.change = in_token(change)
        status, page = await office.browser().sign_in()
        assert (status, "is not valid for this sign-in" in page) == (403, True), what
        assert office.failures("id_token") == count, what
    assert await office.sessions() == []


async def test_an_id_token_that_has_expired_lets_nobody_in(office: Office) -> None:
    office.house.world.clock.forward("2h")
    assert (await office.browser().sign_in())[0] == 403
    assert office.failures("id_token") == 1


async def test_a_session_of_the_provider_ends_unused_and_at_its_latest(office: Office) -> None:
    clock, config = office.house.world.clock, office.house.replica.config
    limits = config.auth.sessions.model_copy(update={"idle": timedelta(hours=2), "absolute": timedelta(hours=4)})
    auth = config.auth.model_copy(update={"sessions": limits})
    office.house.replica.config = config.model_copy(update={"auth": auth})
    unused, used = office.browser(), office.browser()
    await unused.sign_in()
    await used.sign_in()
    # The provider's clock does not advance, so new tokens would be invalid; its last response counts for 12 hours.
    office.provider.down = True
    clock.forward("90m")
    assert await _first(used, "/oncall") == f"{office.url}/oncall"
    clock.forward("40m")
    assert "/login" in await _first(unused, "/oncall"), "two hours without use"
    assert await _first(used, "/oncall") == f"{office.url}/oncall"
    clock.forward("111m")
    assert "/login" in await _first(used, "/oncall"), "four hours in all"


async def test_a_wrong_nonce_lets_nobody_in(office: Office) -> None:
    office.provider.query = lambda query: query.replace("nonce=", "nonce=x")
    assert (await office.browser().sign_in())[0] == 403
    assert office.failures("id_token") == 1


async def test_another_issuer_lets_nobody_in(office: Office) -> None:
    browser = office.browser()
    _, back = await browser.sign_in(stop=BACK)
    assert (await browser.open(back.replace("iss=", "iss=x")))[0] == 403
    assert (await browser.open(back.partition("&iss=")[0]))[0] == 403, "the attempt is used up"
    other = office.browser()
    _, back = await other.sign_in(stop=BACK)
    assert (await other.open(back.partition("&iss=")[0]))[0] == 403, "the provider promises to name itself"
    assert office.failures("issuer") == 2

    def named(path: str, body: bytes) -> bytes:
        return body.replace(f'"issuer":"{office.provider.issuer}"'.encode(), b'"issuer":"https://evil.example"')

    office.provider.change = named
    office.house.world.clock.forward("2h")
    assert (await office.browser().open(START_PATH))[0] == 403
    assert office.failures("issuer") == 3


async def test_a_code_is_good_once_and_in_the_browser_that_began(office: Office) -> None:
    browser, thief = office.browser(), office.browser()
    _, back = await browser.sign_in(stop=BACK)
    assert (await thief.open(back))[0] == 403, "another browser did not start it"
    attempt = {one.key: one.value for one in browser.client.cookie_jar if one.key == "receiver_oidc"}
    assert (await browser.open(back))[0] == 200
    assert (await browser.open(back))[0] == 403, "the same response again"
    assert office.failures("state") == 2
    thief.client.cookie_jar.update_cookies(attempt)
    assert (await thief.open(back))[0] == 403, "the provider has the code marked as used"
    assert office.failures("refused") == 1


async def test_a_sign_in_ends_after_ten_minutes_and_with_its_state(office: Office) -> None:
    browser = office.browser()
    _, back = await browser.sign_in(stop=BACK)
    assert (await browser.open(back.replace("state=", "state=x")))[0] == 403
    _, back = await browser.sign_in(stop=BACK)
    office.house.world.clock.forward("11m")
    assert (await browser.open(back))[0] == 403
    assert office.failures("state") == 2


async def test_a_person_is_linked_by_subject_or_by_a_verified_address(office: Office) -> None:
    async def name() -> str | None:
        browser = office.browser()
        await browser.sign_in()
        found: str | None = (await office.sessions())[0]["person"]
        await office.house.parts.sessions.store.connection.call("FLUSHALL")
        return found

    assert await name() == "alice"
    await office.provider.set(people={"alice": {**ALICE, "email_verified": False}})
    assert await name() is None
    await office.provider.set(people={"alice": {**ALICE, "email": "mallory@example.com"}})
    assert await name() is None
    config = office.house.replica.config
    people = {**config.people, "bob": config.people["bob"].model_copy(update={"oidc_subject": "alice"})}
    office.house.replica.config = config.model_copy(update={"people": people})
    await office.provider.set(people={"alice": ALICE})
    assert await name() == "bob", "the subject wins"


async def test_the_store_holds_no_token_of_the_provider_in_clear(office: Office) -> None:
    await office.browser().sign_in()
    connection = office.house.parts.sessions.store.connection
    (session,) = await office.sessions()
    kept = await connection.call("GET", connection.keys.named(f"session:{session['id']}"))
    tokens = office.house.parts.providers.opened(json.loads(kept)["sealed"])
    assert tokens is not None and tokens.access and tokens.refresh and tokens.id_token
    for token in (tokens.access, tokens.refresh, tokens.id_token):
        assert token not in kept
    assert tokens.refresh not in json.dumps(await office.sessions())


async def test_an_empty_secret_switches_it_off_and_opens_nothing(office: Office) -> None:
    office.configure(client_secret=SecretStr(""))
    assert (await office.browser().open(START_PATH))[0] == 404
    status, page = await office.browser().open("/")
    assert (status, "Sign in with" in page, "Token" in page) == (200, False, True)
