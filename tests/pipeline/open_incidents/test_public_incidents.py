"""The source of the status page: an incident that became private shows no new automatic updates."""

from __future__ import annotations

import pytest

from receiver.model.incident.response_records import StatusUpdate, UpdateStatus
from receiver.model.severity import Severity
from receiver.pipeline.open_incidents.public_incidents import PublicIncidents
from tests.channels.notices import NOW, incident


@pytest.mark.parametrize(("private", "shown"), [(True, Severity.SEV2), (False, Severity.SEV1)])
def test_the_severity_of_an_incident_that_became_private_stays(private: bool, shown: Severity) -> None:
    update = StatusUpdate(n=1, at=NOW, status=UpdateStatus.INVESTIGATING, text="x", by="ann", published_at=NOW)
    told = PublicIncidents()
    told.take(incident(severity=Severity.SEV2, updates=(update,)))
    told.take(incident(severity=Severity.SEV1, updates=(update,), private=private, version=9))
    assert [one.severity for one in told.open()] == [shown]
