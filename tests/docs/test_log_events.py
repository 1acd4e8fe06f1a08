"""Every log event of the code has one description on the page of log events, and every description an event."""

from __future__ import annotations

import re

import pytest

from receiver.log.former_names import FORMER_NAMES
from reference.log_events import page, subjects
from reference.logged import CODE, LEVELS, LOGGERS, events, lines_of

VERBS = frozenset({
    "accepted", "added", "adopted", "announced", "answered", "applied", "archived", "attempted", "audited", "blocked",
    "changed", "closed", "compressed", "corrected", "crashed", "created", "declared", "deleted", "detected",
    "disabled", "disconnected", "diverged", "dropped", "ended", "escalated", "exceeded", "exhausted", "expanded",
    "expired", "exposed", "failed", "filled", "forgotten", "given_up", "held_back", "ignored", "jumped", "lifted",
    "listed", "logged", "lost", "measured", "missed", "offered", "opened", "owed", "posted", "postponed", "proved",
    "published", "ran", "received", "reconnected", "recorded", "recovered", "refused", "rejected", "reloaded",
    "reminded", "removed", "reported", "requested", "restarted", "restored", "saved", "sent", "set", "signed_in",
    "signed_out", "skipped", "split", "started", "stepped", "stopped", "stored", "superseded", "suppressed",
    "synchronized", "tested", "withdrawn", "written_back",
})  # fmt: skip
"""The verbs of the log, in the past tense. Use one of them before you add one."""
EVENT = re.compile(rf"(?!not_|.*_not_)([a-z]+_)+?(?P<verb>{'|'.join(sorted(VERBS))})(_without_store)?")
"""What happened to what: a noun, and a verb in the past tense."""


def sentences() -> list[tuple[str, str]]:
    return [pair for part in subjects().values() for pair in part.items()]


def test_every_event_has_one_sentence() -> None:
    names = [name for name, _ in sentences()]
    assert sorted(names) == list(events()), "add a description to reference/log_events.toml, or remove one"


def test_every_sentence_is_complete() -> None:
    assert [name for name, text in sentences() if not (text[0].isupper() or text[0] == "`") or text[-1] != "."] == []


def test_every_event_is_a_noun_and_a_verb_in_the_past_tense() -> None:
    assert [name for name in events() if not EVENT.fullmatch(name)] == []


def test_every_verb_is_used() -> None:
    used = {match["verb"] for name in events() if (match := EVENT.fullmatch(name))}
    assert sorted(VERBS - used) == []


@pytest.mark.parametrize(
    "name", ["circuit", "opened", "signed_in", "circuit_open", "store_away", "group_not_set", "page_waits_for_store",
             "Circuit_opened", "page_sent_as_leased"]
)  # fmt: skip
def test_a_name_of_another_form_is_found(name: str) -> None:
    assert EVENT.fullmatch(name) is None


def test_every_former_name_has_an_event_and_is_none() -> None:
    assert set(FORMER_NAMES) <= set(events())
    assert set(FORMER_NAMES.values()).isdisjoint(events())


def test_every_event_has_a_level() -> None:
    for name, event in events().items():
        assert event.levels, name
        assert event.levels <= set(LEVELS), name


def test_every_event_is_in_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [a-z, ]+ \| .+ \| .+ \|$", page(), re.MULTILINE)
    assert sorted(rows) == list(events())


def test_lines_that_are_logged_in_another_way_are_seen() -> None:
    found = events()
    assert found["webhook_answered"].levels == {"info", "warning", "error"}
    assert {"alerts", "firing", "receiver", "duration_ms", "set_aside", "not_logged"} <= set(
        found["webhook_answered"].fields
    )
    assert {"channel", "incident", "person", "attempt", "took_ms"} <= set(found["delivery_attempted"].fields)
    assert found["page_logged"].levels == {"critical", "error", "warning"}
    assert {"store_eviction_detected", "store_clock_jumped", "clock_stepped"} <= set(found)
    assert {"log_records_dropped", "process_ended", "circuit_opened", "circuit_closed"} <= set(found)
    assert "exception" in found["step_failed"].fields


def test_every_logger_has_a_name_that_is_followed() -> None:
    # A logger in a function or a class would not be found.
    made = re.compile(rf"^[ \t]+.*\b({'|'.join(LOGGERS)})\(", re.MULTILINE)
    elsewhere = {
        path.relative_to(CODE).as_posix() for path in CODE.rglob("*.py") if made.search(path.read_text("utf-8"))
    }
    assert {path for path in elsewhere if not path.startswith("log/")} <= {"channels/log.py"}


MODULE = "log = structlog.get_logger('a')\nNAMES = {1: 'a', 2: 'b'}\ndef f(name, more):\n    "


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("log.info('done', by=name)", [("done", {"info"}, ["by"])]),
        ("log.exception('spoiled')", [("spoiled", {"error"}, ["exception"])]),
        ("say = log.info if name else log.error; say('done')", [("done", {"info", "error"}, [])]),
        ("log.info('a' if name else 'b')", [("a", {"info"}, []), ("b", {"info"}, [])]),
        ("log.info(NAMES[name])", [("a", {"info"}, []), ("b", {"info"}, [])]),
        ("more = {'a': 1}; more['b'] = 2; more.update(c=3); log.info('d', **more)", [("d", {"info"}, ["a", "c", "b"])]),
        ("name.info('done')", []),
    ],
)
def test_a_call_is_read(call: str, found: list[tuple[str, set[str], list[str]]]) -> None:
    got = [(name, levels, sorted(fields)) for name, levels, fields in lines_of(MODULE + call, "a.py")]
    assert got == [(name, levels, sorted(fields)) for name, levels, fields in found]


@pytest.mark.parametrize(
    "call", ["log.info(name)", "log.info(f'x_{name}')", "log.info(more[name])", "log.info('done', **more)"]
)
def test_a_call_that_cannot_be_read_is_an_error(call: str) -> None:
    with pytest.raises(ValueError, match="cannot be determined"):
        list(lines_of(MODULE + call, "a.py"))
