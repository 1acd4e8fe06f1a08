"""The settings of every channel: the keys of the reference configuration, and hidden secrets."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from receiver.channels import discover
from receiver.channels.http_client import Http

# As the reference configuration has them, its variables filled in.
REFERENCE: list[dict[str, Any]] = [
    {
        "kind": "pagerduty",
        "api_url": "https://events.pagerduty.com",
        "webhook_secret": "s3cr3t-1",
        "api_token": "s3cr3t-2",
    },
    {
        "kind": "slack",
        "api_url": "https://slack.com/api",
        "bot_token": "s3cr3t-1",
        "signing_secret": "s3cr3t-2",
        "channel": "#incidents",
        "incident_channels": {"severities": ["SEV-1", "SEV-2", "SEV-3"], "prefix": "inc"},
    },
    {
        "kind": "statuspage",
        "api_url": "https://api.statuspage.io",
        "page_id": "page",
        "api_key": "s3cr3t-1",
        "components": {"api": "cmp-api"},
    },
    {
        "kind": "jira",
        "flavor": "cloud",
        "api_url": "https://example.atlassian.net",
        "project": "OPS",
        "issue_type": "Incident",
        "user": "bot@example.com",
        "token": "s3cr3t-1",
    },
    {
        "kind": "confluence",
        "flavor": "cloud",
        "api_url": "https://example.atlassian.net/wiki",
        "space": "OPS",
        "user": "bot@example.com",
        "token": "s3cr3t-1",
    },
    {"kind": "email", "smtp_url": "smtp://user:s3cr3t-1@localhost:25", "from": "incidents@stratum.ai"},
    {"kind": "apprise", "urls": ["json://localhost/s3cr3t-1"]},
    {"kind": "webhook", "url": "https://hooks.example.com/s3cr3t-1", "secret": "s3cr3t-2"},
    {
        "kind": "ntfy",
        "url": "https://ntfy.example.com",
        "token": "s3cr3t-1",
        "answers": "subscribe",
        "content": "full",
    },
    {"kind": "gammu", "spool": "/var/spool/gammu"},
    {"kind": "twilio", "account_sid": "AC0123", "auth_token": "s3cr3t-1", "from": "+15550100"},
    {"kind": "log"},
]


@pytest.mark.parametrize("given", REFERENCE, ids=lambda given: given["kind"])
def test_the_reference_loads_and_shows_no_secret(given: dict[str, Any]) -> None:
    kind = discover()[given["kind"]]
    settings = kind.Settings.model_validate(given)
    channel = kind("name", settings, Http())
    assert "s3cr3t" not in f"{settings!r} {settings} {channel!r} {settings.model_dump_json()}"
    assert channel.missing() is None


@pytest.mark.parametrize("given", REFERENCE, ids=lambda given: given["kind"])
def test_a_mistake_is_told_without_the_input(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        discover()[given["kind"]].Settings.model_validate({**given, "bot_tokn": "s3cr3t-9"})
    assert "bot_tokn" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("missing", ["bot_token", "channel", "api_url"])
def test_slack_without_one_of_its_three_is_off(missing: str) -> None:
    slack = discover()["slack"]
    given = {"kind": "slack", "bot_token": "t", "channel": "#c", missing: ""}
    assert slack("chat", slack.Settings.model_validate(given), Http()).missing() == f"{missing} is empty"


@pytest.mark.parametrize("url", ["slack.com/api", "ftp://slack.com", "https://", "https://x:port"])
def test_an_address_must_be_one(url: str) -> None:
    with pytest.raises(ValidationError):
        discover()["slack"].Settings.model_validate({"kind": "slack", "api_url": url})
