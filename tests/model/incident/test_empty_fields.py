"""An incident is written without its empty fields, and is read as it was."""

from __future__ import annotations

import orjson

from receiver.model.incident.incident import Incident
from receiver.store.incidents.commit_request import state_text
from receiver.store.incidents.stored_records import incident_of
from tests.incident.given import NOW, Store, alert, part


def opened() -> Incident:
    incident = Store().tell(part(alert()), NOW).incident
    assert incident is not None
    return incident


def test_what_is_empty_is_left_out_and_read_again() -> None:
    incident = opened()
    written = orjson.loads(state_text(incident))
    assert incident_of(state_text(incident), incident.version, incident.id) == incident
    assert "resolved_at" not in written
    assert {"uid", "severity", "title", "plan", "ladder", "pages"} <= set(written)


def test_what_is_empty_but_not_by_default_is_written() -> None:
    spent = opened().model_copy(update={"spent": {}, "ring": 0})
    assert spent.empty_fields().isdisjoint({"spent", "ring"})
    assert incident_of(state_text(spent), 0, "") == spent.model_copy(update={"id": "", "version": 0})


def test_every_field_can_be_left_out_that_is_empty_by_default() -> None:
    for name, field in Incident.model_fields.items():
        if not field.is_required() and not field.default:
            assert field.default_factory is None, name
