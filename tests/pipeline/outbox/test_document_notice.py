"""A document is generated from the whole log at the time of sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from receiver.model.command import AddNote
from receiver.model.delivery.notice import Action, Document
from receiver.model.incident.event import Actor, ActorKind, Event
from receiver.model.incident.incident import Incident
from receiver.pipeline.outbox.notices import document_notice
from receiver.store.due.due_set import LeasedRow
from tests.channels.notices import NOW
from tests.fakes.jira import TOKEN, USER
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.PERSON, name="alice")


def written(incident: Incident, log: Sequence[Event], now: datetime, receipts: Sequence[Any] = ()) -> Document | None:
    return Document(
        key=f"{incident.uid}/postmortem",
        title=f"Post-mortem {incident.id}",
        markdown="\n".join(f"- {event.kind}" for event in log),
    )


async def test_it_holds_every_event_and_goes_to_the_channel_of_documents(store_url: str, patient: None) -> None:
    world = World(store_url)
    try:
        await world.site.start()
        await world.replica(CONFLUENCE_URL=f"{world.site.url}/wiki", JIRA_USER=USER, JIRA_TOKEN=TOKEN, JIRA_URL="")
        await world.post(notification(alert()))
        (incident,) = await world.incidents()
        await world.one.respond.act(incident.id, AddNote(text="looked"), ALICE, world.clock.now())
        (incident,) = await world.incidents()
        log = await world.one.incidents.events(incident.uid)
        (to,) = world.one.setting.policy.documents
        assert (to.channel, to.address) == ("wiki", "OPS")
        row = row_of(incident, to=to, last=log[-1].seq)
        setting = world.one.setting
        nothing = replace(setting, document=lambda *_: None)
        assert document_notice(row, incident, log, nothing, NOW) is None
        made = document_notice(row, incident, log, replace(setting, document=written), NOW)
        assert made is not None
        assert made.action is Action.DOCUMENT
        assert made.document == written(incident, log, NOW)
        assert made.key == f"{incident.uid}:{incident.uid}/postmortem"
        receipt = await setting.channels["wiki"].send(made)
        assert world.confluence.pages[str(receipt.ref)]["value"].startswith("<ul><li>opened</li>")
    finally:
        await world.close()


def row_of(incident: Incident, **changes: Any) -> LeasedRow:
    values: dict[str, Any] = {
        "member": f"{incident.uid} wiki OPS", "token": "t", "uid": incident.uid, "cursor": 0, "tries": 1,
        "attempts": 0, "since_ms": 0, "memory": {},
    }  # fmt: skip
    return LeasedRow(**{**values, **changes})
