"""What is valid but unwise: each warning at its place, and none where there is nothing to say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from receiver.config import check_files
from tests.config.sample import ENV, HOME, SMALL

NOW = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
"""A Monday."""


def warnings_of(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    problems, notes = check_files([file], env or {}, now=NOW)
    assert problems == []
    return [str(note).removeprefix(f"{tmp_path}/") for note in notes]


def test_the_small_configuration_is_wise(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, SMALL) == []


def test_the_reference_has_only_what_is_off_or_cannot_be_reached() -> None:
    problems, notes = check_files(sorted(HOME.glob("*.yaml")), ENV, now=NOW)
    assert problems == []
    assert not [note for note in notes if not note.message.startswith(("off: ", "no channel that is on reaches"))]


def test_the_default_is_wise() -> None:
    data = Path(__file__).parents[3] / "receiver" / "data"
    files = [data / "receiver.yaml", data / "severity-rules.yaml"]
    assert check_files(files, {}, now=NOW) == ([], [])


def test_what_is_read_and_not_acted_on_is_said(tmp_path: Path) -> None:
    (said,) = warnings_of(tmp_path, SMALL + "auth: {oidc: {issuer: https://login.example.com, client_id: receiver}}\n")
    assert "auth.oidc: read, and not acted on yet: nobody signs in this way (give people tokens" in said


KEY = "0123456789abcdef0123456789abcdef"
BOSS = "{after: 15m, page: [boss]}"
ROWS = [
    # (what is replaced in SMALL, by what, where the warning stands, what it says)
    ("  boss: {name", "  eve: {name: Eve}\n  boss: {name", "13:3: people.eve: no contact and no schedule", ""),
    ("[ann]}", "[ann]}\n  night: {people: [ann]}", "16:3: schedules.night: no contact uses", "night-oncall"),
    (
        "people:\n",
        "  legal: {person: eve}\npeople:\n  eve: {name: E, console: e}\n",
        "11:3: contacts.legal: no severity",
        "by hand",
    ),
    ("escalation: up", "all_hands: true", "7:3: escalations.up: no severity uses", "escalation: up"),
    (
        "backup: {person: boss}}\n  boss: {person: boss}\npeople:\n",
        "backup: {person: eve}}\n  boss: {person: boss}\npeople:\n  eve: {name: Eve}\n",
        "9:32: contacts.on-call.backup: no channel that is on reaches eve",
        "address of console",
    ),
    ("boss: {person: boss}", "boss: {person: boss, backup: {person: boss}}", "10:24: contacts.boss.backup: the", ""),
    (
        "[ann]}",
        "[ann], only: [{days: [tue]}]}",
        "15:3: schedules.primary: nobody is on call from Mon 2026-11-23 14:02 to Tue 2026-11-24 00:00 (UTC)",
        "and 2 more in the next 14 days (fill it with a layer",
    ),
    ("backup: {person: boss}", "backup: {schedule: primary}", "9:32: contacts.on-call.backup: ann is on call", "order"),
    (BOSS, f"{BOSS}, {{after: 15m, page: [on-call]}}", "7:69: escalations.up.steps[1].after: another step", "one step"),
    (
        "{after: 15m, page: [boss]}",
        "{after: 15m, page: [on-call]}",
        "7:33: escalations.up.steps[0]: everybody",
        "SEV-1",
    ),
    ("[boss]}]", "[boss, boss]}]", "7:59: escalations.up.steps[0].page[1]: boss is here twice", "once"),
    ("[boss]}]", "[boss], notify: [boss]}]", "7:69: escalations.up.steps[0].notify[0]: boss is paged", ""),
    (
        "channels:\n",
        "audiences: [{notify: [boss], matchers: ['a=~\".*\"']}]\nchannels:\n",
        "16:41: audiences[0].matchers[0]: a pattern that matches everything",
        '=~".+"',
    ),
    (
        "channels:\n",
        "ingest: {watchdog: {matchers: ['a!~\"(.|\\n)*\"']}}\nchannels:\n",
        "16:32: ingest.watchdog.matchers[0]: no alert matches this",
        "narrow",
    ),
    ("ann}", f"ann, pager: {KEY}}}", "12:41: people.ann.pager: a secret in clear", "pager_file"),
    ("ann}", "ann, pager: '${K:-abc}'}", "12:41: people.ann.pager: a routing key of 3", "32"),
    ("ann}", "ann, pagerduty: '${K:-abc}'}", "12:45: people.ann.pagerduty: a routing key of 3", "32"),
]


@pytest.mark.parametrize(("old", "new", "begins", "holds"), ROWS, ids=[row[2][:40] for row in ROWS])
def test_a_warning_stands_where_the_reason_is(tmp_path: Path, old: str, new: str, begins: str, holds: str) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    if "pager" in new:
        text = text.replace("channels:\n", "channels:\n  pager: {kind: pagerduty}\n")
    found = warnings_of(tmp_path, text)
    assert any(line.startswith(f"r.yaml:{begins}") and holds in line for line in found), found
    assert len(found) == (2 if "another step" in begins else 1)
    assert KEY not in "".join(found)


MATCHERS = """['tenant=~".+"', 'a!~".+"', 'b=~".*x"']"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # Another name of somebody who is called anyway: for a page by hand.
        ("people:\n", "  backend-oncall: {schedule: primary}\npeople:\n"),
        # Who was only told may still be paged.
        (BOSS, f"{{after: 10m, notify: [boss, on-call]}}, {BOSS}"),
        ("[ann]}", "[ann], only: [{to: '12:00'}], layers: [{people: [boss], only: [{from: '12:00'}]}]}"),
        ("channels:\n", f"audiences: [{{notify: [boss], matchers: {MATCHERS}}}]\nchannels:\n"),
        ("ann}", f"ann, pager: '${{K:-{KEY}}}'}}"),
    ],
)
def test_nothing_is_said_without_a_reason(tmp_path: Path, old: str, new: str) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    if "pager" in new:
        text = text.replace("channels:\n", "channels:\n  pager: {kind: pagerduty}\n")
    if "10m" in new:
        text = text.replace("page: [on-call], notify: [boss]", "notify: [on-call]")
    assert warnings_of(tmp_path, text) == []


def test_mistakes_and_warnings_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules:\n  - {name: a, at_most: SEV-1, matchers: ['a=\"b\"']}\n")
    (tmp_path / "r.yaml").write_text(
        SMALL + "severity_rules: rules.yaml\nserver: {listen: x}\nredis: {url: 'redis://db/0'}\n"
    )
    problems, notes = check_files([tmp_path / "r.yaml", tmp_path / "rules.yaml"], {}, now=NOW)
    assert [problem.path for problem in problems] == ["server.listen"]
    assert [note.path for note in notes] == ["redis.url", "rules[0].at_most"]
