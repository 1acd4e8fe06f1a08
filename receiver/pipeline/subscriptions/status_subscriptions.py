"""Sign-up, confirmation, change and end of subscriptions. No response reveals whether an address is subscribed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum

from receiver.config import Config
from receiver.model.base import to_ms
from receiver.model.delivery.subscription import PendingSubscription, Subscriber, SubscriberState
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.subscriptions.subscription_links import VALID_S, SubscriptionLinks
from receiver.store.status_subscribers import StatusSubscribers
from receiver.store.subscriber_mail import MailRow, SubscriberMail, due_of

LONGEST = 254
"""Characters of an address (RFC 5321, 4.5.3.1.3)."""


class SignedUp(StrEnum):
    """The result of a sign-up."""

    TAKEN = "taken"
    """A confirmation is mailed, unless the address has reached its daily limit; the caller cannot tell which."""
    NO_ADDRESS = "no_address"
    TOO_MANY = "too_many"


class Confirmed(StrEnum):
    """The result of a confirmation."""

    DONE = "done"
    USED = "used"
    FULL = "full"


class StatusSubscriptions:
    """The subscriptions of one namespace, in one replica."""

    def __init__(
        self,
        config: Callable[[], Config],
        setting: Callable[[], ActiveConfig],
        subscribers: StatusSubscribers,
        mail: SubscriberMail,
    ) -> None:
        """`config` and `setting` return the current configuration."""
        self.config = config
        self.setting = setting
        self.subscribers = subscribers
        self.mail = mail
        self._links: SubscriptionLinks | None = None

    @property
    def on(self) -> bool:
        """Whether people can subscribe: a complete mail channel and the address for links are configured."""
        name = self.config().status_page.subscriptions.email
        return name in self.setting().channels and self.config().base_url is not None

    async def links(self) -> SubscriptionLinks:
        """Return the object that creates and reads links. Raises StoreAway."""
        if self._links is None:
            self._links = SubscriptionLinks(await self.subscribers.key())
        return self._links

    async def sign_up(
        self, address: str, components: Sequence[str], language: str, peer: str, now: datetime
    ) -> SignedUp:
        """Queue a confirmation mail, in the same steps whether or not the address is subscribed. Raises StoreAway."""
        from receiver.channels.email.incident_email import mailbox  # noqa: PLC0415  (only where there is mail)

        bare = mailbox(address.strip()) if len(address) <= LONGEST else None
        if bare is None or bare != address.strip():
            return SignedUp.NO_ADDRESS
        links = await self.links()
        if not await self.subscribers.peer_may(links.id_of(peer)):
            return SignedUp.TOO_MANY
        if await self.subscribers.address_may(links.id_of(one_mailbox(bare))):
            nonce = secrets.token_hex(16)
            pending = PendingSubscription(
                address=bare, components=self.known(components), language=language, nonce=nonce
            )
            row = MailRow(member=f"confirm|{nonce}", sealed=links.pending(pending, now))
            await self.mail.owe([row], due_of(row, to_ms(now)))
        return SignedUp.TAKEN

    async def pending(self, token: str, now: datetime) -> PendingSubscription | None:
        """Return the sign-up of a confirmation link; None if it is invalid. Raises StoreAway."""
        return (await self.links()).read_pending(token, now)

    async def confirm(self, pending: PendingSubscription, now: datetime) -> Confirmed:
        """Subscribe the address of a sign-up, once for each link. Raises StoreAway."""
        number = (await self.links()).id_of(pending.address)
        known = await self.subscribers.get(number)
        most = self.config().status_page.subscriptions.most
        if known is None and await self.subscribers.count() >= most:
            return Confirmed.FULL
        if not await self.subscribers.use_once(pending.nonce, VALID_S):
            return Confirmed.USED
        active = known is not None and known.state is SubscriberState.ACTIVE
        await self.subscribers.put(
            Subscriber(
                id=number, address=pending.address, components=pending.components, language=pending.language,
                confirmed_at=known.confirmed_at if known is not None and active else now,
            )
        )  # fmt: skip
        return Confirmed.DONE

    async def managed(self, token: str) -> Subscriber | None:
        """Return the subscriber whose link has `token`; None if it is forged or they have left. Raises StoreAway."""
        number = (await self.links()).read_manage(token)
        return await self.subscribers.get(number) if number else None

    async def change(self, one: Subscriber, components: Sequence[str]) -> Subscriber:
        """Change the chosen components; an empty choice means all. Raises StoreAway."""
        return await self._update(one, {"components": self.known(components)})

    async def erase(self, number: str) -> bool:
        """Delete the address of a subscriber; its queued mail is dropped. Raises StoreAway."""
        return await self.subscribers.delete(number)

    async def stop(self, one: Subscriber) -> Subscriber:
        """Stop mail to an address until its owner confirms again. Raises StoreAway."""
        return await self._update(one, {"state": SubscriberState.STOPPED})

    async def _update(self, one: Subscriber, changed: dict[str, object]) -> Subscriber:
        # The mailer writes the same record, so the change applies to its latest version. An erased record stays erased.
        while not await self.subscribers.replace(one, one.model_copy(update=changed)):
            known = await self.subscribers.get(one.id)
            if known is None:
                break
            one = known
        return one.model_copy(update=changed)

    def known(self, components: Sequence[str]) -> tuple[str, ...]:
        """Return those of `components` that are on the page; empty if that is all of them."""
        known = {one.id for one in self.config().status_page.public}
        chosen = tuple(dict.fromkeys(one for one in components if one in known))
        return () if len(chosen) == len(known) else chosen


def one_mailbox(address: str) -> str:
    """Return the same text for spellings that some providers deliver to one mailbox: tags after `+`, and dots.

    Only for limits: if two people share a result, they only get fewer confirmation mails in a day.
    """
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"
