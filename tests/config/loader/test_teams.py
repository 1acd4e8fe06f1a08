"""Teams in the configuration: their settings, the inherited ones, and the file of each."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from receiver.config import Config, ConfigError, check_files, load
from receiver.model.severity import Severity
from tests.config.sample import SMALL, problems_of, text_of

NOW = datetime.fromisoformat("2026-11-30T10:00:00+00:00")
TEAMS = """\
teams:
  payments:
    matchers: ['team="payments"']
    contacts: {on-call: {schedule: primary}}
    schedules: {primary: {people: [pia]}}
    severities: {SEV-2: {respond_within: 3m}}
  data:
    any: [['team="data"'], ['namespace=~"kafka|spark"']]
    contacts: {on-call: {person: boss}}
  rest: {labels: {team: rest}}
"""
PEOPLE = SMALL.replace("  boss: {name", "  pia: {name: Pia, console: pia}\n  boss: {name")
OK = PEOPLE + TEAMS


def test_a_team_overrides_by_name_and_inherits_the_rest() -> None:
    config = text_of(OK)
    top, payments = config.directory, config.directory_for("payments")
    assert payments.people_of("on-call", NOW) == ("pia",)
    assert top.people_of("on-call", NOW) == ("ann",)
    assert payments.people_of("boss", NOW) == ("boss",)
    assert payments.severity(Severity.SEV2).respond_within == timedelta(minutes=3)
    assert payments.severity(Severity.SEV2).page == ("on-call",), "merged key by key"
    assert payments.severity(Severity.SEV1) == top.severity(Severity.SEV1)
    assert config.directory_for("nobody") == config.directory_for("") == top


def test_schedules_of_teams_have_names_of_their_own() -> None:
    config = text_of(
        OK.replace("schedules: {primary: {people: [pia]}}", "schedules: {payments-night: {people: [pia]}}")
    )
    assert set(config.directory.schedules) == {"primary", "payments-night"}
    assert set(text_of(OK).directory.schedules) == {"primary", "payments/primary"}


def test_a_contact_of_the_top_level_means_the_schedule_of_the_team() -> None:
    config = text_of(OK.replace("    contacts: {on-call: {schedule: primary}}\n", ""))
    assert config.directory_for("payments").people_of("on-call", NOW) == ("pia",)


def test_two_teams_may_have_a_pagerduty_service_each_under_one_name() -> None:
    text = OK.replace("contacts: {on-call: {person: boss}}", "contacts: {on-call: {channel: pd, service: k2}}")
    text = text.replace(
        "contacts: {on-call: {schedule: primary}}\n    sch", "contacts: {on-call: {channel: pd, service: k1}}\n    sch"
    )
    config = text_of(text.replace("  console: {kind: log}\n", "  console: {kind: log}\n  pd: {kind: pagerduty}\n"))
    people = [config.directory_for(team).people_of("on-call", NOW) for team in ("payments", "data")]
    assert people == [("payments/on-call@pagerduty",), ("data/on-call@pagerduty",)]
    keys = [config.directory.person(one).addresses["pd"].get_secret_value() for (one,) in people]
    assert keys == ["k1", "k2"]


def test_a_file_without_teams_means_what_it_meant() -> None:
    config = text_of(SMALL)
    assert config.teams == {}
    assert config.directory.own is None
    assert config.directory.hands == tuple(config.schedules.values())


WRONG = [
    ("""matchers: ['team="payments"']""", "matchers: [team]", 'r.yaml:21:16: teams.payments.matchers[0]: "team" has'),
    ("""any: [['team="data"'], """, "any: [[], ", "teams.data: an empty list under any would own every alert"),
    ("schedule: primary}}\n    sch", "schedule: primry}}\n    sch", "teams.payments.contacts.on-call.schedule: no s"),
    ("people: [pia]", "people: [pja]", "teams.payments.schedules.primary.people[0]: no person is named 'pja'"),
    ("SEV-2: {respond_within: 3m}", "SEV-2: {page: [nobody]}", "teams.payments.severities.SEV-2.page[0]: no contact"),
    ("SEV-2: {respond_within: 3m}", "SEV-2: {respond_within: 3}", "teams.payments.severities.SEV-2.resp"),
    ("SEV-2: {respond_within: 3m}", "SEV-2: {escalation: x}", "teams.payments.severities.SEV-2.escalation: no esc"),
    ("  rest: {labels: {team: rest}}", "  rest: {visible_to: [dta]}", "teams.rest.visible_to[0]: no team is named"),
    ("  rest: {labels", "  re/st: {labels", "teams.re/st: not a team name"),
    ("""    matchers: ['team="payments"']\n""", "", "teams.payments: no matchers, and it is not the last team"),
    ("name: Pia, console: pia", "name: Pia", "people.pia: contact 'on-call' pages this person, who has no address"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "holds"), WRONG, ids=lambda value: str(value)[:40])
def test_a_mistake_of_a_team_is_told_where_it_stands(old: str, new: str, holds: str) -> None:
    assert old in OK
    found = problems_of(OK.replace(old, new, 1))
    assert any(holds in line for line in found), found


def test_the_last_team_may_own_everything_that_is_left() -> None:
    assert text_of(OK.replace("  rest: {labels: {team: rest}}", "  rest: {}")).teams["rest"].matchers == ()


def notes_of(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "receiver.yaml"
    file.write_text(text)
    problems, notes = check_files([file], {}, now=NOW)
    assert problems == []
    return [str(note) for note in notes]


def test_two_teams_that_can_own_the_same_alert_are_told(tmp_path: Path) -> None:
    assert not [
        line for line in notes_of(tmp_path, OK) if "can own" in line and "rest" not in line and "data" not in line
    ]
    clash = OK.replace("""labels: {team: rest}""", """matchers: ['team=~"rest|payments"']""")
    assert [line for line in notes_of(tmp_path, clash) if "teams.rest: can own an alert that payments owns" in line]
    decided = clash.replace("  rest: {", "  rest: {priority: 1, ")
    assert not [line for line in notes_of(tmp_path, decided) if "that payments owns" in line and "teams.rest" in line]


MAIN = PEOPLE + "include: [teams/*.yaml]\n"
PAYMENTS = """\
teams:
  payments:
    matchers: ['team="payments"']
    contacts: {on-call: {person: pam}}
people:
  pam: {name: Pam, console: pam}
"""


def write(folder: Path, **files: str) -> Path:
    (folder / "teams").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "teams" / f"{name}.yaml").write_text(text)
    main = folder / "receiver.yaml"
    if not main.exists():
        main.write_text(MAIN)
    return main


def loaded(main: Path) -> Config:
    return load(main, {})


def test_files_of_teams_are_read_as_if_they_stood_in_the_main_file(tmp_path: Path) -> None:
    data = PAYMENTS.replace("payments", "data").replace("pam", "dan")
    config = loaded(write(tmp_path, b_payments=PAYMENTS, a_data=data))
    assert list(config.teams) == ["data", "payments"], "a glob is sorted by name"
    assert config.directory_for("payments").people_of("on-call", NOW) == ("pam",)
    before = config.hash
    write(tmp_path, b_payments=PAYMENTS.replace("Pam", "Pamela"))
    assert loaded(tmp_path / "receiver.yaml").hash != before


MISPLACED = [
    (PAYMENTS + "channels: {x: {kind: log}}\n", ":7:1: channels: not allowed in a team's file"),
    (PAYMENTS + "severity_rules: x\n", ":7:1: severity_rules: not allowed in a team's file"),
    (PAYMENTS.replace("people:", "  x: {labels: {a: b}}\npeople:"), ":2:3: teams: a team's file must have one team"),
    ("people:\n  pam: {name: Pam, console: pam}\n", ": teams: a team's file must have one team"),
    (PAYMENTS.replace("pam", "ann"), ":6:3: people.ann: this person is also defined in "),
    (PAYMENTS.replace("person: pam", "person: nobody"), ":4:34: teams.payments.contacts.on-call.person: no person"),
    (PAYMENTS.replace("""'team="payments"'""", "team"), ':3:16: teams.payments.matchers[0]: "team" has no operator'),
    (PAYMENTS + "  pam: {name: Pam}\n", ":7:3: people.pam: duplicate key"),
    ("teams: [", ":1:9: "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "holds"), MISPLACED, ids=[holds for _, holds in MISPLACED])
def test_a_mistake_is_told_with_the_file_that_it_stands_in(tmp_path: Path, text: str, holds: str) -> None:
    main = write(tmp_path, payments=text)
    with pytest.raises(ConfigError) as caught:
        loaded(main)
    found = [str(problem) for problem in caught.value.problems]
    assert any(line.startswith(str(tmp_path / "teams" / "payments.yaml")) and holds in line for line in found), found


def test_a_team_in_two_files_is_told_with_both_places(tmp_path: Path) -> None:
    main = write(tmp_path, one=PAYMENTS, two=PAYMENTS.replace("pam", "pim"))
    with pytest.raises(ConfigError) as caught:
        loaded(main)
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{tmp_path}/teams/two.yaml:2:3: teams.payments: this team is also defined in")
    assert "one.yaml:2" in problem.message


def test_a_file_that_is_named_and_missing_is_told(tmp_path: Path) -> None:
    main = tmp_path / "receiver.yaml"
    main.write_text(PEOPLE + "include: [teams/none.yaml]\n")
    with pytest.raises(ConfigError, match=r"none\.yaml: the file cannot be read"):
        loaded(main)


def test_no_file_for_a_pattern_is_a_note(tmp_path: Path) -> None:
    assert any("no file matches this name" in line for line in notes_of(tmp_path, MAIN))


def test_a_file_of_a_team_can_be_checked_beside_its_main_file(tmp_path: Path) -> None:
    main = write(tmp_path, payments=PAYMENTS)
    assert check_files([main, tmp_path / "teams" / "payments.yaml"], {})[0] == []
    write(tmp_path, payments=PAYMENTS.replace("matchers:", "matcher:"))
    problems, _ = check_files([tmp_path / "teams" / "payments.yaml"], {})
    assert [problem.message for problem in problems] == ["unknown key"]


def test_the_environment_and_files_of_secrets_count_in_an_included_file(tmp_path: Path) -> None:
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "key").write_text("from-file\n")
    text = PAYMENTS.replace("console: pam", "console_file: key, chat: '${PAM}'")
    text = text.replace("Pam,", "Pam, ")
    main = write(tmp_path, payments=text)
    main.write_text(MAIN.replace("channels:\n", "channels:\n  chat: {kind: log}\n"))
    pam = load(main, {"PAM": "hers"}).people["pam"]
    assert {name: one.get_secret_value() for name, one in pam.addresses.items()} == {
        "console": "from-file",
        "chat": "hers",
    }
