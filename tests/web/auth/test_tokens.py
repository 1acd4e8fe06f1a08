"""The scopes that each endpoint requires."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from receiver.config import Config
from receiver.config.settings.service_settings import Auth, Scope, Token
from tests.stories.world import START, alert, notification
from tests.web.conftest import JSON, PATH, House, Opened

GOOD = notification(alert())


def with_tokens(*tokens: tuple[str, str, tuple[Scope, ...]]) -> Any:
    made = tuple(Token(name=name, token=SecretStr(text), scopes=scopes) for name, text, scopes in tokens)
    return lambda config: config.model_copy(update={"auth": Auth(tokens=made)})


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def status_of(house: House, method: str, path: str, **headers: str) -> int:
    async with house.client.request(
        method, path, data=GOOD if method == "POST" else None, headers=JSON | headers
    ) as answer:
        if answer.status in (401, 403):
            assert answer.content_type == "application/problem+json"
            assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)
        return answer.status


ENDPOINTS = {
    "ingest": ("POST", PATH),
    "read": ("GET", "/api/v1/incidents"),
    "admin": ("GET", "/api/v1/dead-letters"),
    "console": ("GET", "/"),
    "incident": ("GET", "/incidents/INC-1"),
    "timeline": ("GET", "/api/v1/incidents/INC-1/timeline"),
    "metrics": ("GET", "/metrics"),
}
OPEN = ("/healthz", "/readyz", "/status", "/status/api/v2/summary.json")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "bearer am-toke",
        "Bearer am-token2",
        "am-token",
        "Token am-token",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"am-token").decode(),
        basic("am-token", ""),
        basic("x", "wrong"),
        "Digest am-token",
        "Bearer " + "a" * 5000,
        basic("x", "\xff"),
    ],
)
async def test_no_endpoint_answers_without_a_token_that_is_known(
    opened: Opened, endpoint: str, given: str | None
) -> None:
    house = await opened(METRICS_TOKEN="metrics-token")
    headers = {} if given is None else {"Authorization": given}
    assert await status_of(house, *ENDPOINTS[endpoint], **headers) == 401
    assert await house.replica.incidents.listing() == []


GRANTS = {
    "am-token": {"ingest"}, "metrics-token": {"metrics"}, "respond-token": {"read", "console", "incident", "timeline"},
    "admin-token": {"read", "console", "incident", "timeline", "admin"},
}  # fmt: skip


@pytest.mark.parametrize("token", GRANTS)
async def test_a_token_opens_what_its_scopes_say_and_nothing_else(opened: Opened, token: str) -> None:
    house = await opened(METRICS_TOKEN="metrics-token")
    for endpoint, (method, path) in ENDPOINTS.items():
        for given in (f"Bearer {token}", f"bearer  {token}", basic("anybody", token), basic("", token)):
            status = await status_of(house, method, path, Authorization=given)
            assert (status in (200, 404)) == (endpoint in GRANTS[token]), (endpoint, given)
            assert status in (200, 404, 403)


async def test_the_public_doors_ask_for_nothing(house: House) -> None:
    for path in OPEN:
        assert await status_of(house, "GET", path) == 200


async def test_two_tokens_of_one_scope_are_a_rotation(opened: Opened) -> None:
    both = with_tokens(("old", "old-token", (Scope.INGEST,)), ("new", "new-token", (Scope.INGEST,)))
    house = await opened(both)
    assert await status_of(house, "POST", PATH, Authorization="Bearer old-token") == 200
    assert await status_of(house, "POST", PATH, Authorization="Bearer new-token") == 200
    assert await status_of(house, "POST", PATH, Authorization="Bearer ") == 401


async def test_the_same_token_twice_has_both_scopes(opened: Opened) -> None:
    house = await opened(with_tokens(("a", "one", (Scope.INGEST,)), ("b", "one", (Scope.READ,))))
    assert await status_of(house, "POST", PATH, Authorization="Bearer one") == 200
    assert await status_of(house, "GET", "/", Authorization="Bearer one") == 200


@pytest.mark.parametrize("empty", ["", " ", "\n"])
async def test_a_token_that_is_empty_is_off_and_never_open(opened: Opened, empty: str) -> None:
    house = await opened(with_tokens(("alertmanager", empty, tuple(Scope))))
    for given in (
        {},
        {"Authorization": f"Bearer {empty.strip()}"},
        {"Authorization": basic("x", empty.replace("\n", ""))},
    ):
        for endpoint in ("ingest", "read", "admin", "console"):
            assert await status_of(house, *ENDPOINTS[endpoint], **given) == 401
    assert await status_of(house, "GET", "/metrics") == 200, "no token that can match has the scope"


async def test_metrics_are_open_while_no_token_has_the_scope(house: House) -> None:
    assert await status_of(house, "GET", "/metrics") == 200


async def test_two_authorizations_are_none(house: House) -> None:
    headers = [("Authorization", "Bearer am-token"), ("Authorization", "Bearer am-token"), *JSON.items()]
    async with house.client.post(PATH, data=GOOD, headers=headers) as response:
        assert response.status == 401


def no_tokens(config: Config) -> Config:
    return config.model_copy(update={"auth": Auth()})


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("localhost", True),
        ("LOCALHOST:8080", True),
        ("127.0.0.1:8080", True),
        ("127.8.8.8", True),
        ("[::1]:8080", True),
        ("rebound.example.com", False),
        ("127.0.0.1.example.com", False),
        ("192.168.1.1", False),
        ("[::2]", False),
        ("localhost.example.com:8080", False),
        ("", False),
        ("0.0.0.0", False),
    ],
)
async def test_without_any_token_only_a_loopback_name_is_taken(opened: Opened, host: str, good: bool) -> None:
    house = await opened(no_tokens)
    for method, path in (ENDPOINTS[name] for name in ("ingest", "read", "admin", "console")):
        assert await status_of(house, method, path, Host=host) == (200 if good else 403)
    assert len(await house.replica.incidents.listing()) == int(good)


async def test_a_token_never_comes_back(house: House) -> None:
    for given in ("Bearer very-secret-guess", basic("x", "very-secret-guess"), "Bearer am-token"):
        async with house.client.get("/api/v1/incidents", headers={"Authorization": given}) as response:
            text = await response.text() + str(response.headers)
            assert "secret-guess" not in text
            assert "am-token" not in text


async def test_people_are_asked_by_the_browser_and_programs_are_not(house: House) -> None:
    async with house.client.get("/") as response:
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
    async with house.client.get("/api/v1/incidents") as response:
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def with_expiry(at: datetime, *scopes: Scope) -> Any:
    """Return the change that sets the expiry of token `t`."""
    token = Token(name="ci", token=SecretStr("t" * 32), scopes=scopes, expires=f"{at:%Y-%m-%dT%H:%M:%SZ}")
    return lambda config: config.model_copy(update={"auth": Auth(tokens=(token,))})


async def test_a_token_that_has_expired_opens_nothing_and_says_so(opened: Opened) -> None:
    house = await opened(with_expiry(START + timedelta(minutes=1), Scope.READ, Scope.METRICS, Scope.INGEST))
    bearer, password = {"Authorization": f"Bearer {'t' * 32}"}, {"Authorization": basic("x", "t" * 32)}
    form = {"token": "t" * 32, "next": "/"}
    async with house.client.post("/login", data=form, allow_redirects=False) as answer:
        assert answer.status == 303
        session = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
    assert await status_of(house, "GET", "/", **session) == 200
    assert await status_of(house, *ENDPOINTS["ingest"], **bearer) == 200
    house.world.clock.forward("1m")
    for endpoint in ("ingest", "read", "console", "metrics"):
        for headers in (bearer, password):
            assert await status_of(house, *ENDPOINTS[endpoint], **headers) == 401, endpoint
    assert await status_of(house, "GET", "/metrics") == 401, "its end opens nothing"
    assert await status_of(house, "GET", "/", **session) == 401
    status, said = await house.get("/api/v1/incidents", bearer)
    assert status == 401
    assert said["detail"].startswith("the token of ci expired on ")
    assert (await house.get("/api/v1/incidents", {"Authorization": "Bearer x"}))[1]["detail"] != said["detail"]
    async with house.client.post("/login", data=form) as answer:
        assert (answer.status, "The token of ci expired on " in await answer.text()) == (401, True)


async def test_the_metric_says_when_a_token_expires(opened: Opened) -> None:
    house = await opened()
    now = house.world.clock.now()
    tokens = [("ci", now + timedelta(days=2)), ("ci", now + timedelta(days=1)), ("other", None)]

    def shown(name: str) -> float | None:
        metrics = house.parts.metrics.registry
        return metrics.get_sample_value("receiver_token_expiry_timestamp_seconds", {"name": name})

    house.parts.metrics.tokens_expire(tokens)
    assert (shown("ci"), shown("other")) == ((now + timedelta(days=1)).timestamp(), None)
    house.parts.metrics.tokens_expire(())
    assert shown("ci") is None
