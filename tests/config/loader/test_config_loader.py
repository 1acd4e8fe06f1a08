"""Valid configurations: the reference, the default, and those without optional parts."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from receiver.channels.base import ChannelSettings
from receiver.config import ConfigError, check_files, load, load_text
from receiver.config.setting_docs import field_docs
from receiver.config.settings import settings_fields
from receiver.config.settings.whole_config import Sections
from receiver.config.yaml.yaml_document import read
from receiver.model.severity import Severity
from tests.config.sample import ENV, HOME, REFERENCE, SMALL, problems_of, text_of


def test_the_reference_loads_with_the_environment_that_it_names() -> None:
    config = load(HOME / "receiver.yaml", ENV)
    assert config.service.name == "Stratum AI"
    assert config.server.max_body == 32 * 1024 * 1024
    assert config.severities[Severity.SEV1].page == ("on-call", "engineering-lead")
    assert config.severities[Severity.SEV4].business_hours is not None
    assert config.escalations["sev-1"].steps[2].after == timedelta(hours=1)
    assert config.objectives[0].target == pytest.approx(0.999)
    assert config.verification.checks[1].below == pytest.approx(0.05)
    assert config.auth.tokens[0].token.get_secret_value() == ENV["ALERTMANAGER_TOKEN"]
    assert config.ingest.alertmanagers == ()
    assert config.people["alice"].address("pager", "pagerduty") == "a71019f5bc793dcfd889a925a7adff16"
    assert config.people["alice"].address("chat", "slack") == "U0ALICE"
    assert config.people["legal"].address("pager", "pagerduty") is None
    assert len(config.rules.rules) > 10
    assert "chat" not in config.off
    assert not [note for note in config.notes if "is not set" in note.message]


def test_the_reference_loads_with_an_empty_environment_and_says_what_is_off() -> None:
    config = load(HOME / "receiver.yaml", {})
    assert config.redis.embedded
    assert "chat" in config.off
    assert "pager" not in config.off
    unset = [note.message.split()[0] for note in config.notes if "is not set" in note.message]
    assert sorted(unset) == ["ADMIN_TOKEN", "ALERTMANAGER_TOKEN"]


def test_the_default_needs_no_file_and_pages_into_the_log() -> None:
    config = load(None, {})
    assert config.notes == ()
    assert config.redis.embedded
    assert not any(token.token for token in config.auth.tokens)
    assert {channel.kind for channel in config.channels.values()} == {"log"}
    assert load(None, {"REDIS_URL": "redis://127.0.0.1:6379/1"}).redis.shown == "redis://127.0.0.1:6379/1"


def test_the_default_has_the_severities_and_escalations_of_the_reference() -> None:
    default, reference = load(None, {}), load(HOME / "receiver.yaml", {})
    assert default.escalations == reference.escalations
    for severity, policy in reference.severities.items():
        assert default.severities[severity] == policy.model_copy(update={"second_road": ()})
    assert default.rules == reference.rules


def _sections(text: str) -> list[str]:
    return [key for key in read(text, "r.yaml").value if key not in ("channels", "severities")]


REFERRED_TO = {"contacts", "people", "schedules", "status_page"}
"""What other sections of the reference name: without it, those names mean nothing."""


@pytest.mark.parametrize("section", sorted(set(_sections(REFERENCE)) - REFERRED_TO))
def test_everything_but_channels_and_severities_may_be_left_out(section: str) -> None:
    without = re.sub(rf"(?ms)^{section}:.*?(?=^\S)|^{section}:.*\Z", "", REFERENCE)
    assert f"\n{section}:" not in without
    text_of(without, ENV)


@pytest.mark.parametrize("section", ["channels", "severities"])
def test_channels_and_severities_may_not(section: str) -> None:
    without = re.sub(rf"(?ms)^{section}:.*?(?=^\S)", "", SMALL + "x: 1\n").replace("x: 1\n", "")
    assert any(f"r.yaml:1:1: {section}: missing" in line for line in problems_of(without))


def test_a_severity_that_says_nothing_of_it_has_the_times_of_the_seed() -> None:
    config = text_of(SMALL)
    assert [policy.respond_within.total_seconds() / 60 for policy in config.severities.values()] == [5, 15, 60, 240]
    assert config.severities[Severity.SEV1].title == "Critical"


def test_a_file_without_escalations_has_those_of_the_seed() -> None:
    config = text_of(re.sub(r"(?m)^escalations:\n  up.*\n", "", SMALL).replace(", escalation: up", ""))
    assert sorted(config.escalations) == ["sev-1", "sev-2", "sev-3"]


def test_the_names_of_the_seeds_escalation_are_checked_where_it_is_used() -> None:
    text = re.sub(r"(?m)^escalations:\n  up.*\n", "", SMALL).replace("escalation: up", "escalation: sev-1")
    assert [line.split(" (")[0] for line in problems_of(text)] == [
        f"r.yaml:2:44: severities.SEV-1.escalation.steps[{step}].page[0]: no contact is named '{contact}'"
        for step, contact in enumerate(["vp-engineering", "cto", "ceo"])
    ]


def test_sections_that_are_empty_count_as_left_out() -> None:
    assert text_of(SMALL + "links:\nauth:\n").links.grafana is None


def test_every_setting_has_a_description() -> None:
    seen: set[type[BaseModel]] = set()

    def walk(annotation: Any) -> None:
        for model in settings_fields.models(annotation):
            if model not in seen:
                seen.add(model)
                for field in model.model_fields.values():
                    walk(field.annotation)
        for argument in get_args(annotation):
            walk(argument)

    walk(Sections)
    assert len(seen) > 30
    lacking = [
        f"{model.__name__}.{name}"
        for model in seen - {ChannelSettings}
        for name in model.model_fields
        if name not in field_docs(model)
    ]
    assert lacking == []


def test_the_hash_tells_every_change() -> None:
    base = text_of(SMALL).hash
    assert re.fullmatch("[0-9a-f]{16}", base)
    assert text_of("# a comment\n" + SMALL).hash == base
    assert text_of(SMALL.replace("Ann", "Anna")).hash != base
    token = SMALL + "auth: {tokens: [{name: a, token: '${T}', scopes: [read]}]}\n"
    assert text_of(token, {"T": "a"}).hash != text_of(token, {"T": "b"}).hash


def test_the_command_line_and_the_environment_override_the_file_and_are_checked() -> None:
    config = load_text(SMALL, "r.yaml", {"RECEIVER_DATA_DIR": "/data"}, HOME, {"server.listen": "127.0.0.1:0"})
    assert config.redis.data_dir == "/data"
    assert config.server.listen == "127.0.0.1:0"
    with pytest.raises(ConfigError, match="non-loopback address"):
        load_text(SMALL, "r.yaml", {}, HOME, {"server.listen": "0.0.0.0:80"})


def test_files_are_told_apart_and_checked(tmp_path: Path) -> None:
    problems, notes = check_files(sorted(HOME.glob("*.yaml")), {})
    assert problems == []
    assert notes
    (tmp_path / "rules.yaml").write_text("rules:\n  - {name: a, severity: SEV-9}\n  - {name: b, severty: SEV-1}\n")
    (tmp_path / "tests.yaml").write_text(
        "rules: nowhere.yaml\ntests: [{name: a, alerts: [{labels: {}}], expect: {rule: x}}]\n"
    )
    (tmp_path / "receiver.yaml").write_text(SMALL + "severity_rules: rules.yaml\n")
    problems, _ = check_files([*sorted(tmp_path.iterdir()), tmp_path / "gone.yaml"], {})
    said = [str(problem).removeprefix(f"{tmp_path}/") for problem in problems]
    assert said[0].startswith("gone.yaml:1:1: the file cannot be read: No such file")
    assert any(line.startswith("rules.yaml:2:25: rules[0].severity: no such value 'SEV-9'") for line in said), said
    assert any(
        line.startswith("rules.yaml:3:15: rules[1].severty: unknown key (did you mean severity?)") for line in said
    )
    assert said[-1].startswith("tests.yaml:1:8: rules: the file cannot be read")
    assert len([line for line in said if line.startswith("rules.yaml:3:15")]) == 1
