"""The backup of a contact that does not answer, if there is none, or it is the same person."""

from __future__ import annotations

from typing import Any

from receiver.model.oncall.schedule_settings import Hours, Target
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


async def unanswered(world: World, backup: Target | None = None, **more: Any) -> list[tuple[str, str, str]]:
    """Wait a quarter of an hour without an answer; return the texts about pages from then on."""
    config = world.one.config
    contact = config.contacts["on-call"]
    contacts = {**config.contacts, "on-call": contact.model_copy(update={"backup": backup or contact.backup})}
    secondary = config.schedules["secondary"].model_copy(update=more)
    schedules = {**config.schedules, "secondary": secondary}
    world.one.apply(config.model_copy(update={"contacts": contacts, "schedules": schedules}))
    await world.post(notification(alert(**HIGH)))
    await world.forward("16m")
    (incident,) = await world.incidents()
    log = await world.one.incidents.events(incident.uid)
    late = next(event.seq for event in log if event.kind == "response_breached")
    return [(event.kind, event.reason, event.text) for event in log if event.seq > late and "on-call" in event.text]


async def test_a_backup_with_nobody_in_it_is_said(world: World) -> None:
    await world.open()
    weekend = Hours.model_validate({"days": ["sat", "sun"]})
    said = await unanswered(world, only=(weekend,))
    assert said == [("page_passed", "nobody", "no one is on call as the backup of on-call now")]
    assert "no one is on call as the backup of on-call now" in str(world.slack.taken)
    assert world.rung() == ["alice", "eng-lead"], "and the escalation continues"


async def test_a_backup_who_is_the_same_person_is_not_paged_twice(world: World) -> None:
    await world.open()
    said = await unanswered(world, Target(schedule="primary"))
    assert said == [("page_passed", "already_paged", "alice (on-call) is not paged: already paged")]
    assert world.rung() == ["alice", "eng-lead"]
