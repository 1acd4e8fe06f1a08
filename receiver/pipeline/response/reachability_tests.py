"""Test pages: sent by each channel of a person, answered like any page, and recorded as proof. They are drills."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError

from receiver.channels.gammu import Gammu
from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.name_lookup import find_name
from receiver.incident.oncall.reachability import Means as Means
from receiver.incident.oncall.reachability import Proof as Proof
from receiver.incident.oncall.reachability import means_of
from receiver.model.base import to_ms
from receiver.model.delivery.notice import Action
from receiver.model.incident.event import Destination
from receiver.model.incident.page import PROVED, Page
from receiver.model.oncall.personal_rules import How
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.shared_documents import PROOF, Documents
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.commit_request import new_uid
from receiver.store.shared_documents import SharedDocuments

SOONEST = timedelta(minutes=1)
"""Minimum time between two requested test pages by the same channel."""

log = structlog.get_logger("receiver.reachability")


class ReachabilityTests:
    """The test pages of all people."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        due: DueSet,
        shared_documents: SharedDocuments,
        reread: Callable[[], Awaitable[int]],
    ) -> None:
        """The work loop sends the pages; `reread` applies the shared documents."""
        self.setting = setting
        self.due = due
        self.shared_documents = shared_documents
        self.reread = reread

    def pagers(self) -> tuple[tuple[str, str], ...]:
        """Return name and kind of the channels that can wake people."""
        policy = self.setting().policy
        return tuple((name, kind) for name, kind in policy.pagers if name not in policy.mute)

    async def ask(
        self,
        people: Iterable[str],
        by: str,
        wait: timedelta | None,
        now: datetime,
        only: frozenset[Means] | None = None,
    ) -> list[Proof]:
        """Send a test page by each channel of `people`, and return their states once that is durable.

        `wait`: time to wait for an answer; None: `reachability.within`. `only`: use only these channels. A test page
        that was requested within the last minute is not sent again. Raises ImpossibleCommand, StoreAway.
        """
        setting, known = self.setting(), await self.read()
        directory, made = setting.policy.directory, []
        for name in people:
            person = find_name(name, directory.people, "person")
            every = means_of(directory.people[person], self.pagers())
            if not every:
                raise ImpossibleCommand(f"{person} has no address on a channel that can page")
            for means in every if only is None else (one for one in every if one in only):
                before = known.get((person, means))
                if before is not None and now - before.asked_at < SOONEST:
                    made.append(before)
                    continue
                proof = Proof(
                    person=person, channel=means.channel, how=means.how, by=by, asked_at=now,
                    key=f"{setting.policy.namespace}/prove/{new_uid()}", until=now + (wait or setting.prove_within),
                    proved_at=before.proved_at if before else None,
                )  # fmt: skip
                await self._put(proof)
                await self._send(proof, now)
                made.append(proof)
        await self.reread()
        return made

    async def answered(self, key: str, now: datetime) -> str | None:
        """Note that the test page `key` was answered, and return a sentence for its person; None: it is not known."""
        found = [one for one in (await self.read()).values() if one.key == key]
        if not found:
            return None
        proof = found[0]
        if not proof.answered:
            await self._put(proof.model_copy(update={"proved_at": now, "ended": True}))
            await self._end(proof, now)
            await self.reread()
            log.info("reachability_proved", person=proof.person, channel=proof.channel, how=proof.how or None)
        return f"Pages by {proof.channel} reach you. This was a drill."

    async def answered_from(self, channel: str, address: str, now: datetime) -> str | None:
        """Like `answered`, for the newest pending test page to `address`."""
        policy = self.setting().policy
        kind = dict(policy.pagers).get(channel, channel)
        waiting = [
            one
            for one in (await self.read()).values()
            if one.channel == channel and one.how != "call" and not one.ended
            if (card := policy.directory.people.get(one.person)) and card.address(channel, kind) == address
        ]
        newest = max(waiting, key=lambda one: one.asked_at, default=None)
        return await self.answered(newest.key, now) if newest else None

    async def expire(self, now: datetime) -> None:
        """End test pages that were not answered in time. Raises StoreAway."""
        for proof in (await self.read()).values():
            if not proof.ended and proof.until <= now:
                await self._end(proof, now)
                await self._put(proof.model_copy(update={"ended": True}))
                log.warning(
                    "reachability_test_failed", person=proof.person, channel=proof.channel, how=proof.how or None
                )

    async def read(self) -> dict[tuple[str, Means], Proof]:
        """Return the newest proof of each channel from the store. Raises StoreAway."""
        _, documents = await self.shared_documents.read()
        return proofs_of(documents)

    async def _put(self, proof: Proof) -> None:
        name = "/".join((proof.person, proof.channel, proof.how))
        await self.shared_documents.put(PROOF, name, proof.model_dump(mode="json"))

    async def _send(self, proof: Proof, now: datetime) -> None:
        by_sms = proof.how == How.SMS or dict(self.pagers()).get(proof.channel) == Gammu.kind
        sms = " Answer ok." if by_sms else ""
        text = f"DRILL: test page for {proof.person}. Acknowledge it to prove that pages reach you.{sms}"
        await self._owe(proof, {"text": text, PROOF: to_ms(proof.until)}, "", now)

    async def _end(self, proof: Proof, now: datetime) -> None:
        await self._owe(proof, {"action": Action.RESOLVE}, " end", now)

    async def _owe(self, proof: Proof, more: dict[str, Any], suffix: str, now: datetime) -> None:
        setting, channel = self.setting(), self.setting().channels.get(proof.channel)
        card = setting.policy.directory.people.get(proof.person)
        address = card.address(proof.channel, channel.kind) if card and channel else None
        if address is None:
            return  # a reload has taken the address away
        page = Page(
            key=proof.key, channel=proof.channel, person=proof.person, contact="test", address=address, step=PROVED,
            ring=1, at=proof.asked_at, how=proof.how,
        )  # fmt: skip
        to = Destination(channel=proof.channel, address=proof.key, paging=True)
        row = (f"- {proof.channel} {proof.key}{suffix}", f"{proof.channel}!", to,
               {**more, "page": page.model_dump(mode="json")})  # fmt: skip
        await self.due.owe([row], to_ms(now), f"test page {proof.key}{suffix}")


def proofs_of(documents: Documents) -> dict[tuple[str, Means], Proof]:
    """Return the proofs in the shared documents. Invalid ones are left out."""
    found = {}
    for name, document in documents.get(PROOF, {}).items():
        try:
            proof = Proof.model_validate(document)
        except ValidationError:
            log.error("shared_document_read_failed", kind=PROOF, id=name[:100])
            continue
        found[proof.person, proof.means] = proof
    return found
