"""Tokens that are too weak (V13), and an address that is a credential (V22)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from typer.testing import CliRunner

from receiver.cli import app
from receiver.clock import Clock
from receiver.config import ConfigError, Problem, load_text
from receiver.config.error_excerpt import Excerpts
from receiver.config.loader.token_strength import is_placeholder, short_names
from receiver.config.settings.service_settings import Auth, Scope, Token
from receiver.config.warnings.token_expiry import expiring
from tests.config.sample import SMALL, problems_of, text_of
from tests.docs.pages import ROOT

EXPOSED = "server: {listen: '0.0.0.0:8080'}\n"
TOKEN = "auth: {{tokens: [{{name: a, token: '{}', scopes: [read]}}]}}\n"


def published() -> list[str]:
    """Return the placeholders for tokens in published files."""
    found = []
    for file in sorted((ROOT / "deploy").rglob("*.y*ml")):
        for document in yaml.safe_load_all(file.read_text("utf-8")):
            given = document.get("stringData") if isinstance(document, dict) else None
            found += [value for name, value in (given or {}).items() if name.endswith("_TOKEN") and value]
    return found


def test_every_published_placeholder_is_refused_beyond_the_loopback() -> None:
    assert len(published()) >= 3
    for token in [*published(), "changeme", "CHANGE_ME", "change-me-please", "<token>"]:
        (problem,) = [one for one in problems_of(SMALL + EXPOSED + TOKEN.format(token)) if "auth.tokens[0]" in one]
        assert "a published placeholder" in problem and "receiver token new" in problem
        text_of(SMALL + TOKEN.format(token))  # on the loopback it is optional


@pytest.mark.parametrize("token", ["changement-de-garde-17", "replaced-9f3a5c17d2", "3f9a<b>", "am-token"])
def test_what_only_looks_like_one_is_none(token: str) -> None:
    assert not is_placeholder(token)


def test_a_short_token_is_a_warning_wherever_and_counts_beyond_the_loopback() -> None:
    config = text_of(SMALL + EXPOSED + TOKEN.format("fifteen-bytes-x"))
    (note,) = [one for one in config.notes if one.message == "the token is short"]
    assert "receiver token new" in note.hint
    assert short_names(config.auth, config.server) == ["a"]
    config = text_of(SMALL + EXPOSED + TOKEN.format("sixteen-bytes-xx"))
    assert short_names(config.auth, config.server) == []
    config = text_of(SMALL + TOKEN.format("short"))
    assert short_names(config.auth, config.server) == []


def test_a_new_token_is_32_random_bytes() -> None:
    made = {CliRunner().invoke(app, ["token", "new"]).output.strip() for _ in range(3)}
    assert len(made) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", one) for one in made)


def test_a_new_token_that_expires_shows_what_to_write() -> None:
    made = CliRunner().invoke(app, ["token", "new", "--expires", "90d"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", made.stdout), "a script reads only the token"
    shown = re.fullmatch(r"expires: (\S+)\n", made.stderr)
    assert shown
    config = text_of(SMALL + TOKEN.format("t" * 32).replace("read]", f"read], expires: {shown[1]}"))
    ends = config.auth.tokens[0].expires_at
    assert ends is not None and abs(ends - Clock().now() - timedelta(days=90)) < timedelta(minutes=1)


@pytest.mark.parametrize("given", ["0s", "90", "never", "-1d", "40000d"])
def test_what_is_no_time_to_live_makes_no_token(given: str) -> None:
    made = CliRunner().invoke(app, ["token", "new", f"--expires={given}"])
    assert (made.exit_code, made.stdout) == (2, "")


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2027-03-01", datetime(2027, 3, 2, tzinfo=UTC)),  # the last day on which it works
        ("2027-03-01T09:00", datetime(2027, 3, 1, 9, tzinfo=UTC)),
        ("'2027-03-01T09:00:00+02:00'", datetime(2027, 3, 1, 7, tzinfo=UTC)),
    ],
)
def test_when_a_token_expires(written: str, moment: datetime) -> None:
    config = text_of(SMALL + TOKEN.format("t" * 32).replace("read]", f"read], expires: {written}"))
    assert config.auth.tokens[0].expires_at == moment


@pytest.mark.parametrize("written", ["soon", "90d", "2027-02-30", "''", "12"])
def test_what_is_no_day_is_refused(written: str) -> None:
    text = SMALL + TOKEN.format("t" * 32).replace("read]", f"read], expires: {written}")
    assert any("auth.tokens[0].expires: " in one for one in problems_of(text))


def test_a_token_is_warned_about_two_weeks_before_it_expires() -> None:
    token = Token(name="ci", token=SecretStr("t" * 32), scopes=(Scope.READ,), expires="2027-03-01")
    auth, ends = Auth(tokens=(token,)), datetime(2027, 3, 2, tzinfo=UTC)

    def told(before: timedelta) -> list[tuple[int, str]]:
        return list(expiring(auth, ends - before))

    assert told(timedelta(days=15)) == []
    assert told(timedelta(days=14)) == [(0, "expires on 2027-03-02 at 00:00 UTC")]
    assert told(timedelta()) == [(0, "expired on 2027-03-02 at 00:00 UTC: requests with it get a 401")]
    off = token.model_copy(update={"token": SecretStr("")})
    assert list(expiring(Auth(tokens=(off,)), ends)) == [], "a token that is off protects nothing"


def test_check_config_points_at_the_expiry(tmp_path: Path) -> None:
    file = tmp_path / "receiver.yaml"
    file.write_text(SMALL + TOKEN.format("t" * 32).replace("read]", "read], expires: 2020-01-01"), "utf-8")
    made = CliRunner().invoke(app, ["check-config", str(file)])
    assert "auth.tokens[0].expires: expired on 2020-01-02 at 00:00 UTC" in made.output
    assert "receiver token new --expires 90d" in made.output


def test_the_address_of_the_heartbeat_is_a_secret() -> None:
    address = "https://hc-ping.example.com/6c7d8a9b-planted-secret"
    config = text_of(SMALL + f"heartbeat: {{url: '{address}', every: 30s}}\n")
    assert config.heartbeat.url is not None and config.heartbeat.url.get_secret_value() == address
    assert "planted" not in repr(config)
    text = SMALL + f"heartbeat: {{url: '{address}', every: never}}\n"
    (problem,) = [one for one in _problems(text) if "heartbeat" in one.path]
    shown = "\n".join(Excerpts(lambda path: text).under(problem))
    assert "every: never" in shown and "planted" not in shown
    assert text_of(SMALL + "heartbeat: {url: ''}\n").heartbeat.url is None
    assert any("heartbeat.url: not an http" in one for one in problems_of(SMALL + "heartbeat: {url: 'planted'}\n"))


def _problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, "r.yaml", {}, ROOT / "config")
    return list(caught.value.problems)
