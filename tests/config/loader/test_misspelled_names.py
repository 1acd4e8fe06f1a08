"""A misspelled key and an unknown name are reported at their position."""

from __future__ import annotations

import pytest

from tests.config.sample import SMALL, problems_of, text_of

MISTAKES = [
    # (what is replaced in SMALL, by what, the beginning of the message, a part of the rest)
    ("[on-call], notify", "[on-cal], notify", "r.yaml:2:18: severities.SEV-1.page[0]: no contact", "mean on-call?"),
    ("notify: [boss]", "notify: [chief]", "r.yaml:2:37: severities.SEV-1.notify[0]: no contact", "boss, on-call"),
    ("escalation: up", "escalation: upp", "r.yaml:2:56: severities.SEV-1.escalation: no escalation", "up?"),
    ("SEV-3:", "SEV-5:", "r.yaml:4:3: severities.SEV-5: no such value 'SEV-5'", "did you mean SEV-"),
    ("ticket: true", "ticket: maybe", "r.yaml:5:19: severities.SEV-4.ticket: neither true nor false", "write true"),
    ("ticket: true", "respond_within: 15", "r.yaml:5:27: severities.SEV-4.respond_within: a duration needs", "15m"),
    ("ticket: true", "respond_within: 0s", "r.yaml:5:27: severities.SEV-4.respond_within: must be more", "15m"),
    ("ticket: true", "respond_within: 5 minutes", "r.yaml:5:27: severities.SEV-4.respond_within: not a", "15m"),
    ("ticket: true", "business_hours: {from: 9am}", "r.yaml:5:34: severities.SEV-4.business_hours.from: not", "09:00"),
    ("ticket: true", "second_road: [chat]", "r.yaml:5:25: severities.SEV-4.second_road[0]: no channel", "console"),
    ("after: 15m", "after: -5m", "r.yaml:7:41: escalations.up.steps[0].after: not a duration", "15m"),
    ("until: resolved", "until: resolvd", "r.yaml:7:15: escalations.up.until: no such value", "mean resolved?"),
    ("page: [boss]}]}", "page: [bos]}]}", "r.yaml:7:53: escalations.up.steps[0].page[0]: no contact", "mean boss?"),
    (", page: [boss]}]}", "}]}", "r.yaml:7:33: escalations.up.steps[0]: the step pages and", "page: [contact]"),
    ("schedule: primary,", "schedule: primry,", "r.yaml:9:23: contacts.on-call.schedule: no schedule", "primary?"),
    ("backup: {person: boss}", "backup: {person: bob}", "r.yaml:9:49: contacts.on-call.backup.person: no", "boss"),
    ("boss: {person: boss}", "boss: {person: boss, schedule: primary}", "r.yaml:10:9: contacts.boss: must", "one of"),
    ("name: Ann, console", "name: Ann, consle", "r.yaml:12:20: people.ann.consle: no channel", "mean console?"),
    (", console: ann", "", "r.yaml:12:3: people.ann: contact 'on-call' pages this person", "console: ADDRESS"),
    ("console: ann}", "console: ann, timezone: Europe/Belrin}", "r.yaml:12:44: people.ann.timezone: no such", "Berlin"),
    ("people: [ann]", "people: [anne]", "r.yaml:15:22: schedules.primary.people[0]: no person", "mean ann?"),
    ("people: [ann]", "people: []", "r.yaml:15:21: schedules.primary.people: empty", "at least one"),
    ("people: [ann]", "people: [ann], handoff: Moonday 09:00", "r.yaml:15:37: schedules.primary.handoff: no", "Monday"),
    ("people: [ann]", "people: [ann], handoff: 09:00", "r.yaml:15:12: schedules.primary: a weekly rotation", "Monday"),
    ("people: [ann]", "people: [ann], rotation: custom", "r.yaml:15:12: schedules.primary: length and", "both"),
    ("people: [ann]", "people: [ann], timezone: Mars", "r.yaml:15:38: schedules.primary.timezone: no such", "UTC"),
    ("people: [ann]", "people: [ann], starts: tomorrow", "r.yaml:15:36: schedules.primary.starts: not a day", "2026"),
    ("people: [ann]", "people: ann", "r.yaml:15:21: schedules.primary.people: not a list", "[a, b]"),
    ("people: [ann]", "people: [ann], handoff_channel: x", "r.yaml:15:45: schedules.primary.handoff_channel: no", ""),
    ("{kind: log}", "{kind: logg}", "r.yaml:17:19: channels.console.kind: no such kind", "mean log?"),
    ("{kind: log}", "{}", "r.yaml:17:3: channels.console.kind: missing", "pagerduty"),
    ("{kind: log}", "{kind: webhook}", "r.yaml:2:18: severities.SEV-1.page[0]: no one can be paged", "log"),
    ("{kind: log}", "log", "r.yaml:17:12: channels.console: not a mapping", "kind"),
    ("{kind: log}", "{kind: log, colour: red}", "r.yaml:17:24: channels.console.colour: unknown key", "kind"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "begins", "holds"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_told_with_what_would_be_right(old: str, new: str, begins: str, holds: str) -> None:
    assert old in SMALL
    found = problems_of(SMALL.replace(old, new, 1))
    assert any(line.startswith(begins) and holds in line for line in found), found


def test_all_mistakes_are_told_at_once() -> None:
    text = SMALL.replace("[on-call], notify", "[on-cal], notify").replace("{kind: log}", "{kind: log, x: 1}")
    text = text.replace("name: Boss", "nam: Boss").replace("people: [ann]", "people: [anne], timezone: Nowhere")
    found = problems_of(text + "server: {listen: x}\n")
    places = [line.split(": ")[1] for line in found]
    assert places == [
        "severities.SEV-1.page[0]", "people.boss.name", "people.boss.nam", "schedules.primary.people[0]",
        "schedules.primary.timezone",
        "channels.console.x", "server.listen",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "holds"), [("consle", "mean console?"), ("console", "name one of kind confluence")]
)
def test_runbooks_are_in_a_wiki(channel: str, holds: str) -> None:
    (line,) = problems_of(f"{SMALL}links: {{runbooks: {{channel: {channel}}}}}\n")
    assert "links.runbooks.channel: " in line
    assert holds in line


@pytest.mark.parametrize("word", ["SEV4", "sev_4", "Sev 4", "severity-4", "4"])
def test_a_wrong_word_for_a_severity_is_one_mistake_that_names_the_right_one(word: str) -> None:
    (said,) = problems_of(SMALL.replace("  SEV-4: {ticket: true}", f"  {word}: {{ticket: true}}"))
    assert said.startswith("r.yaml:5:3: severities.") and said.endswith("(did you mean SEV-4?)")


def test_another_word_is_one_mistake_too() -> None:
    (said,) = problems_of(SMALL.replace("  SEV-4: {ticket", "  urgent: {ticket"))
    assert said == "r.yaml:5:3: severities.urgent: no such value 'urgent' (one of SEV-1, SEV-2, SEV-3, SEV-4)"


def test_the_fallback_channels_have_two_names() -> None:
    both = SMALL.replace("escalation: up}", "escalation: up, fallback_channels: [console], second_road: [console]}")
    settings = text_of(both).severities["SEV-1"]  # type: ignore[index]
    assert (settings.fallback_channels, settings.second_road) == (("console",), ("console",))
    (said,) = problems_of(SMALL.replace("ticket: true", "fallback_channels: [chat]"))
    assert said.startswith("r.yaml:5:31: severities.SEV-4.fallback_channels[0]: no channel is named 'chat'")
