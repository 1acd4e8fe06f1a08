"""The source of the status page: an incident that became private shows no new automatic updates."""

from __future__ import annotations

import tracemalloc

import pytest

from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import StatusUpdate, UpdateStatus
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.open_incidents.public_incidents import PublicIncidents
from tests.channels.notices import NOW, incident

TEXT = "We are investigating a problem with this component. The next update follows within 30 minutes, or sooner."


@pytest.mark.parametrize(("private", "shown"), [(True, Severity.SEV2), (False, Severity.SEV1)])
def test_the_severity_of_an_incident_that_became_private_stays(private: bool, shown: Severity) -> None:
    update = StatusUpdate(n=1, at=NOW, status=UpdateStatus.INVESTIGATING, text="x", by="ann", published_at=NOW)
    told = PublicIncidents()
    told.take(incident(severity=Severity.SEV2, updates=(update,)))
    told.take(incident(severity=Severity.SEV1, updates=(update,), private=private, version=9))
    assert [one.severity for one in told.open()] == [shown]


def test_a_published_incident_that_is_over_takes_less_than_two_kilobytes() -> None:
    texts = [
        incident(
            uid=f"{number:032x}", state=State.RESOLVED, resolved_at=NOW,
            labels={"alertname": f"Down{number}", "service": "payments", "namespace": "payments", "cluster": "eu-1"},
            updates=tuple(
                StatusUpdate(n=n, at=NOW, status=UpdateStatus.INVESTIGATING, text=TEXT, by="policy", published_at=NOW)
                for n in (1, 2, 3)
            ),
        ).model_dump_json()
        for number in range(200)
    ]  # fmt: skip
    told = PublicIncidents()
    told.take(Incident.model_validate_json(texts.pop()))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for text in texts:
            told.take(Incident.model_validate_json(text))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(told.over()) == 200
    assert (after - before) / len(texts) < 1700
