"""The reason for a severity: the same record in every output."""

from __future__ import annotations

import asyncio
import html
import os
import sys
from typing import Any

from receiver.cli.decision_view import decision_lines, similar_lines
from receiver.model.severity import Decision, Severity
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House

WORSE = "errors-for-everyone (SEV-1) if error_rate > 50% and scope >= all_users"
CAPPED = "integration-down (SEV-2) if the cap single-tenant did not apply"


async def shown(house: House, *, capped: bool = False) -> dict[str, Any]:
    """Open an incident and return its decision from the API."""
    if capped:
        await house.world.post(notification(alert("IntegrationDown", labels={"tenant": "acme"})))
    else:
        labels, annotations = {"scope": "many_users"}, {"error_rate": "7.3%"}
        await house.world.post(notification(alert(labels=labels, annotations=annotations)))
    status, incident = await house.get("/api/v1/incidents/INC-2026-0001")
    assert status == 200
    decision = dict(incident["decision"])
    assert decision.pop("owner") == "", "no teams are configured"
    return decision


async def test_in_the_api(house: House) -> None:
    rules_hash = house.replica.setting.rules.hash
    assert await shown(house) == {
        "severity": "SEV-2",
        "rule": "high-error-rate",
        "reasons": ["error_rate 7.3% > 5%"],
        "scope": "many_users",
        "scope_from": "label scope",
        "capped_by": None,
        "rules_hash": rules_hash,
        "next_worse": WORSE,
        "measured": {"error_rate": 0.073},
    }


async def test_with_its_cap_in_the_api(house: House) -> None:
    decision = await shown(house, capped=True)
    assert (decision["severity"], decision["rule"], decision["capped_by"]) == (
        "SEV-3",
        "integration-down",
        "single-tenant",
    )
    assert decision["reasons"] == ['alertname="IntegrationDown"', "at most SEV-3: scope is single_tenant"]
    assert decision["scope_from"] == "1 tenant counted in label tenant"
    assert decision["next_worse"] == CAPPED


async def test_in_the_log_of_the_opening_and_of_the_rise(house: House) -> None:
    decision = await shown(house)
    labels = {"scope": "all_users"}
    await house.world.post(notification(alert("Everyone", labels=labels, annotations={"error_rate": "61%"})))
    _, timeline = await house.get("/api/v1/incidents/INC-2026-0001/timeline")
    events = {event["kind"]: event for event in timeline["items"]}
    assert events["opened"]["data"]["decision"] == decision
    assert events["opened"]["text"] == "SEV-2 by high-error-rate: error_rate 7.3% > 5%"
    _, incident = await house.get("/api/v1/incidents/INC-2026-0001")
    assert incident["decision"]["rule"] == "errors-for-everyone"
    del incident["decision"]["owner"]
    assert events["severity_raised"]["data"]["decision"] == incident["decision"]
    assert "error_rate 61% > 50%; scope is all_users" in events["severity_raised"]["text"]


async def test_at_the_vendors(house: House) -> None:
    decision = await shown(house)
    (rung,) = [entry["body"] for entry in house.world.pagerduty.taken if entry["body"]["event_action"] == "trigger"]
    details = rung["payload"]["custom_details"]
    for name in ("rule", "reasons", "scope", "scope_from", "next_worse", "rules_hash"):
        assert details[name] == decision[name]
    (parent,) = house.world.slack.parents
    (why,) = [block for block in parent["blocks"] if block["block_id"] == "incident_why"]
    assert html.unescape(why["text"]["text"]) == (
        "Why SEV-2: rule high-error-rate (error_rate 7.3% > 5%)\n"
        "Scope: many_users (label scope)\n"
        f"For a higher severity: {WORSE}\n"
        f"Rules: {decision['rules_hash']}"
    )


async def test_in_the_console(house: House) -> None:
    decision = await shown(house, capped=True)
    async with house.client.get("/incidents/INC-2026-0001", headers=READ) as response:
        text = html.unescape(await response.text())
    for said in ("at most SEV-3: scope is single_tenant", "capped by single-tenant", CAPPED, decision["rules_hash"]):
        assert said in text
    assert "single_tenant (1 tenant counted in label tenant)" in text


async def test_on_the_terminal(house: House) -> None:
    decision = await shown(house, capped=True)
    url = str(house.client.make_url(""))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "receiver.cli", "incident", "show", "INC-2026-0001", stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "RECEIVER_URL": url, "RECEIVER_TOKEN": "respond-token"},
    )  # fmt: skip
    out, _ = await process.communicate()
    lines = out.decode().splitlines()
    assert lines[1:6] == [
        'because    integration-down: alertname="IntegrationDown"; at most SEV-3: scope is single_tenant',
        "scope      single_tenant (1 tenant counted in label tenant)",
        "capped by  single-tenant",
        f"worse      {CAPPED}",
        f"rules      {decision['rules_hash']}",
    ]


async def test_a_merge_keeps_the_reasons_of_what_it_took_over(house: House) -> None:
    await shown(house, capped=True)
    worse = alert(labels={"scope": "all_users"}, annotations={"error_rate": "61%"})
    await house.world.post(notification(worse, group="other"))
    headers = {"Authorization": "Bearer respond-token"}
    path = "/api/v1/incidents/INC-2026-0002/merge"
    async with house.client.post(path, json={"into": "INC-2026-0001"}, headers=headers) as response:
        assert response.status == 200
    _, incident = await house.get("/api/v1/incidents/INC-2026-0001")
    decision = incident["decision"]
    assert (incident["severity"], decision["rule"], decision["scope"]) == ("SEV-1", "merge", "all_users")
    assert decision["reasons"] == [
        "as severe as INC-2026-0002 by errors-for-everyone",
        "error_rate 61% > 50%",
        "scope is all_users",
    ]
    assert decision["measured"] == {"error_rate": 0.61}


def test_similar_incidents_are_told_with_the_first_post_mortem() -> None:
    one = {
        "incident": "INC-2026-0007",
        "why": "same alert; resolved in 14 min",
        "postmortem": "https://r.example.com/7",
    }
    found = {
        "items": [one, {**one, "incident": "INC-2026-0003", "postmortem": None}],
        "fired": {"last_24h": 2, "last_30d": 9}, "catch_up": "SEV-2 has been open for 4m.",
    }  # fmt: skip
    assert similar_lines(found) == [
        ("fired", "this alert opened 2 in 24 h, 9 in 30 d"), ("seen", "INC-2026-0007 same alert; resolved in 14 min"),
        ("seen", "  https://r.example.com/7"), ("seen", "INC-2026-0003 same alert; resolved in 14 min"),
        ("so far", "SEV-2 has been open for 4m."),
    ]  # fmt: skip
    assert similar_lines({}) == [], "an older service"


def test_a_step_that_a_label_makes_is_told_without_the_name_of_the_entry() -> None:
    decision = {"rule": "otherwise", "reasons": ["x"], "next_worse": 'otherwise (SEV-1) if severity="page"'}
    assert ("worse", 'SEV-1 if severity="page"') in decision_lines(decision)
    assert ("worse", CAPPED) in decision_lines({**decision, "next_worse": CAPPED})
    assert Decision(severity=Severity.SEV2, rule="otherwise", next_worse="otherwise (SEV-1) if a").worse == "SEV-1 if a"
