"""Slack's users: signed requests, slash commands, buttons, forms and pins; every request gets a response."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from receiver.incident.response.slash_arguments import severity
from receiver.model.command import Declare
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.model.oncall.team_settings import Team
from receiver.model.severity import Severity
from receiver.sources.http_client import SourceAnswer
from receiver.store.client.connection import StoreAway
from receiver.web.webhooks.signatures import by_slack
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House, Opened

SECRET = "s" * 32
SAMPLES = Path(__file__).parents[2] / "samples"
SECOND = timedelta(seconds=1)
ALICE, BOB, EVE = "U0ALICE", "U0BOB", "U0EVE"


def signed(house: House, raw: bytes, *, secret: str = SECRET, late: float = 0.0) -> dict[str, str]:
    """Return Slack's signature headers for a body, from now or `late` seconds ago."""
    stamp = str(int(house.world.clock.now().timestamp() - late))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + raw, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


async def post(house: House, path: str, raw: bytes, headers: dict[str, str], kind: str = "form") -> tuple[int, Any]:
    """Post as Slack does; return status and response, None if it is empty."""
    form = "application/x-www-form-urlencoded" if kind == "form" else "application/json"
    async with house.client.post(path, data=raw, headers={"Content-Type": form, **headers}) as response:
        text = await response.text()
        await house.world.quiet()
        return response.status, json.loads(text) if text else None


async def type_(house: House, command: str, text: str = "", **more: str) -> str:
    """Send a command, and return the response as one text; `more` as for `raw_type`."""
    status, said = await raw_type(house, command, text, **more)
    assert status == 200
    return "" if said is None else "\n".join(b["text"]["text"] for b in said["blocks"] if b["type"] == "section")


async def raw_type(
    house: House, command: str, text: str, *, user: str = ALICE, place: str = "C0GENERAL", name: str = ""
) -> Any:
    """Send a command; return status and response."""
    fields = {
        "team_id": "T0ACME", "channel_id": place, "user_id": user, "user_name": name or user.lower()[2:],
        "command": command, "text": text, "api_app_id": "A0APP", "trigger_id": "1.2.3",
        "response_url": "https://hooks.slack.com/x",
    }  # fmt: skip
    raw = urlencode(fields).encode()
    house.world.clock.forward(SECOND)
    return await post(house, "/slack/commands", raw, signed(house, raw))


async def click(house: House, payload: dict[str, Any], user: str = ALICE) -> tuple[int, Any]:
    """Send an interaction."""
    whole = {
        "user": {"id": user, "name": user.lower()[2:]}, "team": {"id": "T0ACME"}, "api_app_id": "A0APP",
        "trigger_id": "1.2.3", **payload,
    }  # fmt: skip
    raw = f"payload={quote(json.dumps(whole))}".encode()
    house.world.clock.forward(SECOND)
    return await post(house, "/slack/interactions", raw, signed(house, raw))


def button(name: str, value: str = "INC-2026-0001", **more: Any) -> dict[str, Any]:
    """Return the payload of a click on a button."""
    action = {"type": "button", "action_id": f"incident_{name}", "block_id": "incident_actions", "value": value, **more}
    return {"type": "block_actions", "channel": {"id": "C0INCIDENTS"}, "actions": [action]}


async def one(house: House) -> Incident:
    """Return the newest incident."""
    return (await house.world.incidents())[-1]  # type: ignore[no-any-return]


async def log(house: House) -> list[Any]:
    """Return the newest incident's log."""
    return await house.world.one.incidents.events((await one(house)).uid)


@pytest.fixture
async def fired(house: House) -> House:
    """A house with one SEV-2 incident that has paged Alice."""
    await house.world.post(notification(alert("AuthFailing")))
    return house


async def test_the_whole_response_of_the_seed(opened: Opened) -> None:
    house = await opened(rooms=True)
    said = await type_(house, "/incident", 'create "API High Error Rate" severity=2')
    assert "INC-2026-0001 is open as SEV-2: API High Error Rate. Paged: alice" in said
    ((room, made),) = house.world.slack.rooms.items()
    assert made["name"] == "inc-2026-0001-api-high-error-rate"
    assert ALICE in made["members"]
    assert "INC-2026-0001" in made["topic"]
    assert len(made["pins"]) == 1
    said = await type_(house, "/page", '@backend-oncall "SEV-2: API errors spiking"', place=room)
    assert "INC-2026-0001: alice pages backend-oncall: SEV-2: API errors spiking" in said
    assert "timer started" in await type_(house, "/incident", "timer start", place=room)
    text = "Investigating elevated error rates"
    assert text in await type_(house, "/status", f'update investigating "{text}"', place=room)
    house.world.clock.forward(timedelta(minutes=1))
    assert "acknowledged again by alice" in await type_(house, "/incident", "ack", place=room)
    path = "/api/v1/incidents/INC-2026-0001/timeline"
    async with house.client.get(path, headers={**READ, "Accept": "text/markdown"}) as response:
        assert (await response.text()).lower().count("acknowledged") == 1
    assert "Review alert details and metrics: done (alice)" in await type_(
        house, "/incident", "checklist 1", place=room
    )
    assert "mitigation: Rollback deployment" in await type_(house, "/incident", 'mitigate rollback "v41"', place=room)
    assert "resolved" in await type_(house, "/status", 'update resolved "Issue has been resolved"', place=room)
    assert "closed by alice" in await type_(house, "/incident", "close", place=room)
    incident = await one(house)
    assert incident.state is State.CLOSED
    assert house.world.slack.rooms[room]["archived"]
    kinds = [event.kind for event in await log(house)]
    assert [k for k in kinds if k in (Kind.OPENED, Kind.PAGE, Kind.TIMER_STARTED, Kind.CHECKLIST, Kind.MITIGATION,
                                      Kind.RESOLVED, Kind.CLOSED)] == [
        Kind.OPENED, Kind.PAGE, Kind.PAGE, Kind.TIMER_STARTED, Kind.CHECKLIST, Kind.MITIGATION, Kind.RESOLVED,
        Kind.CLOSED,
    ]  # fmt: skip
    assert all(event.actor.kind is ActorKind.SLACK for event in await log(house) if event.kind is Kind.CHECKLIST)


@pytest.mark.parametrize(
    ("command", "text", "expected"),
    [
        ("/incident", "ack INC-2026-0001 looking at it", "acknowledged by alice: looking at it"),
        ("/incident", "INC-2026-0001 ack", "acknowledged by alice"),
        ("/incident", "ACK inc-2026-0001", "acknowledged by alice"),
        ("/incident", "severity 1 INC-2026-0001 all of it", "severity set from SEV-2 to SEV-1 by alice"),
        ("/incident", "INC-2026-0001 sev sev-3", "severity set from SEV-2 to SEV-3"),
        ("/incident", "role ic <@U0BOB|bob> INC-2026-0001", "bob is Incident Commander"),
        ("/incident", "role comms @carol INC-2026-0001", "carol is Communications Lead"),
        ("/incident", "note “a phone's quotes” INC-2026-0001", "a phone's quotes"),
        ("/incident", "note a &lt;b&gt; &amp; c INC-2026-0001", "a &lt;b&gt; &amp; c"),
        ("/incident", 'action "add a limit" <@U0BOB> 2026-12-01 INC-2026-0001', "add a limit (bob, due 2026-12-01)"),
        ("/incident", "action add a limit @carol friday INC-2026-0001", "add a limit (carol, due 2026-11-27)"),
        ("/incident", "escalate INC-2026-0001", "eng-lead is paged for engineering-lead"),
        ("/incident", "identify INC-2026-0001 bad release", "cause identified by alice: bad release"),
        ("/incident", "resolve INC-2026-0001", "resolved by alice"),
        ("/incident", "resolve INC-2026-0001", "Warning: 1 alert is still firing and will page no one"),
        ("/incident", 'close --force "a test" INC-2026-0001', "closed by alice"),
        (
            "/status",
            'update identified "It is the database." INC-2026-0001',
            "identified (draft 1, waiting for",
        ),
        ("/status", "approve INC-2026-0001", "update 1 approved by alice"),
        ("/incident", "postmortem INC-2026-0001", "Post-mortem of INC-2026-0001: the generated draft."),
        ("/incident", "postmortem INC-2026-0001", "### Contributing Factors"),
        ("/incident", "show INC-2026-0001", "INC-2026-0001  SEV-2  open  AuthFailing"),
        ("/incident", "INC-2026-0001", "INC-2026-0001  SEV-2  open  AuthFailing"),
        ("/incident", "list", "INC-2026-0001  SEV-2  open  AuthFailing: api  (not acknowledged)"),
        ("/incident", "", "/incident role ic|tech|comms|scribe @USER"),
        ("/incident", "help", '/incident create "TITLE" severity=2'),
        ("/oncall", "", "primary: Alice until Mon 2026-11-30 09:00 UTC"),
        ("/page", '@backend-oncall "come"', "Paged: alice"),
        ("/page", '<!subteam^S0BACK|@backend-oncall> "come"', "Paged: alice"),
        ("/incident", "action “add a limit” <!subteam^S0SRE|@sre> INC-2026-0001", "add a limit (sre)"),
    ],
)
async def test_a_command_is_done_and_answered(fired: House, command: str, text: str, expected: str) -> None:
    assert expected in await type_(fired, command, text)


@pytest.mark.parametrize(
    ("command", "text", "right"),
    [
        ("/incident", "ack", "name the incident"),
        ("/incident", "ack INC-2026-0099", "no incident is named INC-2026-0099"),
        ("/incident", "ack INC-2026-0001 INC-2026-0002", "name one incident"),
        ("/incident", "create something", '/incident create "TITLE" severity=2'),
        ("/incident", 'create "x" severity=7', "write 1, 2, 3 or 4"),
        ("/incident", "role chief @bob INC-2026-0001", "ic|tech|comms|scribe"),
        ("/incident", "role ic INC-2026-0001", "something is missing"),
        ("/incident", "checklist 9 INC-2026-0001", "from 1 to 6"),
        ("/incident", "silence soon INC-2026-0001", "write 30m, 2h or 1d"),
        ("/incident", "silence 90d INC-2026-0001", "from a minute to a week"),
        ("/incident", "action nobody's INC-2026-0001", "a title and an owner"),
        ("/incident", "timer pause INC-2026-0001", "start|stop"),
        ("/incident", "note INC-2026-0001", "write /incident note"),
        ("/incident", "close INC-2026-0001", "resolve it first"),
        ("/incident", "close --force INC-2026-0001", "give a reason for closing it now"),
        ("/incident", "reopen INC-2026-0001", "possible: "),
        ("/incident", "merge INC-2026-0001", "name both"),
        ("/incident", "dance INC-2026-0001", "no command dance"),
        ("/status", 'update fixed "x" INC-2026-0001', "investigating|identified|monitoring|resolved"),
        ("/status", "update resolved INC-2026-0001", "has no text"),
        ("/status", "approve INC-2026-0001 2", "it has updates 1 to 1"),
        ("/status", "approve INC-2026-0001 ²", "not the number of a draft"),
        ("/status", "approve INC-2026-0001 " + "9" * 5000, "not the number of a draft"),
        ("/status", "approve INC-2026-0001 0", "write /status approve 2"),
        ("/incident", "checklist ² INC-2026-0001", "from 1 to 6"),
        ("/page", '@backend-onkall "come"', "did you mean backend-oncall?"),
        ("/page", "@backend-oncall", "give a reason"),
        ("/oncall", "accept nothing", 'no schedule is named "nothing" (schedules: primary, secondary)'),
        ("/oncall", "swap", "/oncall accept"),
        ("/else", "", "is not a supported command"),
    ],
)
async def test_a_wrong_one_is_told_what_would_be_right(fired: House, command: str, text: str, right: str) -> None:
    before = await one(fired)
    said = await type_(fired, command, text)
    assert right in said
    assert await one(fired) == before
    assert len(fired.world.sent()) == 1


async def test_a_page_to_nobody_in_the_incidents_own_channel_is_told_what_would_be_right(fired: House) -> None:
    await fired.replica.incidents.keep_room("C0ROOM", (await one(fired)).uid)
    for contact in ("@", "@" + "x" * 500):
        said = await type_(fired, "/page", f"{contact} come", place="C0ROOM")
        assert '/page @CONTACT "TEXT"' in said or "no contact is named" in said
    assert fired.world.rung() == ["alice"]


async def test_two_are_merged(fired: House) -> None:
    await fired.world.post(notification(alert("AuthDown"), group="other"))
    said = await type_(fired, "/incident", "INC-2026-0002 merge INC-2026-0001")
    assert "INC-2026-0002 was merged into INC-2026-0001" in said
    found = {one.id: one.merged for one in await fired.world.incidents()}
    assert found == {"INC-2026-0001": False, "INC-2026-0002": True}


async def test_a_silence_is_made(opened: Opened) -> None:
    house = await opened(ALERTMANAGER_URL="http://am.example.com")
    house.replica.silences.source_client = house.world.outside
    house.world.outside.answers["http://am.example.com/api/v2/silences"] = SourceAnswer(200, b"[]")
    house.world.outside.answers["http://am.example.com/api/v2/alerts"] = SourceAnswer(200, b"[]")
    await house.world.post(notification(alert("AuthFailing")))
    assert "Alertmanager" in await type_(house, "/incident", "silence 2h INC-2026-0001")


async def test_a_hand_off_is_accepted_by_whom_it_waits_for(house: House) -> None:
    assert "no hand-off is waiting for you" in await type_(house, "/oncall", "accept", user=EVE)
    assert "primary: accepted by alice" in await type_(house, "/oncall", "accept")
    assert "no hand-off is waiting for you" in await type_(house, "/oncall", "accept")
    assert "primary: accepted by alice" in await type_(house, "/oncall", "accept primary", user=BOB)


async def test_a_name_that_somebody_else_chose_answers_for_nobody(house: House) -> None:
    await house.world.post(notification(alert("AuthFailing")))
    house.world.clock.forward(timedelta(hours=1))
    # A Slack user with the name Bob is not Bob: his hand-off stays pending, and the log distinguishes them.
    assert "no hand-off is waiting for you" in await type_(house, "/oncall", "accept", user="U0STRANGER", name="bob")
    await type_(house, "/incident", "ack INC-2026-0001", user="U0STRANGER", name="Bob")
    assert (await one(house)).acknowledged_by == "Bob (U0STRANGER)"
    await type_(house, "/incident", "role ic <@U0STRANGER|bob> INC-2026-0001")
    assert (await one(house)).roles.incident_commander == "bob (U0STRANGER)"
    assert "accepted by bob" in await type_(house, "/oncall", "accept", user=BOB, name="robert")


async def test_the_buttons_of_the_message(fired: House) -> None:
    (message,) = fired.world.slack.parents
    (row,) = [block for block in message["blocks"] if block["type"] == "actions"]
    assert [element["text"]["text"] for element in row["elements"]][:4] == [
        "Acknowledge", "Escalate", "Take IC", "Resolve",
    ]  # fmt: skip
    assert await click(fired, button("ack"), BOB) == (200, None)
    assert (await one(fired)).acknowledged_by == "bob"
    # A double click is another request, and has no effect.
    before = (await one(fired)).pages
    await click(fired, button("ack"), BOB)
    assert [event.kind for event in await log(fired)].count(Kind.ACKNOWLEDGED) == 1
    await click(fired, button("take_ic"), BOB)
    await click(fired, button("take_ic"), BOB)
    incident = await one(fired)
    assert (incident.roles.incident_commander, incident.pages) == ("bob", before)
    assert [event.kind for event in await log(fired)].count(Kind.ROLE) == 1
    await click(fired, button("resolve"))
    assert (await one(fired)).state is State.RESOLVED
    (message,) = fired.world.slack.parents
    (row,) = [block for block in message["blocks"] if block["type"] == "actions"]
    assert [element["text"]["text"] for element in row["elements"]] == ["Reopen", "Close"]


def shown(house: House) -> str:
    """Return the id of the current row of buttons in the message."""
    return next(str(b["block_id"]) for b in house.world.slack.parents[0]["blocks"] if b["type"] == "actions")


@pytest.mark.parametrize("at_once", [True, False])
async def test_two_clicks_on_escalate_are_one_step(fired: House, at_once: bool) -> None:
    before = shown(fired)
    wish = button("escalate", block_id=before)
    if at_once:
        await asyncio.gather(click(fired, wish), click(fired, wish, BOB))
    else:
        await click(fired, wish)
        await click(fired, wish, BOB)
    assert fired.world.rung() == ["alice", "eng-lead"]
    # The current message is about the next step.
    assert shown(fired) != before
    await click(fired, button("escalate", block_id=shown(fired)))
    assert fired.world.rung() == ["alice", "eng-lead", "vp-eng"]


async def test_a_click_that_cannot_be_done_is_answered_where_slack_asks(fired: House) -> None:
    await click(fired, button("resolve"))
    url = f"{fired.world.site.url}/hook"
    assert await click(fired, {**button("escalate"), "response_url": url}) == (200, None)
    for address in ("http://169.254.169.254/latest", "https://hooks.slack.com.evil.example", "file:///etc/passwd"):
        assert await click(fired, {**button("escalate"), "response_url": address}) == (200, None)


async def test_whoever_clicks_resolve_is_told_of_alerts_that_fire(
    fired: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    async def speak(url: str, content: dict[str, Any]) -> None:
        said.append(content["blocks"][0]["text"]["text"])

    monkeypatch.setattr(fired.parts.slack.requests, "speak", speak)
    await click(fired, button("ack"))
    assert await click(fired, {**button("resolve"), "response_url": "https://hooks.slack.com/x"}) == (200, None)
    await fired.world.quiet()
    assert len(said) == 1 and "Warning: 1 alert is still firing and will page no one" in said[0]


async def test_boxes_are_ticked_and_unticked_by_name_and_time(fired: House) -> None:
    status, said = await raw_type(fired, "/incident", "checklist INC-2026-0001")
    assert status == 200
    boxes = said["blocks"][-1]["elements"][0]
    assert len(boxes["options"]) == 6

    def ticked(*items: str) -> dict[str, Any]:
        chosen = [option for option in boxes["options"] if option["value"] in items]
        action = {"type": "checkboxes", "action_id": "incident_checklist", "selected_options": chosen,
                  "block_id": said["blocks"][-1]["block_id"]}  # fmt: skip
        return {"type": "block_actions", "channel": {"id": "C0GENERAL"}, "actions": [action]}

    await click(fired, ticked("1", "3"), BOB)
    assert [(tick.item, tick.by) for tick in (await one(fired)).checklist] == [(1, "bob"), (3, "bob")]
    # Alice's list is older than Bob's check marks: she has cleared none.
    await click(fired, ticked("4"), ALICE)
    assert [tick.item for tick in (await one(fired)).checklist] == [1, 3, 4]
    await click(fired, ticked(), ALICE)
    assert [tick.item for tick in (await one(fired)).checklist] == [1, 3]
    _, said = await raw_type(fired, "/incident", "checklist INC-2026-0001")
    boxes = said["blocks"][-1]["elements"][0]
    assert len(boxes["initial_options"]) == 2
    await click(fired, ticked("3", "4"), ALICE)
    assert [(tick.item, tick.by) for tick in (await one(fired)).checklist] == [(3, "bob"), (4, "alice")]


async def test_a_mitigation_is_chosen_from_the_list(fired: House) -> None:
    _, said = await raw_type(fired, "/incident", "mitigate INC-2026-0001")
    choice = said["blocks"][-1]["elements"][0]
    assert choice["options"][0]["value"] == "rollback"
    action = {"type": "static_select", "action_id": "incident_mitigate", "block_id": said["blocks"][-1]["block_id"],
              "selected_option": choice["options"][1]}  # fmt: skip
    await click(fired, {"type": "block_actions", "actions": [action]})
    assert (await one(fired)).mitigations[0].option == "scale"


async def test_a_form_for_status_updates(fired: House) -> None:
    await click(fired, button("update"))
    (view,) = fired.world.slack.views
    values = {
        "status": {"status_select": {"selected_option": {"value": "identified"}}},
        "msg": {"msg_input": {"value": "It is the database."}},
        "cause": {"cause_input": {"value": "A failed disk"}},
        "expected": {"expected_select": {"selected_option": {"value": "120"}}},
        "next": {"next_select": {"selected_option": {"value": "30"}}},
    }
    asked = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    assert asked == list(values), "every field of the form is read"
    sent = {**view, "state": {"values": values}}
    assert await click(fired, {"type": "view_submission", "view": sent}) == (200, None)
    (update,) = [one for one in (await one(fired)).updates if one.text == "It is the database."]
    assert update.status == "identified"
    assert update.cause == "A failed disk"
    assert update.next_update == fired.world.clock.now() + timedelta(minutes=30)
    assert update.expected_resolution == fired.world.clock.now() + timedelta(hours=2)
    values["msg"]["msg_input"]["value"] = " "
    status, said = await click(fired, {"type": "view_submission", "view": sent})
    assert (status, said["response_action"], list(said["errors"])) == (200, "errors", ["msg"])


async def test_a_form_that_is_none_of_ours_is_refused_in_words(fired: House) -> None:
    deep: Any = "identified"
    for _ in range(300):
        deep = {"selected_option": deep}
    sent = {"id": "V0FORM", "callback_id": "incident_update", "private_metadata": '{"incident": "INC-2026-0001"}',
            "state": {"values": {"status": deep}}}  # fmt: skip
    status, said = await click(fired, {"type": "view_submission", "view": sent})
    assert (status, said["response_action"]) == (200, "errors")
    assert "not one of this service" in said["errors"]["msg"]


async def test_a_drill_is_one_in_an_answer_and_in_the_form(house: House) -> None:
    asked = Declare(title="Fire drill", severity=Severity.SEV2, service="api", drill=True)
    boss = Actor(kind=ActorKind.API, name="boss")
    await house.replica.respond.declare(asked, boss, house.world.clock.now())
    assert "DRILL Fire drill" in await type_(house, "/incident", "show INC-2026-0001")
    await click(house, button("update"))
    assert "DRILL Fire drill" in str(house.world.slack.views)


async def test_a_form_that_is_sent_twice_says_it_once(fired: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await click(fired, button("update"))
    values = {
        "status": {"status_select": {"selected_option": {"value": "identified"}}},
        "msg": {"msg_input": {"value": "It is the database."}},
    }
    sent = {**fired.world.slack.views[0], "id": "V0FORM", "state": {"values": values}}
    waits, find = asyncio.Event(), fired.replica.slack_requests.meant

    async def slow(*given: Any) -> Any:
        await waits.wait()
        return await find(*given)

    monkeypatch.setattr("receiver.web.webhooks.slack.LIMIT", 0.05)
    monkeypatch.setattr(fired.replica.slack_requests, "meant", slow)
    status, said = await click(fired, {"type": "view_submission", "view": sent})
    assert (status, said["response_action"], "send it again" in said["errors"]["msg"]) == (200, "errors", True)
    waits.set()
    monkeypatch.setattr("receiver.web.webhooks.slack.LIMIT", 2.4)
    assert await click(fired, {"type": "view_submission", "view": sent}) == (200, None)
    assert [one.text for one in (await one(fired)).updates].count("It is the database.") == 1
    values["msg"]["msg_input"]["value"] = "It is the cache."
    assert await click(fired, {"type": "view_submission", "view": sent}) == (200, None)
    assert (await one(fired)).updates[-1].text == "It is the cache."


async def pinned(house: House, event: dict[str, Any]) -> list[Any]:
    """Send an event, and return the notes of the timeline."""
    raw = json.dumps({"type": "event_callback", "team_id": "T0ACME", "api_app_id": "A0APP", "event": event}).encode()
    house.world.clock.forward(SECOND)
    assert (await post(house, "/slack/events", raw, signed(house, raw), "json"))[0] == 200
    return [(event.text, event.actor.name) for event in await log(house) if event.kind is Kind.NOTE]


async def test_an_answer_in_a_thread_is_marked_like_any_message(opened: Opened) -> None:
    house = await opened(rooms=True)
    await house.world.post(notification(alert("AuthFailing")))
    (room,) = house.world.slack.rooms
    said = {"channel": room, "user": BOB, "text": "it is the cache", "ts": "1795442600.000100"}
    house.world.slack.messages.append({**said, "thread_ts": house.world.slack.messages[0]["ts"]})
    push = {"type": "reaction_added", "user": ALICE, "reaction": "pushpin",
            "item": {"type": "message", "channel": room, "ts": said["ts"]}}  # fmt: skip
    assert await pinned(house, push) == [("bob: it is the cache", "alice")]
    # Removing the pin removes nothing from the log, and a second pin adds nothing.
    assert await pinned(house, {**push, "type": "reaction_removed"}) == [("bob: it is the cache", "alice")]
    assert await pinned(house, push) == [("bob: it is the cache", "alice")]


async def test_whoever_may_not_act_pins_nothing_to_the_timeline(opened: Opened) -> None:
    def narrowed(config: Any) -> Any:
        chat = config.channels["chat"].model_copy(update={"responders": ("S0SRE",)})
        return config.model_copy(update={"channels": {**config.channels, "chat": chat}})

    house = await opened(narrowed, rooms=True)
    house.replica.apply(house.replica.config)
    house.world.slack.groups["S0SRE"] = [ALICE]
    await house.world.post(notification(alert("AuthFailing")))
    (room,) = house.world.slack.rooms
    said = {"type": "message", "user": EVE, "text": "it was Bob", "ts": "1795442600.000100"}
    pin = {"type": "pin_added", "channel_id": room, "item": {"type": "message", "message": said}}
    assert await pinned(house, {**pin, "user": EVE}) == []
    assert await pinned(house, {**pin, "user": ALICE}) == [(f"{EVE}: it was Bob", "alice")]


async def test_a_pinned_message_is_a_line_of_the_timeline_once(opened: Opened) -> None:
    house = await opened(rooms=True)
    await house.world.post(notification(alert("AuthFailing")))
    (room,) = house.world.slack.rooms
    said = {"type": "message", "user": BOB, "text": "it is &lt;@U0ALICE&gt;, <@U0ALICE>", "ts": "1795442600.000100"}
    house.world.slack.messages.append({"channel": room, "user": BOB, **said})
    pin = {"type": "pin_added", "user": ALICE, "channel_id": room, "item": {"type": "message", "message": said}}
    push = {"type": "reaction_added", "user": ALICE, "reaction": "pushpin",
            "item": {"type": "message", "channel": room, "ts": said["ts"]}}  # fmt: skip
    other = {**push, "reaction": "thumbsup"}
    ours = {**pin, "item": {"type": "message", "message": {**said, "ts": "1795442601.0", "bot_id": "B1"}}}
    for event in (other, ours, push, pin, push):
        raw = json.dumps({"type": "event_callback", "team_id": "T0ACME", "event": event}).encode()
        house.world.clock.forward(SECOND)
        assert (await post(house, "/slack/events", raw, signed(house, raw), "json"))[0] == 200
    notes = [event for event in await log(house) if event.kind is Kind.NOTE]
    assert [(note.text, note.actor.name) for note in notes] == [("bob: it is <@U0ALICE>, @alice", "alice")]


async def test_the_handshake(house: House) -> None:
    raw = b'{"type": "url_verification", "challenge": "3eZbrw1aB"}'
    assert await post(house, "/slack/events", raw, signed(house, raw), "json") == (200, {"challenge": "3eZbrw1aB"})


async def test_what_a_label_says_stays_dead_in_every_answer(house: House) -> None:
    evil = "<!channel> <@U0VP> *bold* <https://evil.example|click> &"
    await house.world.post(notification(alert("AuthFailing", annotations={"summary": evil})))
    for text in ("list", "show INC-2026-0001", "postmortem INC-2026-0001", "ack INC-2026-0001"):
        _, said = await raw_type(house, "/incident", text)
        whole = json.dumps(said)
        assert "<!channel>" not in whole
        assert "<@U0VP>" not in whole
        assert "<https" not in whole
        assert all(b["text"]["type"] == "plain_text" for b in said["blocks"] if b["type"] == "section")


async def test_repeated_it_is_done_once(fired: House) -> None:
    raw = urlencode({"command": "/page", "text": '@backend-oncall "come"', "user_id": ALICE, "channel_id": "C1"})
    headers = signed(fired, raw.encode())
    for _ in range(3):
        assert (await post(fired, "/slack/commands", raw.encode(), headers))[0] == 200
    assert len(fired.world.sent()) == 2  # the incident's own channel, and one of these


async def test_a_stranger_is_refused(fired: House) -> None:
    before = await one(fired)
    raw = urlencode({"command": "/incident", "text": "resolve INC-2026-0001", "user_id": ALICE}).encode()
    good = signed(fired, raw)
    for headers in (
        {}, signed(fired, raw, secret="guessed"), signed(fired, raw, late=301), signed(fired, raw, late=-301),
        {**good, "X-Slack-Signature": "v0="}, {**good, "X-Slack-Request-Timestamp": "soon"},
        signed(fired, raw + b"&x=1"),
    ):  # fmt: skip
        for path in ("/slack/commands", "/slack/interactions", "/slack/events"):
            assert (await post(fired, path, raw, headers))[0] == 401
    assert await one(fired) == before
    read = urlencode({"command": "/incident", "text": "list", "user_id": ALICE}).encode()
    assert (await post(fired, "/slack/commands", read, signed(fired, read, late=299)))[0] == 200
    big = b"x" * 70_000
    assert (await post(fired, "/slack/commands", big, signed(fired, big)))[0] == 413
    assert await one(fired) == before


async def test_without_a_secret_the_doors_are_shut(opened: Opened) -> None:
    house = await opened(SLACK_SIGNING_SECRET="")
    raw = b"command=%2Fincident&text=list"
    assert (await post(house, "/slack/commands", raw, signed(house, raw, secret="")))[0] == 401
    await house.world.post(notification(alert("AuthFailing")))
    # A click would have no effect.
    assert [b for b in house.world.slack.parents[0]["blocks"] if b["type"] == "actions"] == []


async def test_only_the_configured_workspace_app_and_responders(opened: Opened) -> None:
    def narrowed(config: Any) -> Any:
        chat = config.channels["chat"].model_copy(
            update={"workspace": "T0ACME", "app": "A0APP", "responders": ("S0SRE",)}
        )
        return config.model_copy(update={"channels": {**config.channels, "chat": chat}})

    house = await opened(narrowed)
    house.replica.apply(house.replica.config)
    house.world.slack.groups["S0SRE"] = [ALICE]
    await house.world.post(notification(alert("AuthFailing")))
    assert "only the configured responders" in await type_(house, "/incident", "ack INC-2026-0001", user=BOB)
    assert "AuthFailing" in await type_(house, "/incident", "list", user=BOB)
    assert (await one(house)).state is State.OPEN
    assert "acknowledged by alice" in await type_(house, "/incident", "ack INC-2026-0001")
    raw = urlencode({"command": "/incident", "text": "list", "team_id": "T0EVIL", "api_app_id": "A0APP"}).encode()
    assert (await post(house, "/slack/commands", raw, signed(house, raw)))[0] == 403


def test_the_vectors_of_the_contract() -> None:
    vectors = json.loads((SAMPLES / "signatures-slack.json").read_text())
    secret = vectors["signing_secret"].encode()
    for name in ("slack-slash-command.form", "slack-block-actions.form"):
        raw, given = (SAMPLES / name).read_bytes(), vectors[name]
        stamp, signature = given["X-Slack-Request-Timestamp"], given["X-Slack-Signature"]
        assert by_slack(stamp, signature, raw, secret, 1795442700.0)
        assert not by_slack(stamp, signature, raw, secret, 1795443001.0)
        assert not by_slack(stamp, signature, raw + b" ", secret, 1795442700.0)
    for bad in vectors["must_fail"]:
        now = float(bad.get("now", 1795442700))
        stamp, signature = bad["X-Slack-Request-Timestamp"], bad["X-Slack-Signature"]
        assert not by_slack(stamp, signature, bad["body"].encode(), secret, now)


async def test_nobody_is_served_while_the_store_is_away(fired: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise StoreAway("connection")

    monkeypatch.setattr(fired.replica.slack_requests.incidents, "uid_of", away)
    assert "store is unavailable" in await type_(fired, "/incident", "ack INC-2026-0001")


def test_every_severity_may_be_typed() -> None:
    for text in ("2", "sev2", "SEV-2", "severity=2", "Sev 2"):
        assert severity(text) is Severity.SEV2


@pytest.mark.parametrize("path", ["/slack/commands", "/slack/interactions"])
@pytest.mark.parametrize("fields", [101, 5000])
async def test_a_signed_form_of_too_many_fields_is_refused_and_no_fault_of_ours(
    house: House, path: str, fields: int
) -> None:
    raw = "&".join(f"f{n}=x" for n in range(fields)).encode()
    status, said = await post(house, path, raw, signed(house, raw))
    assert status == 400
    assert "more than 100 fields" in said["detail"]


async def test_a_private_incident_is_there_for_its_teams_groups_alone(opened: Opened) -> None:
    def secretive(config: Any) -> Any:
        team = Team.model_validate({"matchers": ['team="payments"'], "private": True})
        chat = config.channels["chat"].model_copy(
            update={"team_groups": {"payments": ("S0PAY",), "search": ("S0SEA",)}}
        )
        return config.model_copy(
            update={"channels": {**config.channels, "chat": chat}, "teams": {"payments": team, "search": Team()}}
        )

    house = await opened(secretive, rooms=True)
    house.replica.apply(house.replica.config)
    house.world.slack.groups |= {"S0PAY": [ALICE], "S0SEA": [BOB]}
    labels = {"team": "payments", "service": "Zanzibar"}
    await house.world.post(notification(alert("ZanzibarDown", labels=labels)))
    (incident,) = await house.world.incidents()
    assert incident.private
    assert "ZanzibarDown" in await type_(house, "/incident", f"show {incident.id}")
    assert incident.id in await type_(house, "/incident", "list")
    missing = (await type_(house, "/incident", "show INC-2026-0999", user=BOB)).replace("INC-2026-0999", incident.id)
    for verb in ("show", "ack", "note x"):
        assert await type_(house, "/incident", f"{verb} {incident.id}", user=BOB) == missing
    assert "No incident is open" in await type_(house, "/incident", "list", user=BOB)
    assert house.world.slack.rooms == {}
    assert "zanzibar" not in json.dumps(house.world.slack.messages).lower()


async def test_a_shift_is_offered_and_taken_over_in_slack(house: House) -> None:
    said = await type_(house, "/oncall", "offer tomorrow 2026-12-24", user=ALICE)
    number = said.split(":")[0]
    assert number.startswith("offer-")
    assert "your own" in await type_(house, "/oncall", f"accept {number}", user=ALICE)
    assert "You take over primary" in await type_(house, "/oncall", f"accept {number}", user=BOB)
    told = json.dumps(house.world.slack.messages)
    assert f"/oncall accept {number}" in told
    assert f"({number})" in told, "the acceptance is posted as well"
    for word in ("someday", "9999-12-31", "0001-01-01", "2200-01-01", "1969-12-31"):
        assert "not a day" in await type_(house, "/oncall", f"offer {word}")
    for edge in ("2199-12-31", "1970-01-01"):
        assert "not a day" not in await type_(house, "/oncall", f"offer {edge}")


async def test_a_thousand_requests_that_are_forged_altered_replayed_or_foreign_change_nothing(fired: House) -> None:
    before = await one(fired)
    whole = {"user": {"id": ALICE, "name": "alice"}, "team": {"id": "T0ACME"}, "api_app_id": "A0APP",
             "trigger_id": "1.2.3", **button("ack")}  # fmt: skip
    raw = f"payload={quote(json.dumps(whole))}".encode()
    good = signed(fired, raw)
    form, said = {"Content-Type": "application/x-www-form-urlencoded"}, set[int]()
    for number in range(250):
        spot = (number * 5) % len(raw)
        altered = raw[:spot] + bytes([raw[spot] ^ 1]) + raw[spot + 1 :]
        for body, headers in (
            (altered, good),
            (raw, signed(fired, raw, secret=f"{number:032}")),
            (raw, {**good, "X-Slack-Signature": f"v0={number:064x}"}),
            (raw, signed(fired, raw, late=301 + number)),
        ):
            async with fired.client.post("/slack/interactions", data=body, headers={**form, **headers}) as response:
                said.add(response.status)
    assert said <= {401, 403}
    await fired.world.quiet()
    assert await one(fired) == before
    assert (await post(fired, "/slack/interactions", raw, good))[0] == 200
    after = await one(fired)
    assert after.state is State.ACKNOWLEDGED
    for _ in range(20):
        await post(fired, "/slack/interactions", raw, good)
    assert await one(fired) == after
