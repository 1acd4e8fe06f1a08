"""Jira: the exact requests that create, change, comment and move tickets, in both flavors."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from receiver.channels.base import DeliveryError
from receiver.channels.http_client import Http
from receiver.channels.jira.channel import Jira
from receiver.channels.jira.settings import JiraSettings
from receiver.channels.jira.ticket_text import label, whose
from receiver.model.delivery.notice import Notice, Receipt
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.response_records import ActionItem, ActionStatus
from receiver.model.incident.state import State
from receiver.model.incident.ticket import TicketStatus
from receiver.model.severity import Severity
from tests.channels.conftest import Wired
from tests.channels.notices import HOSTILE, NOW, ROUTING_KEY, event, hostile, incident, notice
from tests.fakes import Answer, FakeJira, Site, Vendor
from tests.fakes.jira import TOKEN, USER, words

VENDOR = FakeJira


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake."""
    assert isinstance(vendor, FakeJira)
    made = Jira("tickets", jira_settings(site), http)
    secrets = (TOKEN, made._api.site.secrets[1], ROUTING_KEY)
    return Wired(made, vendor, site, notice(address="OPS"), secrets)


def jira_settings(site: Site, **changes: Any) -> JiraSettings:
    """Return the settings of a project at the fake."""
    values = {"api_url": site.url, "project": "OPS", "user": USER, "token": TOKEN}
    return JiraSettings.model_validate({**values, **changes})


MADE = event(2, "a ticket is created", Kind.TICKET)


def fake(jira: Wired) -> FakeJira:
    assert isinstance(jira.vendor, FakeJira)
    return jira.vendor


def told(*events: Event, memory: dict[str, Any] | None = None, repeat: bool = False, **changes: Any) -> Notice:
    return notice(address="OPS", events=events, incident=incident(**changes), memory=memory or {}, repeat=repeat)


def item(n: int = 1, **changes: Any) -> ActionItem:
    values: dict[str, Any] = {"n": n, "title": "Add an index", "owner": "alice", "by": "bob", "at": NOW}
    return ActionItem(**{**values, **changes})


def promised(one: ActionItem, seq: int = 3, kind: Kind = Kind.ACTION_ADDED, *changed: str) -> Event:
    return event(seq, "action", kind, data={"action": one.model_dump(mode="json"), "changed": list(changed)})


async def send(jira: Wired, given: Notice) -> Receipt:
    return await jira.channel.send(given)


def server(jira: Wired) -> Wired:
    settings = jira_settings(jira.site, flavor="server", user="")
    return Wired(Jira("tickets", settings, jira.channel.http), jira.vendor, jira.site, jira.notice, jira.secrets)


async def test_the_ticket_of_an_incident(jira: Wired) -> None:
    receipt = await send(jira, told(MADE))
    assert receipt.ref == "OPS-1"
    assert receipt.memory["issue"] == "OPS-1"
    fields = jira.vendor.taken[0]["body"]["fields"]
    assert jira.vendor.taken[0]["path"] == "/rest/api/3/issue"
    assert fields["project"] == {"key": "OPS"}
    assert fields["issuetype"] == {"name": "Incident"}
    assert fields["summary"] == "[SEV-1] HighErrorRate: Error rate 12% on checkout-api"
    assert fields["labels"] == ["receiver", "INC-2026-0042", label("uid-0001")]
    assert "priority" not in fields
    said = words(fields["description"])
    for part in ("INC-2026-0042", "error_rate 61% > 50%", "checkout-api", "Error rate 12% on pod 1", "Runbook"):
        assert part in said
    links = [n["marks"][0]["attrs"]["href"] for p in fields["description"]["content"] for n in p["content"]
             if n.get("marks", [{}])[0].get("type") == "link"]  # fmt: skip
    assert links == [
        "https://incidents.example.com/incidents/INC-2026-0042",
        "https://runbooks.example.com/HighErrorRate",
    ]


async def test_the_same_on_a_server_is_wiki_text(jira: Wired) -> None:
    jira = server(jira)
    await send(jira, told(MADE))
    entry = jira.vendor.taken[0]
    assert entry["path"] == "/rest/api/2/issue"
    text = entry["body"]["fields"]["description"]
    assert "*Severity:* errors\\-for\\-everyone: error\\_rate 61% > 50%" in text
    assert "[Runbook|https://runbooks.example.com/HighErrorRate]" in text


@pytest.mark.parametrize("flavor", ["cloud", "server"])
async def test_foreign_text_is_never_markup(jira: Wired, flavor: str) -> None:
    jira = server(jira) if flavor == "server" else jira
    text = "[~admin] {code} h1. [x|https://evil.example] *b* ||t|| !i.png! \\[~admin] " + HOSTILE
    bad = hostile(text=text, address="OPS", events=(MADE,))
    await send(jira, bad)
    more = event(5, text, Kind.SEVERITY_RAISED)
    await send(jira, bad.model_copy(update={"events": (more,), "memory": {"issue": "OPS-1", "said": 2}}))
    assert all(entry["errors"] == [] for entry in jira.vendor.received)
    shown = str([issue["fields"]["description"] for issue in fake(jira).issues.values()])
    if flavor == "server":
        assert "://evil" not in shown


async def test_what_is_new_is_one_comment_and_a_worse_severity_is_in_the_summary(jira: Wired) -> None:
    memory = (await send(jira, told(MADE, severity=Severity.SEV4))).memory
    worse = event(5, "severity raised from SEV-4 to SEV-2", Kind.SEVERITY_RAISED)
    taken = event(6, "acknowledged by alice", Kind.ACKNOWLEDGED)
    receipt = await send(jira, told(worse, taken, memory=memory, severity=Severity.SEV2, state=State.ACKNOWLEDGED))
    issue = fake(jira).issues["OPS-1"]
    assert issue["fields"]["summary"].startswith("[SEV-2] ")
    (comment,) = issue["comments"]
    assert words(comment).endswith("INC-2026-0042 #6")
    assert "severity raised from SEV-4 to SEV-2" in words(comment)
    assert issue["progress"] == "indeterminate"
    assert receipt.memory["said"] == 6
    assert receipt.memory["moved"] == TicketStatus.BEGUN


async def test_a_resolution_is_done_and_a_reopening_takes_it_back(jira: Wired) -> None:
    memory = (await send(jira, told(MADE))).memory
    over = event(5, "resolved", Kind.RESOLVED)
    memory = (await send(jira, told(over, memory=memory, state=State.RESOLVED))).memory
    assert fake(jira).issues["OPS-1"]["progress"] == "done"
    closed = event(6, "closed", Kind.CLOSED)
    memory = (await send(jira, told(closed, memory=memory, state=State.CLOSED))).memory
    again = event(7, "reopened", Kind.REOPENED)
    await send(jira, told(again, memory=memory, state=State.OPEN))
    assert fake(jira).issues["OPS-1"]["progress"] == "new"
    assert len(fake(jira).issues) == 1


async def test_what_is_done_already_is_no_failure(jira: Wired) -> None:
    memory = (await send(jira, told(MADE))).memory
    fake(jira).touch("OPS-1", "done")
    receipt = await send(jira, told(event(5, "resolved", Kind.RESOLVED), memory=memory, state=State.RESOLVED))
    assert receipt.warning is None


async def test_a_workflow_without_a_way_is_said_and_loses_nothing(jira: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = (await send(jira, told(MADE))).memory
    monkeypatch.setitem(fake(jira).issues["OPS-1"], "progress", "indeterminate")
    monkeypatch.setattr("tests.fakes.jira.WORKFLOW", {"indeterminate": []})
    receipt = await send(jira, told(event(5, "resolved", Kind.RESOLVED), memory=memory, state=State.RESOLVED))
    assert receipt.warning == "jira: the workflow of OPS-1 has no transition to done from here"
    assert len(fake(jira).issues["OPS-1"]["comments"]) == 1


async def test_a_comment_whose_answer_was_lost_is_not_written_twice(jira: Wired) -> None:
    memory = (await send(jira, told(MADE))).memory
    jira.vendor.script.append(Answer(reset="after"))
    worse = event(5, "edited", Kind.EDITED)
    with pytest.raises(DeliveryError):
        await send(jira, told(worse, memory=memory))
    for _ in range(2):
        await send(jira, told(worse, memory=memory, repeat=True))
    assert len(fake(jira).issues["OPS-1"]["comments"]) == 1


async def test_a_lost_answer_makes_no_second_ticket_in_another_process(jira: Wired, http: Http) -> None:
    jira.vendor.script.append(Answer(reset="after"))
    with pytest.raises(DeliveryError):
        await send(jira, told(MADE, promised(item()), actions=(item(),)))
    other = Jira("tickets", jira_settings(jira.site), http)
    receipt = await other.send(told(MADE, promised(item()), actions=(item(),), repeat=True))
    assert receipt.memory["issue"] == "OPS-1"
    assert receipt.memory["actions"] == {"1": "OPS-2"}
    assert len(fake(jira).issues) == 2


async def test_an_attempt_that_failed_halfway_goes_on_where_it_stopped(jira: Wired) -> None:
    jira.vendor.script.extend([Answer(200, taken=True, body={"key": "OPS-1"}), Answer(500)])
    given = told(MADE, promised(item()), actions=(item(),))
    with pytest.raises(DeliveryError):
        await send(jira, given)
    receipt = await send(jira, given.model_copy(update={"repeat": True}))
    assert receipt.memory["actions"] == {"1": "OPS-2"}
    assert len(fake(jira).issues) == 2


async def test_action_items_become_issues(jira: Wired) -> None:
    one, two = item(due=date(2026, 12, 1)), item(2, title="Write it down", owner="Somebody Else")
    given = told(promised(one), promised(two, 4), actions=(one, two), memory={"issue": "OPS-9"})
    receipt = await send(jira, given.model_copy(update={"accounts": {"alice": "acc-alice"}}))
    assert receipt.memory["actions"] == {"1": "OPS-1", "2": "OPS-2"}
    assert receipt.ref == "OPS-2"
    first, second = (entry["body"]["fields"] for entry in jira.vendor.taken)
    assert first["summary"] == "Add an index (INC-2026-0042)"
    assert first["issuetype"] == {"name": "Task"}
    assert first["duedate"] == "2026-12-01"
    assert first["assignee"] == {"id": "acc-alice"}
    assert "OPS-9" in words(first["description"])
    assert first["labels"][-2:] == [label("uid-0001"), label("uid-0001", 1)]
    assert "assignee" not in second


async def test_an_action_item_that_is_done_dropped_or_taken_up_again(jira: Wired) -> None:
    memory = (await send(jira, told(promised(item()), actions=(item(),)))).memory
    for status, progress in ((ActionStatus.DONE, "done"), (ActionStatus.OPEN, "new"), (ActionStatus.DROPPED, "done")):
        now = item(status=status, title="Add two indexes")
        changed = promised(now, 5, Kind.ACTION_CHANGED, "status", "title")
        memory = (await send(jira, told(changed, memory=memory, actions=(now,)))).memory
        issue = fake(jira).issues["OPS-1"]
        assert issue["progress"] == progress
        assert issue["fields"]["summary"] == "Add two indexes (INC-2026-0042)"
    assert len(fake(jira).issues) == 1


async def test_a_field_that_no_screen_has_is_left_out_and_said(jira: Wired, http: Http) -> None:
    fake(jira).refuses = {"priority", "duedate"}
    channel = Jira("tickets", jira_settings(jira.site, priorities={"SEV-1": "Highest"}), http)
    one = item(due=date(2026, 12, 1))
    receipt = await channel.send(told(MADE, promised(one), actions=(one,)))
    assert receipt.warning == "jira: created without priority; jira: created without duedate"
    assert len(fake(jira).issues) == 2


async def test_a_field_that_must_be_right_is_refused_for_good(jira: Wired, http: Http) -> None:
    channel = Jira("tickets", jira_settings(jira.site, issue_type="Nonsense"), http)
    with pytest.raises(DeliveryError) as caught:
        await channel.send(told(MADE))
    assert caught.value.permanent
    assert "The issue type selected is invalid" in caught.value.detail


async def test_a_ticket_that_somebody_deleted_is_not_made_again(jira: Wired) -> None:
    memory = (await send(jira, told(MADE))).memory
    fake(jira).issues.clear()
    receipt = await send(jira, told(event(5, "worse", Kind.SEVERITY_RAISED), memory=memory))
    assert receipt.warning == "jira: OPS-1 is gone"
    receipt = await send(jira, told(event(6, "resolved", Kind.RESOLVED), memory=receipt.memory))
    assert receipt.warning == "jira: OPS-1 is gone"
    assert fake(jira).issues == {}


async def test_a_sign_in_page_is_no_success(jira: Wired) -> None:
    jira.vendor.script.append(Answer(200, body="<html>Log in</html>"))
    with pytest.raises(DeliveryError) as caught:
        await send(jira, told(MADE))
    assert caught.value.reason == "auth"
    assert not caught.value.permanent


async def test_a_limit_holds_for_every_ticket_of_the_site(jira: Wired) -> None:
    jira.vendor.script.append(Answer(429, headers={"Retry-After": "40"}))
    with pytest.raises(DeliveryError):
        await send(jira, told(MADE))
    other = told(MADE, uid="uid-2").model_copy(update={"now": NOW + timedelta(seconds=10)})
    with pytest.raises(DeliveryError) as caught:
        await send(jira, other)
    assert caught.value.retry_after == 30
    assert len(jira.vendor.received) == 1
    await send(jira, other.model_copy(update={"now": NOW + timedelta(seconds=41)}))


async def test_it_takes_nothing_but_incidents(jira: Wired) -> None:
    with pytest.raises(DeliveryError) as caught:
        await send(jira, notice(address="OPS").model_copy(update={"incident": None}))
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"api_url": ""}, "api_url is empty"),
        ({"project": " "}, "project is empty"),
        ({"token": ""}, "token is empty"),
        ({"user": ""}, "user is empty"),
        ({"user": "", "flavor": "server"}, None),
    ],
)
def test_what_is_missing_is_said(site: Site, http: Http, changes: dict[str, str], missing: str | None) -> None:
    assert Jira("tickets", jira_settings(site, **changes), http).missing() == missing


async def test_what_changed_in_jira_is_told_with_whose_it_is(jira: Wired) -> None:
    await send(jira, told(MADE, promised(item()), actions=(item(),), uid="a" * 24))
    fake(jira).touch("OPS-2", "done", "acc-alice")
    found = await jira.channel.changed(timedelta(seconds=90), NOW)
    assert [(one.key, one.uid, one.action, one.progress, one.account) for one in found] == [
        ("OPS-1", "a" * 24, None, TicketStatus.NEW, None),
        ("OPS-2", "a" * 24, 1, TicketStatus.DONE, "acc-alice"),
    ]
    assert fake(jira).minutes == 2


def test_labels_tell_whose_a_ticket_is() -> None:
    uid = "0123456789abcdef01234567"
    assert whose(["x", label(uid, 12), label(uid), "receiver"]) == (uid, 12)
    assert whose([label(uid)]) == (uid, None)
    assert whose(["receiver", "receiver-", "receiver-a b", "my-receiver-x"]) is None
    assert whose([label("strange uid/1")]) is not None


def test_a_preview_shows_every_request(jira: Wired) -> None:
    given = told(
        event(5, "worse", Kind.SEVERITY_RAISED), promised(item()), actions=(item(),), memory={"issue": "OPS-7"}
    )
    shown = jira.channel.preview(given)
    assert [(one["method"], one["url"].rpartition("/api/3")[2]) for one in shown] == [
        ("PUT", "/issue/OPS-7"),
        ("POST", "/issue/OPS-7/comment"),
        ("POST", "/issue"),
    ]
    assert shown[0]["headers"] == {"Authorization": "Basic ***"}


@pytest.mark.parametrize("flavor", ["cloud", "server"])
async def test_every_page_of_a_search_is_read(jira: Wired, flavor: str) -> None:
    jira = server(jira) if flavor == "server" else jira
    one = {"fields": {"labels": ["receiver", label("a" * 24)], "status": {"statusCategory": {"key": "new"}}}}
    first = [{**one, "key": f"OPS-{n}"} for n in range(100)]
    jira.vendor.script.append(Answer(200, body={"issues": first, "nextPageToken": "t"}))
    jira.vendor.script.append(Answer(200, body={"issues": [{**one, "key": "OPS-100"}]}))
    assert len(await jira.channel.changed(timedelta(minutes=1), NOW)) == 101
    asked = jira.vendor.received[1]["body"]
    assert asked.get("nextPageToken") == "t" or asked["startAt"] == 100
