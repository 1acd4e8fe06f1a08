"""Deployments and releases from GitHub, with unexpected responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from receiver.sources.github import GitHub
from receiver.sources.http_client import SourceAnswer, SourceClient, SourceError

API = "https://api.github.com"
DEPLOYMENT: dict[str, Any] = {
    "id": 1, "sha": "9f2c1e0d5a7b4c3e8f60718293a4b5c6d7e8f901", "ref": "main", "environment": "production",
    "description": "v2026.11.23-1", "creator": {"login": "deploy-bot"}, "created_at": "2026-11-23T13:55:02Z",
}  # fmt: skip
RELEASE: dict[str, Any] = {
    "tag_name": "v7", "published_at": "2026-11-23T12:00:00Z", "draft": False, "author": {"login": "ada"},
    "html_url": "https://github.com/acme/api/releases/v7",
}  # fmt: skip


class Fake(SourceClient):
    """Responds by the end of the path, and records requests."""

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self.answers = answers
        self.queries: list[Mapping[str, str]] = []
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    async def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        limit: float | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = 1_000_000,
    ) -> SourceAnswer:
        self.asked.append((url, headers or {}))
        self.queries.append(params or {})
        answer = self.answers.get(url.rpartition("/")[2], [])
        return answer if isinstance(answer, SourceAnswer) else SourceAnswer(200, json.dumps(answer).encode())


async def test_deployments_with_their_outcome_and_releases() -> None:
    fake = Fake(deployments=[DEPLOYMENT], releases=[RELEASE], statuses=[{"state": "success"}])
    deployed, released = await GitHub(fake, API, "tok").changes("acme/api")
    assert (deployed.kind, deployed.name, deployed.by, deployed.environment) == (
        "deployment", "v2026.11.23-1", "deploy-bot", "production",
    )  # fmt: skip
    assert deployed.state == "success"
    assert (released.kind, released.name, released.url) == ("release", "v7", RELEASE["html_url"])
    url, headers = fake.asked[0]
    assert url == f"{API}/repos/acme/api/deployments"
    assert headers["Authorization"] == "Bearer tok"
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"


async def test_previews_hide_no_deployment_of_production() -> None:
    previews = [
        {**DEPLOYMENT, "id": n, "environment": f"pr-{n}", "transient_environment": True} for n in range(100, 160)
    ]
    fake = Fake(deployments=[*previews, DEPLOYMENT], releases=[], statuses=[{"state": "failure"}])
    found = {one.environment: one for one in await GitHub(fake, API).changes("acme/api")}
    assert found["production"].state == "failure"
    assert (found["production"].production, found["pr-101"].transient) == (True, True)
    assert fake.queries[0] == {"per_page": "100"}


async def test_without_a_token_none_is_sent() -> None:
    fake = Fake()
    assert await GitHub(fake, API).changes("acme/api") == []
    assert "Authorization" not in fake.asked[0][1]


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        (SourceAnswer(404, b"{}"), "status", "GitHub has no repository acme/api, or the token may not read it"),
        (SourceAnswer(401, b"{}"), "status", "the token is not accepted"),
        (SourceAnswer(403, b'{"message":"API rate limit exceeded"}'), "limited", "its rate limit is reached"),
        (SourceAnswer(403, b'{"message":"Resource not accessible"}'), "status", "may not read it"),
        (SourceAnswer(429, b""), "limited", "its rate limit is reached"),
        (SourceAnswer(500, b""), "status", "GitHub returned 500"),
        (SourceAnswer(200, b"<html>"), "bad_answer", "other than JSON"),
        (SourceAnswer(200, b"{}"), "bad_answer", "an unknown format"),
    ],
)
async def test_what_is_no_answer(answer: SourceAnswer, reason: str, text: str) -> None:
    with pytest.raises(SourceError) as caught:
        await GitHub(Fake(deployments=answer), API, "secret-token").changes("acme/api")
    assert caught.value.reason == reason
    assert text in str(caught.value)
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize("repository", ["api", "a/b/c", "../..", "acme/api?x=1", "acme/../x", ""])
async def test_only_owner_and_name_are_a_repository(repository: str) -> None:
    fake = Fake()
    with pytest.raises(SourceError):
        await GitHub(fake, API).changes(repository)
    assert fake.asked == []


async def test_what_cannot_be_read_is_left_out() -> None:
    broken = [
        {**DEPLOYMENT, "created_at": "soon"},
        {**DEPLOYMENT, "created_at": "2026-11-23T13:55:02"},
        {**DEPLOYMENT, "description": "", "ref": None, "sha": 7},
        {**DEPLOYMENT, "creator": "x", "description": "a\x1b[31m\nb\u202e"},
        "nonsense",
    ]
    drafts = [{**RELEASE, "draft": True}, {**RELEASE, "html_url": "javascript:alert(1)"}]
    found = await GitHub(Fake(deployments=broken, releases=drafts, statuses=SourceAnswer(500, b"")), API).changes(
        "acme/api"
    )
    assert [(one.name, one.by, one.state, one.url) for one in found] == [
        ("a [31m b", "", "", None),
        ("v7", "ada", "", None),
    ]
