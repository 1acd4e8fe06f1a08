"""Attribution: the sender of a notification, the person of a token, and `by` in addition to the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from receiver.config import Config
from receiver.config.settings.service_settings import Auth, Scope, Token
from receiver.model.alert.sender import Sender
from receiver.pipeline.intake.notification_parts import group_of
from receiver.pipeline.store_outage.refused_notification import group_name
from tests.stories.world import alert, notification
from tests.web.conftest import JSON, READ, House, Opened


def token(name: str, *scopes: Scope, **more: Any) -> Token:
    return Token(name=name, token=SecretStr(f"{name}-token"), scopes=scopes, **more)


def with_tokens(*tokens: Token) -> Callable[[Config], Config]:
    """Return a configuration with `tokens` in addition to those of the tests."""
    return lambda config: config.model_copy(update={"auth": Auth(tokens=(*config.auth.tokens, *tokens))})


def bearer(name: str) -> str:
    return f"Bearer {name}-token"


DOWN = alert(alertname="Down", severity="critical")
UP = alert(alertname="Down", severity="critical", firing=False)
SENDERS = (token("am1", Scope.INGEST), token("am2", Scope.INGEST, resolves="own"))


async def events_of(house: House, number: str = "INC-2026-0001") -> list[dict[str, Any]]:
    _, told = await house.get(f"/api/v1/incidents/{number}/timeline", {**READ, "Accept": "application/json"})
    items: list[dict[str, Any]] = told["items"]
    return items


async def test_a_resolve_of_another_senders_alert_is_ignored_told_and_counted(opened: Opened) -> None:
    house = await opened(with_tokens(*SENDERS))
    _, first = await house.post(notification(DOWN), Authorization=bearer("am1"))
    assert first["outcome"] == "opened"
    with capture_logs() as lines:
        for _ in range(2):
            status, said = await house.post(notification(UP), Authorization=bearer("am2"))
            assert (status, said["outcome"], said["incident"]) == (200, "ignored", None)
    assert [line["sender"] for line in lines if line["event"] == "resolve_ignored"] == ["am2", "am2"]
    counted = house.parts.metrics.registry.get_sample_value("receiver_resolves_ignored_total", {"sender": "am2"})
    assert counted == 2
    _, incident = await house.get("/api/v1/incidents/INC-2026-0001")
    assert (incident["state"], incident["sender"], incident["alerts"]["items"][0]["sender"]) == ("open", "am1", "am1")
    shown = [event for event in await events_of(house) if event["reason"] == "foreign_resolve"]
    assert [event["actor"]["caller"] for event in shown] == ["am2"]
    _, last = await house.post(notification(UP), Authorization=bearer("am1"))
    assert last["outcome"] == "resolved", "the same notification of its own sender is applied"


async def test_by_default_any_sender_resolves(opened: Opened) -> None:
    house = await opened(with_tokens(token("am1", Scope.INGEST), token("am2", Scope.INGEST)))
    await house.post(notification(DOWN), Authorization=bearer("am1"))
    _, said = await house.post(notification(UP), Authorization=bearer("am2"))
    assert said["outcome"] == "resolved"
    assert (await events_of(house))[-1]["actor"] == {
        "kind": "alertmanager",
        "name": "incident.service",
        "caller": "am2",
    }


async def test_entries_of_one_name_are_one_sender(opened: Opened) -> None:
    rotated = token("am2", Scope.INGEST, resolves="own").model_copy(update={"token": SecretStr("next-token")})
    house = await opened(with_tokens(*SENDERS, rotated))
    await house.post(notification(DOWN), Authorization=bearer("am2"))
    _, said = await house.post(notification(UP), Authorization="Bearer next-token")
    assert said["outcome"] == "resolved"


def test_entries_of_one_name_that_differ_are_a_mistake() -> None:
    with pytest.raises(ValidationError, match="entries named am2 are one sender"):
        Auth(tokens=(token("am2", Scope.INGEST), token("am2", Scope.INGEST, resolves="own")))


def test_a_restricted_sender_replaces_nothing_that_another_one_sent() -> None:
    from receiver.model.alert.alert import parse_notification

    told = parse_notification(notification(DOWN))
    names = {
        (group_of(one, "key"), group_name(one))
        for sender in (Sender(), Sender("am1"), Sender("am2"), Sender("am2", ("am2",)), Sender("am3", ("am3",)))
        for one in [told.model_copy(update={"sender": sender})]
    }
    assert len(names) == 3


async def test_by_stands_beside_the_caller_and_never_instead(house: House) -> None:
    await house.post(notification(DOWN))
    path = "/api/v1/incidents/INC-2026-0001/notes"
    async with house.client.post(path, json={"text": "x", "by": "ceo"}, headers=READ) as response:
        assert response.status == 200
    assert (await events_of(house))[-1]["actor"] == {"kind": "api", "name": "ceo", "caller": "on-call-cli"}


@pytest.mark.parametrize(
    ("by", "status"), [(None, 200), ("alice", 200), ("@alice", 200), ("Alice", 200), ("bob", 403), ("ceo", 403)]
)
async def test_a_token_that_names_a_person_cannot_act_as_another(opened: Opened, by: str | None, status: int) -> None:
    house = await opened(with_tokens(token("hers", Scope.READ, Scope.RESPOND, person="alice")))
    await house.post(notification(DOWN))
    body = {"text": "x"} | ({"by": by} if by else {})
    path = "/api/v1/incidents/INC-2026-0001/notes"
    async with house.client.post(path, json=body, headers={"Authorization": bearer("hers"), **JSON}) as response:
        assert response.status == status
    last = (await events_of(house))[-1]["actor"]
    assert (last == {"kind": "api", "name": "alice", "caller": "hers"}) is (status == 200)
