"""Pages outside any incident: one person pages another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime

from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.paging.named_contacts import Named, find_named
from receiver.incident.paging.planned_pages import page_destination, plan_pages
from receiver.incident.paging.policy import Policy
from receiver.model.base import to_ms
from receiver.model.incident.event import Actor
from receiver.model.incident.page import Page
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.response.command_handler import IdempotencyKeyReused
from receiver.store.due.due_set import DueSet, KeyReused
from receiver.store.incidents.commit_request import new_uid


@dataclass(frozen=True)
class AdhocPageResult:
    """Who was paged outside any incident."""

    pages: tuple[Page, ...]
    just_paged: tuple[str, ...] = ()
    """People who are not paged again, because the same caller paged them less than a minute ago."""


class AnotherTeam(Exception):
    """The contact belongs to a team whose people the caller may not page."""


class AdhocPages:
    """Commits pages that belong to no incident."""

    def __init__(self, setting: Callable[[], ActiveConfig], due: DueSet) -> None:
        """The work loop sends the pages."""
        self.setting = setting
        self.due = due

    async def page(
        self, contact: str, text: str, actor: Actor, now: datetime, *, once: str | None = None, what: str = "",
        teams: Set[str] = frozenset(),
    ) -> AdhocPageResult:  # fmt: skip
        """Page `contact`, and return the pages once they are durable; the text names the caller.

        One caller pages one person at most once a minute. `once`: an idempotency key; a repetition returns the same
        pages, and no one is paged again. `teams`: only contacts of these teams may be paged; if empty, all. Raises
        AnotherTeam; ImpossibleCommand with the nearest name if there is no such contact, or no one who can be reached;
        IdempotencyKeyReused if the key was used before with another `what`.
        """
        policy = self.setting().policy
        named = _named(contact, policy, teams, now)
        name = named.name
        uid = hashlib.sha256(once.encode()).hexdigest()[:24] if once else new_uid()
        key = f"call:{uid}"
        made, passed = plan_pages(
            policy, named.recipients, key=key, episode=0, ring=1, paged=(), step="called", now=now
        )
        if not made:
            why = ", ".join(sorted({one.why for one in passed})) or "no one is on call"
            raise ImpossibleCommand(f"no one in {name} can be paged: {why}")
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
            raise IdempotencyKeyReused("this key was already used for another request") from None
        paged = [page for index, page in enumerate(made) if index not in too_soon]
        return AdhocPageResult(tuple(paged), tuple(dict.fromkeys(made[index].person for index in sorted(too_soon))))


def _named(contact: str, policy: Policy, teams: Set[str], now: datetime) -> Named:
    if not teams:
        return find_named(contact, policy, Severity.SEV4, now)
    found, foreign, unknown = dict[str, Named](), False, ImpossibleCommand(f"no contact is named {contact[:100]}")
    for team in sorted(teams & policy.teams.keys()):
        try:
            named = find_named(contact, policy.teams[team], Severity.SEV4, now)
        except ImpossibleCommand as none:
            unknown = none
            continue
        if named.view.team in teams:
            found[team] = named
        else:
            foreign = True
    several = {one.recipients: team for team, one in found.items()}
    if len(several) > 1:
        names = " or ".join(f"{team}/{contact.strip().removeprefix('@')}" for team in sorted(several.values()))
        raise ImpossibleCommand(f"more than one team has the contact {contact[:100]}: write {names}")
    if found:
        return next(iter(found.values()))
    raise AnotherTeam("this token is limited to teams, and cannot page contacts of other teams") if foreign else unknown


def _pace(actor: Actor, page: Page) -> str:
    return hashlib.sha256(f"{actor.kind}/{actor.name}/{page.person}/{page.channel}".encode()).hexdigest()[:24]
