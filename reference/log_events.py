"""Generates the page of log events: levels and fields from the code, sentences from `log_events.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from receiver.log.former_names import FORMER_NAMES
from reference.logged import DEPENDS, LEVELS, LoggedEvent, events
from reference.table import table

SENTENCES = Path(__file__).with_suffix(".toml")
INTRODUCTION = """# Log events

The service writes its log to stderr, one JSON object per line: `timestamp` (RFC 3339, UTC), `level`, `logger`, `event`,
then the fields of the event. On a terminal it writes colored text instead. The environment variable
`RECEIVER_LOG_LEVEL` sets the lowest level (`debug`, `info`, `warning`, `error`, `critical`; default `info`). Filter by
`event`, not by the texts in fields such as `reason`, `why` and `detail`. Fields named after a secret are shown as
`***`. `exception` is a traceback. The last lines of a process that ends because it is stuck have no timestamp.

```text
{"timestamp":"2026-11-02T09:14:07.412Z","level":"warning","logger":"receiver.delivery","event":"circuit_opened","was":"circuit","channel":"pagerduty","open":true}
```

These fields mean the same in every event:

- `incident`: the id of the incident, such as `INC-2026-0001`; null if there is none, and `storm` in
  `emergency_adopted` for all incidents of a storm.
- `channel`: the name of the channel in `channels`.
- `person`: the name of the person in `people`.

`by` and `caller` identify who performed an action. `do`, `hint` and `next` say what to do, or what the service does
next. `was` is the name that the event had in the previous release, and is logged for one release;
[Renamed events](#renamed-events) lists these names. A line whose `logger` does not begin with `receiver` is from a
library.

This page is generated from the code (`python -m reference`).
"""


def page() -> str:
    """Return the page. Raises KeyError for a sentence without an event."""
    found, lines = events(), [INTRODUCTION]
    for subject, sentences in subjects().items():
        rows = [_row(name, found[name], sentences[name]) for name in sorted(sentences)]
        lines += [f"## {subject}", "", *table(("event", "level", "fields", "meaning"), rows), ""]
    lines += ["## Renamed events", "", *table(("former name", "event"), renamed()), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def renamed() -> list[tuple[str, str]]:
    """Return the former names, sorted, each with the names of its events."""
    events_of: dict[str, list[str]] = {}
    for name, was in FORMER_NAMES.items():
        events_of.setdefault(was, []).append(f"`{name}`")
    return [(f"`{was}`", ", ".join(names)) for was, names in sorted(events_of.items())]


def subjects() -> dict[str, dict[str, str]]:
    """Return the sentence of each event, by subject and name."""
    found: dict[str, dict[str, str]] = tomllib.loads(SENTENCES.read_text("utf-8"))
    return found


def _row(name: str, event: LoggedEvent, meaning: str) -> tuple[str, str, str, str]:
    levels = ", ".join(level for level in LEVELS if level in event.levels)
    fields = ", ".join(one if one == DEPENDS else f"`{one}`" for one in event.fields)
    return f"`{name}`", levels, fields or "-", meaning
