"""Shared by the tests of the configuration: the reference, a small configuration, and functions that load them."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.config import Config, ConfigError, load_text

HOME = Path(__file__).parents[2] / "config"
REFERENCE = (HOME / "receiver.yaml").read_text()
ENV = {
    name: f"a-long-enough-value-of-{name}"
    for name in ("ALERTMANAGER_TOKEN", "RESPONDER_TOKEN", "ADMIN_TOKEN", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET")
}
SMALL = """\
severities:
  SEV-1: {page: [on-call], notify: [boss], escalation: up}
  SEV-2: {page: [on-call]}
  SEV-3: {notify: [on-call]}
  SEV-4: {ticket: true}
escalations:
  up: {until: resolved, steps: [{after: 15m, page: [boss]}]}
contacts:
  on-call: {schedule: primary, backup: {person: boss}}
  boss: {person: boss}
people:
  ann: {name: Ann, console: ann}
  boss: {name: Boss, console: boss}
schedules:
  primary: {people: [ann]}
channels:
  console: {kind: log}
"""


def text_of(text: str, env: dict[str, str] | None = None, **overrides: str) -> Config:
    return load_text(text, "r.yaml", env or {}, HOME, overrides)


def problems_of(text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        text_of(text, env)
    return [str(problem) for problem in caught.value.problems]
