"""Sign-in at the console: a cookie that cannot be forged, and forms that only its own pages can send."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from pydantic import SecretStr

from receiver.config import Config
from receiver.config.settings.service_settings import Auth, Scope, Token
from receiver.model.base import to_ms
from receiver.model.sign_in import SessionRecord, SignInKind
from receiver.store.client.connection import StoreAway
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.auth.sessions import COOKIE, HOST_COOKIE, Sessions, within
from receiver.web.auth.throttle import Throttle
from receiver.web.auth.tokens import TokenCheck
from tests.stories.world import START, alert, notification
from tests.web.conftest import ADMIN, House, Opened

PERSON = {"Accept": "text/html,application/xhtml+xml"}


async def sign_in(house: House, token: str = "respond-token", to: str = "/", **headers: str) -> ClientResponse:
    """Send the form of `/login` as a browser does, without following redirects."""
    form = {"token": token, "next": to}
    async with house.client.post("/login", data=form, headers=PERSON | headers, allow_redirects=False) as response:
        await response.read()
        return response


async def see(house: House, path: str, **headers: str) -> tuple[int, str]:
    async with house.client.get(path, headers=PERSON | headers, allow_redirects=False) as response:
        return response.status, response.headers.get("Location") or await response.text()


async def send(house: House, path: str, headers: dict[str, str] | None = None, **form: str) -> tuple[int, str]:
    async with house.client.post(path, data=form, headers=PERSON | (headers or {}), allow_redirects=False) as response:
        return response.status, response.headers.get("Location") or await response.text()


def word_of(page: str) -> str:
    found = re.search(r'name="word" value="([0-9a-f]{64})"', page)
    assert found, "the page of a signed-in person has a form"
    return found[1]


def hand_off_of(page: str) -> str:
    found = re.search(r'name="hand_off" value="(primary [0-9TZ:-]+)"', page)
    assert found, "there is a hand-off to accept"
    return found[1]


async def test_a_person_is_led_to_the_form_and_back_to_where_they_wanted(house: House) -> None:
    await house.world.post(notification(alert()))
    assert await see(house, "/incidents/INC-2026-0001") == (303, "/login?next=/incidents/INC-2026-0001")
    async with house.client.get("/login?next=/incidents/INC-2026-0001", headers=PERSON) as response:
        assert response.status == 200
        assert "form-action 'self'" in response.headers["Content-Security-Policy"]
        assert 'name="next" value="/incidents/INC-2026-0001"' in await response.text()
    done = await sign_in(house, to="/incidents/INC-2026-0001")
    assert (done.status, done.headers["Location"]) == (303, "/incidents/INC-2026-0001")
    status, page = await see(house, "/incidents/INC-2026-0001")
    assert status == 200
    assert "Signed in with the token <b>on-call-cli</b>" in page
    for path in ("/", "/oncall", "/reports/2026-11"):
        assert (await see(house, path))[0] == 200


async def test_the_cookie_is_for_our_own_pages_only_and_says_nothing(house: House) -> None:
    cookie = (await sign_in(house)).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "respond-token" not in cookie
    assert "Secure" not in cookie, "this host is reached without TLS"


async def test_behind_tls_the_cookie_is_for_tls(opened: Opened) -> None:
    def change(config: Config) -> Config:
        service = config.service.model_copy(update={"public_url": "https://receiver.example.com"})
        return config.model_copy(update={"service": service})

    house = await opened(change)
    assert "; Secure" in (await sign_in(house, Host="receiver.example.com")).headers["Set-Cookie"]
    assert "; Secure" not in (await sign_in(house)).headers["Set-Cookie"], "through a tunnel to this machine"


@pytest.mark.parametrize("token", ["", "nonsense", "respond-tokeN", "x" * 5000, "\x00", "am-token"])
async def test_who_has_no_token_that_reads_gets_no_session(house: House, token: str) -> None:
    done = await sign_in(house, token)
    assert done.status == 401
    assert "Set-Cookie" not in done.headers
    assert (await see(house, "/"))[0] == 303


async def test_what_is_no_browser_hears_of_a_token_as_before(house: House) -> None:
    async with house.client.get("/", allow_redirects=False) as response:
        assert (response.status, response.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    async with house.client.get("/", headers=PERSON | {"Authorization": "Bearer wrong"}) as response:
        assert response.status == 401
    status, page = await see(house, "/", Authorization="Bearer respond-token")
    assert (status, 'method="post"' in page) == (200, False)


async def test_a_link_in_a_chat_finds_the_session_that_is_there(house: House) -> None:
    # The browser sends a strict cookie only for requests from our own pages.
    await sign_in(house)
    house.client.session.cookie_jar.clear()
    status, page = await see(house, "/incidents/INC-2026-0001?a=%22%3E", **{"Sec-Fetch-Site": "cross-site"})
    assert status == 200
    assert '<meta http-equiv="refresh" content="0; url=/incidents/INC-2026-0001?a=%22%3E">' in page
    assert (await see(house, "/", **{"Sec-Fetch-Site": "same-origin"}))[0] == 303


@pytest.mark.parametrize(
    "to", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "/a b", "/\r\nX: y",
           "/login", "/logout", "/" + "x" * 600],
)  # fmt: skip
async def test_nobody_is_led_elsewhere(house: House, to: str) -> None:
    assert (await sign_in(house, to=to)).headers["Location"] == "/"


def test_where_a_page_is_within_this_host() -> None:
    assert within("/incidents/INC-1?x=1#y") == "/incidents/INC-1?x=1#y"
    assert within("/é") == "/"


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
     {"Origin": "null"}, {"Origin": "http://["}, {"Origin": "http://a]b["}, {"Origin": ""}, {"Origin": "http://"}],
)  # fmt: skip
async def test_a_form_of_another_page_is_refused(house: House, headers: dict[str, str]) -> None:
    assert (await sign_in(house, **headers)).status == 403
    await sign_in(house)
    word = word_of((await see(house, "/"))[1])
    assert (await send(house, "/logout", headers, word=word))[0] == 403
    assert (await send(house, "/oncall/primary/accept", headers, word=word, by="alice"))[0] == 403


@pytest.mark.parametrize("word", ["", "0" * 64, "é"])
async def test_a_form_without_the_word_of_the_session_is_refused(house: House, word: str) -> None:
    await sign_in(house)
    assert (await send(house, "/oncall/primary/accept", word=word, by="alice"))[0] == 403
    status, page = await see(house, "/oncall")
    assert (status, "Accepted by" in page) == (200, False)


async def test_too_much_of_a_form_is_refused(house: House) -> None:
    assert (await send(house, "/login", token="x" * 20_000))[0] == 413
    assert (await send(house, "/login", **{f"f{n}": "" for n in range(200)}))[0] == 400
    async with house.client.post("/login", json={"token": "respond-token"}) as response:
        assert response.status == 415


@pytest.mark.parametrize("path", ["/login", "/slack/commands"])
async def test_a_form_in_a_coding_that_nobody_knows_is_refused(house: House, path: str) -> None:
    stamp = str(int(house.world.clock.now().timestamp()))
    headers = PERSON | {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "br"}
    headers |= {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={'0' * 64}"}
    async with house.client.post(path, data=b"token=x", headers=headers) as response:
        assert response.status == 415
    spoiled = house.parts.metrics.registry.get_sample_value("receiver_loop_errors_total", {"step": "web"})
    assert not spoiled, "no stranger can trigger the alert about internal errors"


async def test_signing_out_ends_it_in_this_browser(house: House) -> None:
    await sign_in(house)
    word = word_of((await see(house, "/"))[1])
    assert await send(house, "/logout", word=word) == (303, "/login")
    assert (await see(house, "/"))[0] == 303


async def test_it_ends_with_its_token_and_may_what_its_token_may(house: House) -> None:
    await sign_in(house)

    def tokens(**given: Any) -> None:
        made = Token(name="on-call-cli", token=SecretStr(given["token"]), scopes=given["scopes"])
        auth = house.replica.config.auth.model_copy(update={"tokens": (made,)})
        house.replica.config = house.replica.config.model_copy(update={"auth": auth})

    tokens(token="respond-token", scopes=(Scope.READ,))
    assert 'action="/oncall' not in (await see(house, "/oncall"))[1]
    word = word_of((await see(house, "/oncall"))[1])
    assert (await send(house, "/oncall/primary/accept", word=word, by="alice"))[0] == 403
    tokens(token="another", scopes=(Scope.READ, Scope.RESPOND))
    assert (await see(house, "/"))[0] == 303


def cookies(*tokens: Token) -> Sessions:
    return Sessions(TokenCheck(lambda: tokens, lambda: START), lambda: Auth(tokens=tokens))


def test_a_cookie_says_what_was_signed_and_nothing_else() -> None:
    one, two, three = (
        Token(name="a", token=SecretStr("one"), scopes=(Scope.READ,)),
        Token(name="b", token=SecretStr("one"), scopes=(Scope.RESPOND,)),
        Token(name="c", token=SecretStr("two"), scopes=(Scope.ADMIN,)),
    )
    sessions = cookies(one, two, three)
    known = sessions.gate.known("one")
    assert known is not None
    record = SessionRecord("1" * 32, SignInKind.TOKEN, "a", "a", to_ms(START), to_ms(START))
    value = sessions.write(record, known[0], stored=True)
    found = sessions.read(value)
    assert found is not None
    assert (found.record, found.stored) == (record, True)
    assert found.caller is not None
    assert (found.caller.name, found.caller.scopes) == ("a", {Scope.READ, Scope.RESPOND})
    assert found.word not in value, "the form token cannot be derived from the cookie"
    text, _, signature = value.partition(".")
    other = sessions.write(replace(record, id="2" * 32), known[0], stored=True)
    for forged in (f"{other.partition('.')[0]}.{signature}", value[:-1] + ("0" if value[-1] != "0" else "1"), text, "",
                   f"{text}.", f"A{value}", "é" * 112):  # fmt: skip
        assert sessions.read(forged) is None
    assert sessions.read(None) is None
    assert cookies(three).read(value) is None, "its token was removed from the configuration"
    provider = replace(record, kind=SignInKind.OIDC, issuer="https://login.example.com")
    assert sessions.read(sessions.write(provider, known[0], stored=True)) is None, "a token signs no other session"


async def test_a_session_that_was_ended_counts_for_nothing_in_another_browser_either(house: House) -> None:
    await sign_in(house)
    kept = [(cookie.key, cookie.value) for cookie in house.client.session.cookie_jar]
    word = word_of((await see(house, "/"))[1])
    assert await send(house, "/logout", word=word) == (303, "/login")
    house.client.session.cookie_jar.update_cookies(dict(kept))
    assert (await see(house, "/"))[0] == 303


async def test_a_session_ends_when_it_is_not_used_and_after_30_days(house: House) -> None:
    await sign_in(house)
    for _ in range(80):
        house.world.clock.forward("11h")
        status = (await see(house, "/"))[0]
        if status == 303:
            break
        house.world.clock.forward("1s")
    age = house.world.clock.now() - START
    assert timedelta(days=30) <= age < timedelta(days=30, hours=12)
    await sign_in(house)
    house.world.clock.forward("12h")
    assert (await see(house, "/"))[0] == 303


async def test_sessions_are_listed_and_ended_by_an_administrator_and_by_their_owner(house: House) -> None:
    await sign_in(house, "admin-token", **{"User-Agent": "a phone"})
    house.client.session.cookie_jar.clear()
    house.world.clock.forward("5m")
    await sign_in(house)
    status, listed = await house.get("/api/v1/sessions", ADMIN)
    assert [(one["account"], one["kind"]) for one in listed["items"]] == [("on-call-cli", "token"), ("admin", "token")]
    assert listed["items"][1]["agent"] == "a phone"
    assert (await house.get("/api/v1/sessions"))[0] == 403
    mine, other = (one["id"] for one in listed["items"])
    status, page = await see(house, "/sessions")
    assert (status, mine in page, other in page) == (200, True, False)
    word = word_of(page)
    assert (await send(house, f"/sessions/{other}/end", word=word))[0] == 404
    assert await send(house, f"/sessions/{mine}/end", word=word) == (303, "/sessions?done=session")
    assert (await see(house, "/sessions"))[0] == 303
    async with house.client.delete(f"/api/v1/sessions/{other}", headers=ADMIN) as answer:
        assert answer.status == 200
    async with house.client.delete(f"/api/v1/sessions/{other}", headers=ADMIN) as answer:
        assert answer.status == 404
    assert (await house.get("/api/v1/sessions", ADMIN))[1]["items"] == []


async def test_a_session_is_begun_and_used_while_the_store_is_away_and_kept_when_it_is_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = house.parts.sessions.store

    async def away(*_: Any, **__: Any) -> Any:
        raise StoreAway("away", "away")

    for name in ("find", "keep", "end", "all"):
        monkeypatch.setattr(store, name, away)
    await sign_in(house)
    assert (await see(house, "/oncall"))[0] == 200
    monkeypatch.undo()
    assert (await house.get("/api/v1/sessions", ADMIN))[1]["items"] == []
    assert (await see(house, "/oncall"))[0] == 200
    assert len((await house.get("/api/v1/sessions", ADMIN))[1]["items"]) == 1


async def test_wrong_tokens_are_answered_later_and_later_and_the_right_one_at_once(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(Throttle.__init__, "__defaults__", (sleep,))
    house = await opened()
    for _ in range(20):
        assert (await sign_in(house, "wrong")).status == 401
    assert waited == [1, 2, 3, 4, 5, 6, 7, *[8] * 8]
    assert (await sign_in(house)).status == 303
    assert len(waited) == 15, "no one is locked out"
    house.world.clock.forward("6m")
    assert (await sign_in(house, "wrong")).status == 401
    assert len(waited) == 15, "failures expire"
    failed = house.parts.metrics.registry.get_sample_value("receiver_sign_in_failures_total", {"kind": "token"})
    assert failed == 21


async def test_over_tls_no_other_host_of_the_domain_can_set_the_cookie(opened: Opened) -> None:
    def change(config: Config) -> Config:
        service = config.service.model_copy(update={"public_url": "https://receiver.example.com"})
        return config.model_copy(update={"service": service})

    house = await opened(change)
    cookie = (await sign_in(house, Host="receiver.example.com")).headers["Set-Cookie"]
    assert cookie.startswith(f"{HOST_COOKIE}=")
    value = cookie.partition("=")[2].partition(";")[0]
    for name, status in ((HOST_COOKIE, 200), (COOKIE, 303)):
        assert (await see(house, "/", Host="receiver.example.com", Cookie=f"{name}={value}"))[0] == status


async def test_the_hand_off_is_accepted_by_a_button(house: House) -> None:
    await sign_in(house)
    status, page = await see(house, "/oncall")
    assert status == 200
    assert 'action="/oncall/primary/accept"' in page
    word, hand_off = word_of(page), hand_off_of(page)
    assert (await send(house, "/oncall/primary/accept", word=word, by="alice"))[0] == 409
    stale = hand_off.replace("2026", "2025")
    assert (await send(house, "/oncall/primary/accept", word=word, hand_off=stale, by="alice"))[0] == 409
    done = await send(house, "/oncall/primary/accept", word=word, hand_off=hand_off, by="<b>alice")
    assert done == (303, "/oncall?done=accept")
    _, page = await see(house, "/oncall")
    assert "Accepted by <bdi>&lt;b&gt;alice</bdi>" in page
    assert 'action="/oncall/primary/accept"' not in page
    assert (await send(house, "/oncall/nonsense/accept", word=word, by="alice"))[0] == 404


async def test_a_hand_off_for_which_there_is_no_room_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_in(house)
    word = word_of((await see(house, "/oncall"))[1])

    async def full(*_: object, **__: object) -> None:
        raise SharedDocumentsFull("the board is full: it holds 10000 documents")

    monkeypatch.setattr(house.parts.overrides.shared_documents, "put", full)
    assert (await send(house, "/oncall/primary/accept", word=word, by="alice"))[0] == 409


async def test_where_no_token_is_asked_for_there_is_nothing_to_sign_in_to(opened: Opened) -> None:
    def change(config: Config) -> Config:
        return config.model_copy(update={"auth": config.auth.model_copy(update={"tokens": ()})})

    house = await opened(change)
    assert await see(house, "/login?next=/oncall") == (303, "/oncall")
    assert await send(house, "/login", token="x") == (303, "/")
    assert 'action="/oncall/primary/accept"' in (await see(house, "/oncall"))[1]
    assert (await send(house, "/oncall/primary/accept", {"Origin": "https://evil.example"}, by="alice"))[0] == 403
    assert (await send(house, "/oncall/primary/accept", {"Host": "evil.example"}, by="alice"))[0] == 403
    hand_off = hand_off_of((await see(house, "/oncall"))[1])
    assert await send(house, "/oncall/primary/accept", hand_off=hand_off, by="alice") == (303, "/oncall?done=accept")
    assert f"{COOKIE}=" not in str(house.client.session.cookie_jar)
