"""Valid but unwise settings: each warning at its position, and none for other settings."""

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
    assert not [note for note in notes if not note.message.startswith(("off: ", "no enabled channel can reach"))]


def test_the_default_is_wise() -> None:
    data = Path(__file__).parents[3] / "receiver" / "data"
    files = [data / "receiver.yaml", data / "severity-rules.yaml"]
    assert check_files(files, {}, now=NOW) == ([], [])


def test_a_provider_that_lets_nobody_in_is_said(tmp_path: Path) -> None:
    said = warnings_of(tmp_path, SMALL + "auth: {oidc: {issuer: https://login.example.com, client_id: receiver}}\n")
    assert [one.partition("auth.oidc: ")[2].split()[0] for one in said] == ["no", "off:", "without"]
    whole = "{issuer: https://login.example.com, client_id: receiver, client_secret: '${OIDC}', read_groups: [a]}"
    public = "service: {public_url: https://receiver.example.com}\n"
    assert warnings_of(tmp_path, SMALL + public + f"auth: {{oidc: {whole}}}\n", {"OIDC": "s"}) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("auth: {oidc: {issuer: http://login.example.com, client_id: receiver}}", "oidc.issuer: the provider does"),
        ("auth: {oidc: {issuer: https://x.example, client_id: r}}\npeople: {a: {name: A, oidc_subject: s}, "
         "b: {name: B, oidc_subject: s}}", "people.b.oidc_subject: also the subject of 'a'"),
    ],
)  # fmt: skip
def test_a_provider_that_lets_in_the_wrong_person_is_a_mistake(tmp_path: Path, more: str, said: str) -> None:
    file = tmp_path / "receiver.yaml"
    text = SMALL if "people" not in more else "\n".join(x for x in SMALL.splitlines() if not x.startswith("people"))
    file.write_text(f"{text}\n{more}\n")
    problems, _ = check_files([file], {}, now=NOW)
    assert any(said in str(one) for one in problems), problems


KEY = "0123456789abcdef0123456789abcdef"
BOSS = "{after: 15m, page: [boss]}"
ROWS = [
    # (what is replaced in SMALL, by what, where the warning stands, what it says)
    ("  boss: {name", "  eve: {name: Eve}\n  boss: {name", "13:3: people.eve: no contact or schedule", ""),
    ("[ann]}", "[ann]}\n  night: {people: [ann]}", "16:3: schedules.night: no contact uses", "night-oncall"),
    (
        "people:\n",
        "  legal: {person: eve}\npeople:\n  eve: {name: E, console: e}\n",
        "11:3: contacts.legal: no severity",
        "manually",
    ),
    ("escalation: up", "all_hands: true", "7:3: escalations.up: no severity uses", "escalation: up"),
    (
        "backup: {person: boss}}\n  boss: {person: boss}\npeople:\n",
        "backup: {person: eve}}\n  boss: {person: boss}\npeople:\n  eve: {name: Eve}\n",
        "9:32: contacts.on-call.backup: no enabled channel can reach eve",
        "address of console",
    ),
    ("boss: {person: boss}", "boss: {person: boss, backup: {person: boss}}", "10:24: contacts.boss.backup: the", ""),
    (
        "[ann]}",
        "[ann], only: [{days: [tue]}]}",
        "15:3: schedules.primary: no one is on call from Mon 2026-11-23 14:02 to Tue 2026-11-24 00:00 (UTC)",
        "and 2 more in the next 14 days (fill it with a layer",
    ),
    ("backup: {person: boss}", "backup: {schedule: primary}", "9:32: contacts.on-call.backup: ann is on call", "order"),
    (BOSS, f"{BOSS}, {{after: 15m, page: [on-call]}}", "7:69: escalations.up.steps[1].after: another step", "one step"),
    (
        "{after: 15m, page: [boss]}",
        "{after: 15m, page: [on-call]}",
        "7:33: escalations.up.steps[0]: everyone",
        "SEV-1",
    ),
    ("[boss]}]", "[boss, boss]}]", "7:59: escalations.up.steps[0].page[1]: boss is listed twice", "once"),
    ("[boss]}]", "[boss], notify: [boss]}]", "7:69: escalations.up.steps[0].notify[0]: boss is paged", ""),
    (
        "channels:\n",
        "audiences: [{notify: [boss], matchers: ['a=~\".*\"']}]\nchannels:\n",
        "16:41: audiences[0].matchers[0]: the pattern matches everything",
        '=~".+"',
    ),
    (
        "channels:\n",
        "ingest: {watchdog: {matchers: ['a!~\"(.|\\n)*\"']}}\nchannels:\n",
        "16:32: ingest.watchdog.matchers[0]: no alert matches this",
        "narrow",
    ),
    ("ann}", f"ann, pager: {KEY}}}", "12:41: people.ann.pager: a secret in plain text", "pager_file"),
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
        # Another name of a person who is paged anyway: for manual pages.
        ("people:\n", "  backend-oncall: {schedule: primary}\npeople:\n"),
        # A person who was only notified may still be paged.
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


ROOM = "channels: {room: {kind: slack, bot_token: '${T}', signing_secret: '${T}', channel: '#a'}, "
PAGED = f"""severities:
  SEV-1: {{page: [sre]}}
  SEV-2: {{page: [sre], escalation: up}}
  SEV-3: {{notify: [sre]}}
  SEV-4: {{ticket: true}}
escalations: {{up: {{steps: [{{after: 15m, notify: [lead]}}]}}}}
contacts: {{sre: {{person: io}}, lead: {{person: uma}}}}
people: {{io: {{name: Io, pager: '${{K:-{KEY}}}'}}, uma: {{name: Uma, pager: '${{L:-{KEY[::-1]}}}'}}}}
channels: {{pager: {{kind: pagerduty}}}}
"""


def test_whom_a_severity_or_a_step_notifies_without_any_channel_for_messages(tmp_path: Path) -> None:
    said = [line.partition(" (")[0] for line in warnings_of(tmp_path, PAGED)]
    why, none = "notifies io, to whom", "no enabled channel sends messages"
    assert said == [
        f"r.yaml:4:20: severities.SEV-3.notify[0]: {why} {none}",
        f"r.yaml:6:50: escalations.up.steps[0].notify[0]: notifies uma, to whom {none}",
    ]
    seed = PAGED.replace("escalation: up", "escalation: sev-3").replace("lead: {", "engineering-lead: {")
    seed = "".join(line for line in seed.splitlines(keepends=True) if not line.startswith("escalations"))
    assert any(
        "severities.SEV-2.escalation.steps[0]" in one and "notifies uma" in one for one in warnings_of(tmp_path, seed)
    ), "a step of the built-in escalation is reported where it is used"
    room = PAGED.replace("channels: {", ROOM)
    assert warnings_of(tmp_path, room, {"T": "xoxb-1-2-abcdefghijklmnop"}) == [], "everyone reads a channel"
    off = warnings_of(tmp_path, room, {"T": ""})
    assert [one for one in off if why in one], "a channel that is off does not count"


def test_a_component_that_every_incident_affects(tmp_path: Path) -> None:
    page = "status_page: {components: [{id: shop, name: Shop}, {id: api, name: API, matchers: ['service=\"api\"']}]}\n"
    (said,) = warnings_of(tmp_path, SMALL + page)
    assert "status_page.components[0]: without matchers every incident affects this component" in said
    assert "['service=\"shop\"']" in said
