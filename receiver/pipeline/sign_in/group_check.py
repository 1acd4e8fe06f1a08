"""The groups of a signed-in user, read again while the session is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from receiver.config import Config
from receiver.model.base import to_ms
from receiver.model.sign_in import SessionRecord
from receiver.pipeline.sign_in.access import access_of, identity_of
from receiver.pipeline.sign_in.providers import ProviderAway, ProviderRefused, Providers
from receiver.store.client.connection import StoreAway
from receiver.store.sessions import SessionStore

FRESH = timedelta(minutes=5)
"""How long a response is used before the next query: half of the promised 10 minutes, so that a failed query is retried
within them."""
LAST_ANSWER = timedelta(hours=12)
"""How long the last response is used while the provider cannot be reached."""
REST = timedelta(seconds=20)
"""How long a provider that does not respond is not queried, because each query may take its full timeout."""

log = structlog.get_logger("receiver.sign_in")


class GroupCheck:
    """Queries the configured provider."""

    def __init__(self, config: Callable[[], Config], store: SessionStore, providers: Providers) -> None:
        """Create it without known groups."""
        self.config = config
        self.store = store
        self.providers = providers
        self._failed: datetime | None = None
        """When the provider last failed to respond."""

    async def check(self, record: SessionRecord, now: datetime) -> SessionRecord | None:
        """Return the session with its current groups; None: its owner no longer has access."""
        if access_of(record, self.config()) is None:
            return None
        age = timedelta(milliseconds=to_ms(now) - record.checked)
        if age < FRESH:
            return record
        resting = self._failed is not None and timedelta() <= now - self._failed < REST
        if not resting:
            try:
                return await self._again(record, now)
            except ProviderAway as error:
                self._failed = now
                log.warning("provider_check_failed", reason=error.reason, why=str(error))
        return record if age < LAST_ANSWER else None

    async def _again(self, record: SessionRecord, now: datetime) -> SessionRecord | None:
        oidc, tokens = self.config().auth.oidc, self.providers.opened(record.sealed)
        # A cookie carries no tokens, so the provider is not asked while the store is unavailable, nor while another
        # replica asks.
        if oidc is None or tokens is None or not await self._claimed(record):
            return record if timedelta(milliseconds=to_ms(now) - record.checked) < LAST_ANSWER else None
        try:
            given, claims = await self.providers.again(tokens, record.account, now.timestamp())
            identity = identity_of(claims, oidc)
        except (ProviderRefused, ValueError) as error:
            why = error.log if isinstance(error, ProviderRefused) else str(error)
            log.warning("session_ended", account=record.account, why=why)
            return None
        self._failed = None
        checked = replace(
            record,
            name=identity.name if identity.name != identity.subject else record.name,
            email=identity.email,
            groups=tuple(sorted(identity.groups)),
            checked=to_ms(now),
            sealed=self.providers.sealed(given, now.timestamp()),
        )
        await self._keep(checked)
        if access_of(checked, self.config()) is None:
            log.warning("session_ended", account=record.account, why="no longer in any of the configured groups")
            return None
        return checked

    async def _claimed(self, record: SessionRecord) -> bool:
        try:
            return await self.store.claim(record.id)
        except StoreAway:
            # Without the store a new refresh token could not be saved, and the old one can be used only once.
            return False

    async def _keep(self, record: SessionRecord) -> None:
        limits = self.config().auth.sessions
        until = datetime.fromtimestamp(record.began / 1000, UTC) + limits.absolute
        try:
            await self.store.keep(record, until, limits.idle)
            await self.store.release(record.id)
        except StoreAway:
            log.warning("session_write_failed", account=record.account)
