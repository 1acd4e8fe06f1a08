"""Pages outside any incident: somebody wants somebody."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.name_lookup import find_name
from receiver.incident.paging.recipients import find_recipients, page_destination, plan_pages
from receiver.model.base import to_ms
from receiver.model.incident.event import Actor
from receiver.model.incident.incident import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.response.command_handler import IdempotencyKeyReused
from receiver.store.due.due_set import DueSet, KeyReused
from receiver.store.incidents.commit_request import new_uid


@dataclass(frozen=True)
class AdhocPageResult:
    """Who was paged outside any incident."""

    pages: tuple[Page, ...]
    just_paged: tuple[str, ...] = ()
    """People whom the same caller has paged less than a minute ago: they are not paged again."""


class AdhocPages:
    """The way of a page that belongs to no incident into the store."""

    def __init__(self, setting: Callable[[], ActiveConfig], due: DueSet) -> None:
        """The work loop sends what is owed."""
        self.setting = setting
        self.due = due

    async def page(
        self, contact: str, text: str, actor: Actor, now: datetime, *, once: str | None = None, what: str = ""
    ) -> AdhocPageResult:
        """Page `contact`, and return the pages once they are durable; who has called stands in the text.

        One caller pages one person at most once a minute. `once`: a key against repetition; the same pages are
        returned, and nobody is paged again.
        Raises Impossible with the nearest name where there is no such contact, or nobody who can be reached, and
        Reused where the key was used before, with another `what`.
        """
        policy = self.setting().policy
        name = find_name(contact, policy.directory.contacts, "contact")
        uid = hashlib.sha256(once.encode()).hexdigest()[:24] if once else new_uid()
        key = f"call:{uid}"
        made, passed = plan_pages(
            policy, find_recipients(policy, (name,), now), key=key, episode=0, ring=1, paged=(), step="called", now=now
        )
        if not made:
            why = ", ".join(sorted({one.reason.replace("_", " ") for one in passed})) or "nobody"
            raise ImpossibleCommand(f"nobody of {name} can be paged: {why}")
        said = f"{text} (from {actor.name})"
        rows = [
            (
                (f"- {page.channel} {page.key}", f"{page.channel}!", page_destination(page),
                 {"text": said, "page": page.model_dump(mode="json")}),
                _pace(actor, page),
            )
            for page in made
        ]  # fmt: skip
        try:
            too_soon = await self.due.call(rows, to_ms(now), once, what)
        except KeyReused:
            raise IdempotencyKeyReused("this key was used before, for something else") from None
        paged = [page for index, page in enumerate(made) if index not in too_soon]
        return AdhocPageResult(tuple(paged), tuple(dict.fromkeys(made[index].person for index in sorted(too_soon))))


def _pace(actor: Actor, page: Page) -> str:
    return hashlib.sha256(f"{actor.kind}/{actor.name}/{page.person}/{page.channel}".encode()).hexdigest()[:24]
