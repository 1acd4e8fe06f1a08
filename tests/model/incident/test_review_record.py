"""Fields of a review record that the snapshot has are omitted from the record, and read from the snapshot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from receiver.model.incident.incident import Incident
from receiver.model.incident.review_record import index_fields, review_record_fields, review_record_text
from receiver.model.incident.state import State
from receiver.store.incidents.stored_records import state_text
from tests.incident.fixtures import NOW, Store, alert, part

LIVES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "histories" / "277331f" / "incidents.json").read_text("utf-8")
)["incidents"]


@pytest.mark.parametrize("life", LIVES, ids=[life["id"] for life in LIVES])
def test_the_snapshot_says_what_the_index_needs_of_the_record(life: dict[str, Any]) -> None:
    record = review_record_fields(Incident.model_validate(life["state"]))
    for state in (life["state"], orjson.loads(state_text(Incident.model_validate(life["state"])))):
        found = index_fields(state)
        assert found == {name: record[name] for name in found}
        assert len(found) == 5


@pytest.mark.parametrize(
    ("changed", "kept"),
    [({}, False), ({"private": True}, True), ({"state": State.RESOLVED}, True), ({"state": State.MONITORING}, False)],
)
def test_only_what_is_over_or_private_has_a_record_of_its_own(changed: dict[str, Any], kept: bool) -> None:
    incident = Store().tell(part(alert()), NOW).incident
    assert incident is not None
    incident = incident.model_copy(update=changed)
    text = review_record_text(incident)
    assert bool(text) is kept
    assert not text or orjson.loads(text) == orjson.loads(orjson.dumps(review_record_fields(incident)))


@pytest.mark.parametrize("state", [{}, {"opened_at": "never"}, {"opened_at": None}, {"labels": []}])
def test_a_snapshot_that_cannot_be_read_says_so(state: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
        index_fields(state)
