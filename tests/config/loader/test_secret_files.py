"""Values from the environment and from files: they are text, and secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.channels import discover
from receiver.config import load_text
from tests.config.sample import SMALL, problems_of, text_of


def test_variables_defaults_and_escapes() -> None:
    text = SMALL + "service: {name: '${A}-${B:-b c}-${C:-}-$${D}-$E', environment: '${EMPTY:-x}'}\n"
    config = text_of(text, {"A": "${B}", "EMPTY": ""})
    assert config.service.name == "${B}-b c--${D}-$E"
    assert config.service.environment == "x"


@pytest.mark.parametrize("value", ["12345678901234567890", "true", "null", "[a]", "1e5", ": x"])
def test_what_the_environment_says_is_text(value: str) -> None:
    config = text_of(SMALL + "auth: {tokens: [{name: a, token: '${T}', scopes: [read]}]}\n", {"T": value})
    assert config.auth.tokens[0].token.get_secret_value() == value


def test_numbers_and_switches_may_come_from_the_environment() -> None:
    config = text_of(SMALL + "incidents: {auto_resolve: '${R:-false}'}\nredis: {replicas: '${N}'}\n", {"N": "2"})
    assert config.incidents.auto_resolve is False
    assert config.redis.replicas == 2


def test_a_secret_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  very secret \r\n")
    (tmp_path / "key").write_text("k" * 32 + "\n")
    text = SMALL + "auth: {tokens: [{name: a, token_file: token, scopes: [read]}]}\n"
    text = text.replace("console: ann}", f"console: ann, pager_file: {tmp_path / 'key'}}}")
    text = text.replace("channels:\n", "channels:\n  pager: {kind: pagerduty, api_token_file: token}\n")
    config = load_text(text, "r.yaml", {}, tmp_path)
    assert config.auth.tokens[0].token.get_secret_value() == "  very secret "
    assert config.people["ann"].address("pager", "pagerduty") == "k" * 32
    assert not [note for note in config.notes if "in plain text" in note.message]


def test_a_secret_file_that_is_missing_doubled_or_no_secret(tmp_path: Path) -> None:
    text = SMALL + "auth: {tokens: [{name: a, token_file: gone, scopes: [read]}]}\nservice: {name_file: x}\n"
    found = problems_of(text)
    assert any(line.startswith("r.yaml:18:39: auth.tokens[0].token_file: the file cannot be read") for line in found), (
        found
    )
    assert any("service.name_file: unknown key" in line for line in found), found
    both = SMALL + "auth: {tokens: [{name: a, token: '${T}', token_file: gone, scopes: [read]}]}\n"
    assert any("auth.tokens[0].token_file: both token and token_file" in line for line in problems_of(both))


def test_secrets_are_in_no_message_repr_or_note() -> None:
    secret = "s3cr3t-and-long-enough"
    text = SMALL.replace("console: ann}", f"console: ann, pager: {secret}}}").replace(
        "channels:\n", f"channels:\n  pager: {{kind: pagerduty, api_token: {secret}}}\n"
    )
    text += (
        f"auth: {{tokens: [{{name: a, token: {secret}, scopes: [read]}}]}}\nredis: {{url: 'redis://u:{secret}@db/0'}}\n"
    )
    config = text_of(text)
    assert config.redis.shown == "redis://db:6379/0"
    said = repr(config) + str(config) + "".join(map(str, config.notes))
    assert secret not in said
    clear = {note.path for note in config.notes if "in plain text" in note.message}
    assert clear == {"channels.pager.api_token", "auth.tokens[0].token", "redis.url"}
    assert any("plain text" in note.message for note in config.notes)
    broken = problems_of(text.replace("scopes: [read]", "scopes: read") + f"heartbeat: {{url: {secret}}}\n")
    assert secret not in "".join(broken)


def test_a_paging_channel_that_somebody_needs_must_be_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    log = discover()["log"]
    monkeypatch.setattr(log, "missing", lambda self: "nobody reads it")
    found = problems_of(SMALL)
    assert any(
        line.startswith("r.yaml:17:3: channels.console: pages need this channel, and it is off") for line in found
    )


def test_an_address_only_a_backup_lacks_is_no_mistake() -> None:
    text = SMALL.replace("backup: {person: boss}", "backup: {person: eve}")
    text_of(text.replace("schedules:", "  eve: {name: Eve}\nschedules:", 1))
