"""An incident is written without its empty fields, and read without loss."""

from __future__ import annotations

import json

import orjson

from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import EscalationProgress, Plan, SeverityPlan, Step
from receiver.model.incident.response_records import Roles
from receiver.model.incident.stored_incident_json import incident_json
from receiver.model.severity import Decision
from receiver.model.severity_policy import Until
from receiver.store.incidents.stored_records import incident_of, state_text
from tests.incident.fixtures import NOW, Store, alert, part

SPARSE = ("decision", "ladder")


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
    assert {"spent", "ring"} <= set(orjson.loads(incident_json(spent)))
    assert incident_of(state_text(spent), 0, "") == spent.model_copy(update={"id": "", "version": 0})


def test_an_incident_is_written_as_its_model_writes_it() -> None:
    incident = opened().model_copy(update={"clocks": {"resolved": NOW}, "roles": Roles(scribe="alice"), "summary": "€"})
    text = orjson.loads(incident_json(incident, ("plan",)))
    whole = orjson.loads(incident.model_dump_json(include=set(text)))
    # Without the defaults of these two.
    sparse = {name: getattr(incident, name).model_dump(mode="json", exclude_defaults=True) for name in SPARSE}
    assert text == whole | sparse
    assert {"rule", "scope"} & set(text["decision"]) == {"rule"}
    # Only the model can handle a number beyond 64 bits.
    odd = incident.model_copy(update={"labels": {}, "upstream": {"unknown": 2**70}})
    assert json.loads(incident_json(odd))["upstream"] == {"unknown": 2**70}


def test_the_defaults_of_a_plan_are_left_out_and_what_another_release_has_added_is_kept() -> None:
    incident = opened()
    written = orjson.loads(state_text(incident))
    assert {"respond", "page"} <= set(written["plan"]["severities"]["SEV-1"])
    assert not any({"hours", "all_hands"} & set(plan) for plan in written["plan"]["severities"].values())
    written["plan"]["severities"]["SEV-1"]["later"] = {"added": []}
    later = incident_of(orjson.dumps(written).decode(), incident.version, incident.id)
    assert orjson.loads(state_text(later)) == written


def test_the_defaults_of_a_decision_and_of_the_escalation_stay_as_they_are() -> None:
    fields = {**Decision.model_fields, **EscalationProgress.model_fields}
    assert {name: field.default for name, field in fields.items() if not field.is_required()} == {
        "reasons": (), "scope": None, "scope_from": None, "capped_by": None, "rules_hash": "", "next_worse": None,
        "measured": {}, "step": 0, "since": None, "spent": 0.0,
    }  # fmt: skip


def test_the_defaults_of_a_plan_stay_as_they_are_since_stored_incidents_leave_them_out() -> None:
    fields = {**SeverityPlan.model_fields, **Plan.model_fields, **Step.model_fields}
    found = {name: field.default for name, field in fields.items() if not field.is_required()}
    assert found == found | {
        "page": (), "notify": (), "until": Until.ACKNOWLEDGED, "steps": (), "lease": None, "update": None,
        "all_hands": False, "ticket": False, "queue": False, "publish": None, "publish_within": None,
        "publish_when": None, "hours": None, "severities": {}, "zone": "UTC", "marks": (),
    }  # fmt: skip


def test_every_field_can_be_left_out_that_is_empty_by_default() -> None:
    for name, field in Incident.model_fields.items():
        if not field.is_required() and not field.default:
            assert field.default_factory is None, name
