"""`receiver diagnose` writes what a bug report needs, and no secret."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from receiver.cli import app
from tests.faults.programs import free_port
from tests.web.conftest import Opened

SECRET = "k9wq7x2m4d8s1fzr"
CONFIG = f"""\
# routing_key: {SECRET}
service: {{name: Shop}}
auth: {{tokens: [{{name: ops, token: {SECRET}, scopes: [admin]}}]}}
channels:
  pager: {{kind: pagerduty, routing_key: {SECRET}, api_url: "http://user:{SECRET}@localhost:1"}}
  typo: {{kind: pagerduty, routing_kee: {SECRET}}}
people: {{alice: {{name: Alice, pager: {SECRET}}}}}
contacts: {{on-call: {{person: alice}}}}
severities: {{SEV-1: {{page: [on-call]}}}}
"""


def bundle(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


async def test_asks_the_service_for_its_state(opened: Opened, tmp_path: Path) -> None:
    house = await opened()
    words = ["diagnose", "--out", str(tmp_path / "b.zip"), "--url", str(house.client.make_url("/"))]
    done = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--token", "admin-token"])
    assert done.exit_code == 0, done.output
    found = bundle(tmp_path / "b.zip")
    assert json.loads(found["about.json"])["receiver"]
    assert json.loads(found["healthz.json"])["store"]
    assert "receiver_webhooks_total" in found["metrics.txt"]
    assert json.loads(found["channels.json"])
    assert "admin-token" not in "".join(found.values())


@pytest.mark.parametrize("broken", ["", "severities: [\n", "nonsense: {token: " + SECRET + "}\n"])
def test_holds_no_secret_of_any_configuration(tmp_path: Path, broken: str) -> None:
    config = tmp_path / "receiver.yaml"
    config.write_text(CONFIG + broken)
    words = ["diagnose", "--out", str(tmp_path / "b.zip"), "--config", str(config)]
    done = CliRunner().invoke(app, [*words, "--url", f"http://127.0.0.1:{free_port()}"])
    assert done.exit_code == 0, done.output
    assert "the service did not answer" in done.output
    found = bundle(tmp_path / "b.zip")
    assert "Shop" in found["configuration.yaml"]
    assert "error" in found["check-config.txt"]
    assert SECRET not in "".join(found.values()) + done.output


@pytest.mark.parametrize(("out", "config"), [("no/such/b.zip", None), ("b.zip", "missing.yaml")])
def test_says_which_file_is_wrong(tmp_path: Path, out: str, config: str | None) -> None:
    words = ["diagnose", "--out", str(tmp_path / out), "--url", f"http://127.0.0.1:{free_port()}"]
    done = CliRunner().invoke(app, [*words, *(["--config", str(tmp_path / config)] if config else [])])
    assert done.exit_code == 2
    assert (config or out) in done.output
