"""Drafts of status updates: which ones are pending, and how people edit or discard them. Pure."""

from __future__ import annotations

from receiver.incident.log.command_errors import IllegalCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.incident.publication.status_updates import published_since, update_obsolete
from receiver.model.command import DiscardDraft, EditDraft
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import StatusUpdate
from receiver.model.incident.state import State


def waiting_drafts(incident: Incident) -> list[StatusUpdate]:
    """Return the pending drafts, which a person can publish or discard.

    A draft is no longer pending if the incident is closed, if a published update says as much, or if publishing it
    would be refused.
    """
    if incident.drill or incident.state is State.CLOSED:
        return []
    published = [one for one in incident.updates if one.published_at is not None]
    return [
        one
        for one in incident.updates
        if one.waits and not published_since(one, published) and update_obsolete(one, incident) is None
    ]


def edit_draft(draft: Transition, command: EditDraft, policy: Policy) -> None:
    """Replace the text of a draft. From then on no template changes it."""
    known = _waiting(draft, command.n, "edit")
    if known is None or known.text == command.text:
        return
    update = known.model_copy(update={"text": command.text, "template": False, "by": draft.actor.name})
    data = {"update": update.model_dump(mode="json")}
    text = f"{known.status} (draft {known.n}, waiting for approval): {command.text}"
    draft.add(Kind.STATUS_UPDATE, "edited", text, data, policy.informs)


def discard_draft(draft: Transition, command: DiscardDraft, policy: Policy) -> None:
    """Discard a draft; a discarded one is not changed."""
    known = _waiting(draft, command.n, "discard")
    if known is None:
        return
    update = known.model_copy(update={"discarded_at": draft.now, "discarded_by": draft.actor.name})
    data = {"update": update.model_dump(mode="json")}
    draft.add(
        Kind.STATUS_DISCARDED, "discarded", f"draft {known.n} discarded by {draft.actor.name}", data, policy.informs
    )


def _waiting(draft: Transition, n: int, verb: str) -> StatusUpdate | None:
    # None if it was already discarded.
    incident = draft.incident
    known = next((one for one in incident.updates if one.n == n), None)
    if known is None:
        have = f"it has updates 1 to {len(incident.updates)}" if incident.updates else "it has none"
        raise IllegalCommand(incident, f"{verb} update {n} of", have, ("status-updates",))
    if known.published_at is not None:
        raise IllegalCommand(
            incident, f"{verb} update {n} of", "it is published: write a new update", ("status-updates",)
        )
    if known.discarded_at is None:
        return known
    if verb == "discard":
        return None
    raise IllegalCommand(incident, f"{verb} update {n} of", "it is discarded: write a new update", ("status-updates",))
