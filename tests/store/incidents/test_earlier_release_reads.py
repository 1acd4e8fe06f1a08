"""The previous release can read what this one writes during an upgrade; otherwise its pages would be dead letters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from receiver.incident.log.event_log import Transition
from receiver.model.alert.sender import Sender
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.severity import Severity
from receiver.store.incidents.stored_records import packed, record_of, state_text
from tests.faults.earlier_release import extract
from tests.incident.fixtures import Store, alert, at, part
from tests.store.fixtures import record

READS = """\
import json, sys
from receiver.model.incident import Incident
from receiver.store.change import record_of
from receiver.store.incidents import event_of

given = json.load(sys.stdin)
incident = Incident.model_validate(json.loads(given["state"]))
records = {name: record_of(name, text) for name, text in given["records"].items()}
print(json.dumps({
    "incident": [incident.title, incident.severity, incident.state, [page.key for page in incident.pages]],
    "pages": {name: plan.page for name, plan in incident.plan.severities.items()},
    "events": [[event.seq, event.kind, event.reason] for event in map(event_of, given["events"])],
    "records": {name: [one.firing, one.name, one.seen_ms] for name, one in records.items()},
}))
"""


def test_the_earlier_release_reads_incident_log_and_alerts(tmp_path: Path) -> None:
    earlier, store, sender = extract(tmp_path), Store(), Sender("cluster-a")
    first, second = alert("A", worst=1), alert("B")
    for told, seconds in (([first, second], 0), ([alert("A", firing=False), alert("B", firing=False)], 60)):
        store.tell(replace(part(*told), sender=sender), at(seconds))
    store.tell(replace(part(alert("A", starts=90)), sender=sender), at(90))
    incident, events, records = store.incidents["uid0"], store.logs["uid0"], store.records["uid0"]
    seen = Transition(incident, Actor(kind=ActorKind.TIMER, name="similar"), at(91))
    seen.add(Kind.SEEN_BEFORE, "similar", "seen before: INC-1", {"similar": [{"id": "INC-1", "why": "", "url": ""}]})
    incident, events = seen.incident, [*events, *seen.events]
    given = {
        "state": state_text(incident),
        "events": [event.model_dump_json() for event in events],
        "records": {name: packed(one).decode() for name, one in records.items()},
    }
    said = subprocess.run(
        [sys.executable, "-c", READS], input=json.dumps(given), env={**os.environ, "PYTHONPATH": str(earlier)},
        cwd=earlier, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert {one.sender for one in records.values()} == {"cluster-a"}
    assert json.loads(said.stdout) == {
        "incident": [incident.title, incident.severity, incident.state, [page.key for page in incident.pages]],
        "pages": {name: list(plan.page) for name, plan in incident.plan.severities.items()},
        # It shows an unknown kind as a note.
        "events": [
            [event.seq, "note" if event.kind is Kind.SEEN_BEFORE else event.kind, event.reason] for event in events
        ],
        "records": {name: [one.firing, one.name, one.seen_ms] for name, one in records.items()},
    }
    assert (incident.pages != (), incident.plan.severities[Severity.SEV1].page) == (True, ("on-call", "lead"))


@pytest.mark.parametrize("digest", ["d", ""])
@pytest.mark.parametrize("sender", ["", "cluster-a", "a@b"])
def test_the_record_of_an_alert_has_seven_parts_whoever_sent_it(digest: str, sender: str) -> None:
    kept = record("name")._replace(sender=sender, digest=digest)
    assert len(orjson.loads(packed(kept))) == 7, "an earlier release does not read more"
    assert record_of("name", packed(kept).decode()) == kept


def test_a_sender_that_stands_behind_the_other_parts_is_read() -> None:
    kept = record("name")
    text = orjson.dumps([*orjson.loads(packed(kept)), "cluster-a"]).decode()
    assert record_of("name", text) == kept._replace(sender="cluster-a")
