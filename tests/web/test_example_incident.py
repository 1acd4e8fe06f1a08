"""The example of the process, INC-2024-0042, through the API: its timeline and post-mortem, word for word."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from receiver.config import Config
from receiver.model.oncall.schedule_settings import Person
from tests.fakes import statuspage as fake_page
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, READ, House, Opened
from tests.web.webhooks.test_pagerduty import SECRET, event, send
from tests.web.webhooks.test_slack import type_

TIMELINE = """\
## Incident Timeline
**Incident ID**: INC-2024-0042
**Date**: 2024-01-18
**Duration**: 2h 15m
**Severity**: SEV-2
**IC**: Jane Engineer
### Timeline (All times UTC)
| Time | Event |
|------|-------|
| 14:00 | Alert: HighErrorRate triggered |
| 14:02 | On-call acknowledged
| 14:05 | Incident channel created
| 14:10 | Root cause identified: Bad deployment |
| 14:15 | Rollback initiated |
| 14:20 | Rollback complete |
| 14:25 | Error rate returning to normal |
| 14:45 | Monitoring period started |
| 16:15 | Incident resolved |"""
POSTMORTEM = """\
## Post-Incident Review: [Incident Title]
**Date**: [Date]
**Author**: [Name]
**Status**: Draft
### Summary
### Impact
- **Duration**: [Time]
- **Users affected**: [Number/percentage]
- **Revenue impact**: [If applicable]
- **SLA impact**: [Error budget consumed]
### Root Cause
### Detection
- How was the incident detected?
- Could we have detected it sooner?
### Response
- What went well?
- What could be improved?
### Contributing Factors
1. [Factor 1]
### Action Items
| Action | Owner | Due Date | Status |
|--------|-------|----------|--------|
### Lessons Learned
- [Lesson 1]
### Timeline
| Time | Event |
|------|-------|
| 14:00 | Alert: HighErrorRate triggered |
| 16:15 | Incident resolved |"""
DAY = datetime(2024, 1, 18, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "golden"
JANE = "U0JANE"
BODY: dict[str, Any] = {
    "starts": "2024-01-18T14:00:00Z",
    "annotations": {"error_rate": "7.3%", "summary": "Error rate above 5 %"},
}


def then(config: Config) -> Config:
    """Return the example's configuration: the same people on call, and Jane."""
    starts = {"primary": date(2024, 1, 1), "secondary": date(2024, 1, 2)}
    schedules = {name: one.model_copy(update={"starts": starts[name]}) for name, one in config.schedules.items()}
    jane = Person.model_validate({"name": "Jane Engineer", "slack": JANE, "pager": "a" * 32})
    watched = config.incidents.model_copy(update={"monitor_for": timedelta(minutes=90)})
    nothing = config.verification.model_copy(update={"checks": ()})
    changed = {"schedules": schedules, "people": {**config.people, "jane": jane}, "incidents": watched}
    return Config.model_validate(
        {name: getattr(config, name) for name in Config.model_fields} | changed | {"verification": nothing}
    )


async def at(house: House, clock: str) -> None:
    """Advance the clock to that time, in steps of a minute."""
    hour, minute = map(int, clock.split(":"))
    moment = DAY + timedelta(hours=hour, minutes=minute)
    while house.world.clock.now() < moment:
        house.world.clock.forward(min(timedelta(minutes=1), moment - house.world.clock.now()))
        await house.world.quiet()


async def lived(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> House:
    house = await opened(then, PAGERDUTY_WEBHOOK_SECRET=SECRET)
    monkeypatch.setattr(house.world.clock, "_shown", (DAY + timedelta(hours=14)).timestamp())
    store = house.replica.connection
    async with store.guarded() as client:
        await client.set(store.keys.named("number:INC-2024-"), 41)
    await house.post(notification(alert("HighErrorRate", **BODY)))
    await house.world.quiet()
    (page,) = house.world.sent()
    await at(house, "14:02")
    status, _ = await send(house, event("acknowledged", page, at="2024-01-18T14:02:00Z"))
    assert status == 202

    async def say(clock: str, command: str, text: str) -> None:
        await at(house, clock)
        await type_(house, command, text, user=JANE)

    await say("14:05", "/incident", 'note INC-2024-0042 "Incident channel created"')
    await say("14:06", "/incident", "role INC-2024-0042 ic @jane")
    await say("14:10", "/status", 'update INC-2024-0042 identified "Bad deployment"')
    await say("14:15", "/incident", 'mitigate INC-2024-0042 rollback "Rollback initiated"')
    await say("14:20", "/incident", 'note INC-2024-0042 "Rollback complete"')
    await say("14:25", "/incident", 'note INC-2024-0042 "Error rate returning to normal"')
    await at(house, "14:45")
    await house.post(notification(alert("HighErrorRate", firing=False, ends="2024-01-18T14:45:00Z", **BODY)))
    await at(house, "16:16")
    await say("16:20", "/incident", 'action INC-2024-0042 "Add a canary to the release" @bob 2024-02-01')
    await say("16:21", "/incident", "close INC-2024-0042")
    return house


async def text(house: House, what: str) -> str:
    path = f"/api/v1/incidents/INC-2024-0042/{what}"
    async with house.client.get(path, headers={**READ, "Accept": "text/markdown"}) as response:
        assert response.status == 200
        return await response.text()


@pytest.mark.parametrize("what", ["timeline", "postmortem"])
async def test_the_example(opened: Opened, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    house = await lived(opened, monkeypatch)
    assert await text(house, what) == (GOLDEN / f"INC-2024-0042-{what}.md").read_text("utf-8")


async def test_it_has_the_templates_of_the_process_word_for_word(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await lived(opened, monkeypatch)
    for what, template in (("timeline", TIMELINE), ("postmortem", POSTMORTEM)):
        written = [line.rstrip() for line in (await text(house, what)).splitlines() if line.strip()]
        at = 0
        for line in template.splitlines():
            # Each text of the template before a placeholder begins a line here, in the template's order.
            found = [place for place, one in enumerate(written[at:], at) if one.startswith(line.partition("[")[0])]
            assert found, f"{line!r} is not in the {what}, or not after the line before it"
            at = found[0] + 1
    headings = [line for line in (await text(house, "postmortem")).splitlines() if line.startswith("#")]
    assert headings[-1] == "### Links", "text that is not in the template is at the end"
    assert headings[:-1] == [
        "## Post-Incident Review: HighErrorRate: api - Error rate above 5 %",
        "### Summary", "### Impact", "### Root Cause",
        "### Detection", "### Response", "### Contributing Factors", "### Action Items", "### Lessons Learned",
        "### Timeline",
    ]  # fmt: skip


async def test_its_end_is_as_the_process_asks(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await lived(opened, monkeypatch)
    _, found = await house.get("/api/v1/incidents/INC-2024-0042", ADMIN)
    assert (found["state"], found["severity"], found["resolved_at"]) == ("closed", "SEV-2", "2024-01-18T16:15:00.000Z")
    assert house.world.rung() == ["carol"], "one page, and the acknowledgement was in time"
    rows = [line for line in (await text(house, "timeline")).splitlines() if line.startswith("| 1")]
    assert [row[2:7] for row in rows] == [
        "14:00", "14:02", "14:05", "14:10", "14:15", "14:20", "14:25", "14:45", "16:15"
    ]  # fmt: skip
    assert json.dumps(found["actions"]).count("Add a canary") == 1


SCRIPT = (
    (0, "/incident", 'create "API High Error Rate" severity=2', "INC-2026-0001 is open as SEV-2"),
    (0, "/page", '@backend-oncall "SEV-2: API errors spiking"', "bob is paged for backend-oncall"),
    (0, "/incident", "timer start", "timer started"),
    (1, "/incident", "ack", "acknowledged by jane"),
    (0, "/status", 'update investigating "Investigating elevated error rates"', "draft 1, waiting for approval"),
    (1, "/status", "approve", "update 1 approved by jane"),
    (1, "/incident", "role ic @jane", "jane is Incident Commander"),
    (3, "/incident", "checklist", "Investigation checklist of INC-2026-0001"),
    (1, "/incident", "checklist 2", "Check recent deployments"),
    (3, "/status", 'update identified "Bad deployment"', "cause identified by jane"),
    (5, "/incident", "mitigate", "Mitigation options for INC-2026-0001"),
    (0, "/incident", 'mitigate rollback "Rollback initiated"', "Rollback initiated"),
    (5, "/incident", 'note "Rollback complete"', "Rollback complete"),
    (20, "/status", 'update monitoring "A fix is in place"', "mitigated"),
    (30, "/status", 'update resolved "The issue is resolved"', "resolved by jane"),
    (0, "/status", "approve", "update 4 approved by jane"),
    (1, "/incident", 'action "Add a canary to the release" @bob 2026-12-01', "action 1"),
    (1, "/incident", "timer stop", "timer stopped"),
    (1, "/incident", "close", "closed by jane"),
)
"""Minutes since the previous one, the input, and the response."""
ROWS = """\
| 14:02 | Declared: API High Error Rate |
| 14:02 | Incident channel created: \\#inc-2026-0001-api-high-error-rate |
| 14:02 | Jane pages backend-oncall: SEV-2: API errors spiking |
| 14:03 | Acknowledged by jane |
| 14:12 | Root cause identified: Bad deployment |
| 14:17 | Rollback initiated |
| 14:22 | Rollback complete |
| 14:42 | Monitoring period started |
| 15:12 | Incident resolved by jane |
"""


async def test_it_works_by_commands_alone(opened: Opened) -> None:
    house = await opened(then, rooms=True, STATUSPAGE_KEY=fake_page.KEY)
    world, place = house.world, "C0GENERAL"
    for minutes, command, typed, answered in SCRIPT:
        await world.forward(f"{minutes}m")
        assert answered in await type_(house, command, typed, user=JANE, place=place), (command, typed)
        # In the incident's own channel, the incident can be omitted.
        (place,) = world.slack.rooms
    async with house.client.get(
        "/api/v1/incidents/INC-2026-0001/timeline", headers={**READ, "Accept": "text/markdown"}
    ) as response:
        shown = await response.text()
    assert shown.startswith("## Incident Timeline\n\n**Incident ID**: INC-2026-0001")
    rows = [line for line in shown.splitlines(keepends=True) if line.startswith("| 1") and "approved" not in line]
    assert "".join(rows) == ROWS
    assert world.rung() == ["bob", "bob"], "when it opened, and when jane asked for him"
    assert {alert["status"] for alert in world.pagerduty.alerts.values()} == {"resolved"}
    assert [message["text"] for message in world.slack.parents] == [
        "[SEV-2] API High Error Rate (INC-2026-0001) is closed"
    ]
    assert world.slack.rooms[place]["archived"]
    (public,) = world.page.incidents.values()
    assert [one["status"] for one in public["incident_updates"]] == ["resolved", "investigating"]
    assert "Jane" not in str(public)
