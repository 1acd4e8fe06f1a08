"""Teams: who is paged for which alerts, and what moves if an incident or the configuration changes."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.config import Config
from receiver.incident.log.notification_outcome import Outcome
from receiver.model.command import Acknowledge, ChangeTeam, Close, PageContact
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.model.oncall.team_settings import Team
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
HIGH: dict[str, str] = {"error_rate": "7.3%"}
TEAMS: dict[str, Any] = {
    "payments": {"labels": {"team": "payments"}, "contacts": {"on-call": {"person": "bob"}}, "chat": "#payments"},
    "data": {"labels": {"team": "data"}, "contacts": {"on-call": {"person": "carol"}}},
}


def teams(**more: Any) -> dict[str, Team]:
    return {name: Team.model_validate(team) for name, team in {**TEAMS, **more}.items()}


class TeamWorld(World):
    """The reference configuration, with the teams payments (Bob) and data (Carol) next to the top level (Alice)."""

    def configuration(self, **env: Any) -> Config:
        return super().configuration(**env).model_copy(update={"teams": teams()})

    def reload(self, configured: dict[str, Team]) -> None:
        for replica in self.replicas:
            replica.apply(replica.config.model_copy(update={"teams": configured}))


@pytest.fixture
async def world(store_url: str) -> Any:
    made = TeamWorld(store_url)
    try:
        yield await made.open()
    finally:
        await made.close()


def of(team: str, name: str = "HighErrorRate", **more: Any) -> dict[str, Any]:
    return alert(name, labels={"team": team} if team else {}, annotations=HIGH, **more)


async def by_team(world: World) -> dict[str, Incident]:
    found = await world.incidents()
    assert len({one.team for one in found}) == len(found)
    return {one.team: one for one in found}


async def test_each_team_is_paged_for_its_own_alerts_of_one_notification(world: TeamWorld) -> None:
    answer = await world.post(notification(of("payments"), of("data"), of("", "Other")))
    assert [part.outcome for part in answer.parts] == [Outcome.OPENED] * 3
    assert sorted(world.rung()) == ["alice", "bob", "carol"]
    found = await by_team(world)
    assert {team: one.firing for team, one in found.items()} == {"payments": 1, "data": 1, "": 1}
    assert found["payments"].team_reason == 'team payments: team="payments"'
    assert found[""].team_reason == "no team's matchers match: the top level owns it"
    again = await world.post(notification(of("payments"), of("data"), of("", "Other")))
    assert {part.outcome for part in again.parts} == {Outcome.DUPLICATE}
    await world.post(notification(of("payments", firing=False), of("data"), of("", "Other")))
    assert {team: one.state for team, one in (await by_team(world)).items()} == {
        "payments": State.MONITORING, "data": State.OPEN, "": State.OPEN,
    }  # fmt: skip
    assert len(world.rung()) == 3


async def test_a_team_hears_of_its_incidents_in_its_own_place(world: TeamWorld) -> None:
    await world.post(notification(of("payments")))
    (incident,) = await world.incidents()
    assert {
        to.address
        for event in await world.one.incidents.events(incident.uid)
        for to in event.to
        if to.channel == "chat"
    } == {"#payments"}


async def test_a_changed_configuration_moves_nothing_that_fires(world: TeamWorld) -> None:
    """Payments' alert keeps firing while its matchers now select data; only new alerts go to data."""
    await world.post(notification(of("payments")))
    moved = {**TEAMS["data"], "labels": {}, "matchers": ['team=~"data|payments"'], "priority": 1}
    world.reload(teams(data=moved))
    answer = await world.post(notification(of("payments")))
    assert (answer.foremost.outcome, world.rung()) == (Outcome.DUPLICATE, ["bob"])
    again = await world.post(notification(of("payments")))
    assert again.foremost.outcome is Outcome.DUPLICATE
    await world.post(notification(of("payments"), of("payments", "Late")))
    assert world.rung() == ["bob", "carol"]
    found = await by_team(world)
    assert {team: one.names for team, one in found.items()} == {"payments": ("HighErrorRate",), "data": ("Late",)}
    await world.post(notification(of("payments", firing=False), of("payments", "Late")))
    assert (await by_team(world))["payments"].state is State.MONITORING
    assert (await by_team(world))["data"].state is State.OPEN


async def test_what_ended_goes_to_the_team_that_owns_it_by_then(world: TeamWorld) -> None:
    await world.post(notification(of("payments")))
    world.reload(teams(data={**TEAMS["data"], "labels": {"team": "payments"}, "priority": 1}))
    await world.post(notification(of("payments", firing=False)))
    await world.forward("20m")
    await world.post(notification(of("payments", starts="2026-11-23T14:22:00Z")))
    assert world.rung() == ["bob", "carol"]


async def test_teams_are_added_to_a_store_with_open_incidents(world: TeamWorld) -> None:
    world.reload({})
    await world.post(notification(of("payments"), of("data")))
    (incident,) = await world.incidents()
    assert (incident.team, world.rung()) == ("", ["alice"])
    world.reload(teams())
    await world.post(notification(of("payments"), of("data")))
    await world.post(notification(of("payments", firing=False), of("data")))
    assert world.rung() == ["alice"], "nothing moves, nobody is paged"
    await world.post(notification(of("payments", firing=False), of("data", firing=False)))
    (incident,) = await world.incidents()
    assert incident.state is State.MONITORING


async def test_a_removed_team_keeps_its_incidents_and_its_people(world: TeamWorld) -> None:
    await world.post(notification(of("payments")))
    for replica in world.replicas:
        people = {name: person for name, person in replica.config.people.items() if name != "bob"}
        contacts = {**replica.config.contacts}
        replica.apply(replica.config.model_copy(update={"teams": {}, "people": people, "contacts": contacts}))
    await world.post(notification(of("payments")))
    assert world.rung() == ["bob"]
    (incident,) = await world.incidents()
    assert incident.team == "payments"
    assert world.one.setting.policy.of(incident).directory.people_of("on-call", world.clock.now()) == ("bob",)
    await world.one.respond.act(
        incident.id, PageContact(contact="on-call", text="still yours"), ALICE, world.clock.now()
    )
    await world.quiet()
    assert world.rung() == ["bob", "bob"]
    events = await world.one.incidents.events(incident.uid)
    assert {to.address for event in events for to in event.to if to.channel == "chat"} == {"#payments"}


async def test_a_removed_teams_alert_that_a_person_closed_stays_closed(world: TeamWorld) -> None:
    await world.post(notification(of("payments")))
    (incident,) = await world.incidents()
    await world.one.respond.act(incident.id, Close(force=True, text="known"), ALICE, world.clock.now())
    world.reload({})
    answer = await world.post(notification(of("payments")))
    assert answer.foremost.outcome is Outcome.DUPLICATE
    assert world.rung() == ["bob"]
    await world.post(notification(of("payments", firing=False)))
    await world.post(notification(of("payments", starts="2026-11-23T15:22:00Z")))
    assert len(await world.incidents()) == 2


async def test_handing_over_pages_the_new_team_and_ends_the_pages_of_the_old_one(world: TeamWorld) -> None:
    await world.post(notification(of("payments")))
    (incident,) = await world.incidents()
    await world.one.respond.act(incident.id, Acknowledge(), Actor(kind=ActorKind.API, name="bob"), world.clock.now())
    await world.quiet()
    await world.forward("1m")
    done = await world.one.respond.act(
        incident.id, ChangeTeam(team="data", text="it is Kafka"), ALICE, world.clock.now()
    )
    await world.quiet()
    assert (done.incident.team, done.incident.origin_team, done.incident.state) == ("data", "payments", State.OPEN)
    assert world.rung() == ["bob", "carol"]
    assert [key.split("/")[-2] for key in world.sent("resolve")] == ["bob"]
    (incident,) = await world.incidents()
    kinds = [event.kind for event in await world.one.incidents.events(incident.uid)]
    assert kinds.index(Kind.TEAM_CHANGED) > kinds.index(Kind.OPENED) >= 0, "the log stays"
    # Its alerts, and those that join it, stay with its current team.
    await world.post(notification(of("payments"), of("payments", "Late")))
    assert len(await world.incidents()) == 1
    await world.forward("16m")
    assert "bob" not in world.rung()[1:], "the escalation is that of the new team"
    again = await world.one.respond.act(incident.id, ChangeTeam(team="data"), ALICE, world.clock.now())
    assert again.events == ()


async def test_a_person_in_both_teams_is_not_paged_again(world: TeamWorld) -> None:
    world.reload(teams(data={**TEAMS["data"], "contacts": {"on-call": {"people": ["bob", "carol"]}}}))
    await world.post(notification(of("payments")))
    (incident,) = await world.incidents()
    await world.one.respond.act(incident.id, ChangeTeam(team="data"), ALICE, world.clock.now())
    await world.quiet()
    assert world.rung() == ["bob", "carol"]
    assert world.sent("resolve") == []
    # And a person of the old team who acknowledged it has it for the new team.
    await world.one.respond.act(incident.id, Acknowledge(), Actor(kind=ActorKind.API, name="bob"), world.clock.now())
    done = await world.one.respond.act(incident.id, ChangeTeam(team="payments"), ALICE, world.clock.now())
    await world.quiet()
    assert done.incident.state is State.ACKNOWLEDGED
    assert world.rung() == ["bob", "carol"]
    assert [key.split("/")[-2] for key in world.sent("resolve")] == ["carol"]


async def test_handing_over_to_the_top_level(world: TeamWorld) -> None:
    await world.post(notification(of("payments")))
    (incident,) = await world.incidents()
    done = await world.one.respond.act(incident.id, ChangeTeam(team=""), ALICE, world.clock.now())
    await world.quiet()
    assert (done.incident.team, world.rung()) == ("", ["bob", "alice"])


async def test_calling_in_another_team_hands_nothing_over(world: TeamWorld) -> None:
    await world.post(notification(of("payments")))
    (incident,) = await world.incidents()
    await world.one.respond.act(incident.id, PageContact(contact="@data", text="Kafka?"), ALICE, world.clock.now())
    await world.quiet()
    (incident,) = await world.incidents()
    assert (incident.team, world.rung()) == ("payments", ["bob", "carol"])
    assert incident.pages[-1].contact == "data/on-call"
    called = await world.one.calls.page("data", "look", ALICE, world.clock.now())
    assert [page.person for page in called.pages] == ["carol"]


async def test_two_replicas_with_different_teams_page_once(world: TeamWorld) -> None:
    """One replica has not reloaded yet: both get the notification, and one of them decides who owns it."""
    other = await world.replica()
    other.apply(other.config.model_copy(update={"teams": {}}))
    for first, second in ((0, 1), (1, 0)):
        name = f"Alert{first}"
        body = notification(of("payments", name), of("data", name), group=name)
        await world.post(body, first)
        paged = list(world.rung())
        await world.post(body, second)
        assert world.rung() == paged
    assert world.rung() == ["bob", "carol", "alice"]


async def test_a_storm_of_one_team_holds_nothing_back_from_another(world: TeamWorld) -> None:
    for n in range(25):
        await world.post(notification(of("payments", f"P{n}"), group=f"p{n}"))
    storms = [one for one in await world.incidents() if one.storm]
    assert [one.team for one in storms] == ["payments"]
    await world.post(notification(of("data", "D"), group="d"))
    await world.post(notification(of("", "T"), group="t"))
    assert world.rung()[-2:] == ["carol", "alice"]
    assert len([one for one in await world.incidents() if one.storm]) == 1


async def test_incidents_of_one_group_that_teams_share_are_called_apart(world: TeamWorld) -> None:
    place = {"namespace": "shop", "queue": "orders"}
    alerts = [alert("Backlog", labels={**place, "team": team}, annotations=HIGH) for team in ("payments", "data", "x")]
    await world.post(notification(*alerts))
    titles = {team: one.title for team, one in (await by_team(world)).items()}
    assert len(set(titles.values())) == 3, titles
    assert "payments" in titles["payments"] and "data" in titles["data"]
