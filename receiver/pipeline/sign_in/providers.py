"""The configured identity provider, and the texts that are encrypted for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from receiver.config import Config
from receiver.model.sign_in import ProviderTokens, SessionRecord
from receiver.sources.http_client import SourceClient, SourceError

if TYPE_CHECKING:
    from receiver.pipeline.sign_in.encrypted_text import Seal
    from receiver.sources.identity_provider import IdentityProvider

SAID = {
    "refused": "The identity provider refused this sign-in. Start again.",
    "issuer": "The response came from a different identity provider than the configured one.",
    "id_token": "The identity provider's response is not valid for this sign-in. Start again.",
}
"""The message for each kind of refusal."""

Answer = TypeVar("Answer")


class ProviderAway(Exception):
    """The provider does not respond."""

    def __init__(self, error: SourceError) -> None:
        """`error` says why."""
        super().__init__(str(error))
        self.reason = error.reason
        self.log = str(error)


class ProviderRefused(Exception):
    """The sign-in failed; the text is for the person who tried."""

    def __init__(self, kind: str, text: str, account: str = "", log: str = "") -> None:
        """`kind`: one of `SIGN_IN_FAILURES` (service_metrics.py). `account`: the subject, where it is known."""
        super().__init__(text)
        self.kind = kind
        self.account = account
        self.log = log or kind


class Providers:
    """Creates the provider when `auth.oidc` is first used, and again when a reload changes it."""

    def __init__(self, config: Callable[[], Config], source_client: SourceClient) -> None:
        """Nothing is loaded before it is needed: the libraries take 0.2 s."""
        self.config = config
        self.source_client = source_client
        self._made: tuple[object, IdentityProvider, Seal] | None = None

    @property
    def on(self) -> bool:
        """Whether people can sign in through a provider."""
        oidc = self.config().auth.oidc
        return oidc is not None and oidc.on

    def seal(self) -> Seal:
        """Return the object that encrypts texts for the provider. Raises LookupError if none is configured."""
        return self._current()[2]

    def sealed(self, tokens: ProviderTokens, now: float) -> str:
        """Return `tokens`, encrypted for the store."""
        return self.seal().close(orjson.dumps([tokens.access, tokens.refresh, tokens.id_token]).decode(), now)

    def opened(self, sealed: str) -> ProviderTokens | None:
        """Return the tokens; None if they were encrypted with another secret."""
        text = self.seal().open(sealed) if sealed else None
        return ProviderTokens(*orjson.loads(text)) if text else None

    async def authorization_url(self, back: str, state: str, nonce: str, verifier: str, now: float) -> str:
        """Return the address for a browser to sign in. Raises ProviderAway, ProviderRefused."""
        return await self._ask(self._provider().authorization_url(back, state, nonce, verifier, now))

    async def exchange(
        self, code: str, issuer: str | None, back: str, nonce: str, verifier: str, now: float
    ) -> tuple[ProviderTokens, dict[str, Any]]:
        """Return the tokens for a code, and the claims about their owner. Raises ProviderAway, ProviderRefused."""
        return await self._ask(self._provider().exchange(code, issuer, back, nonce, verifier, now))

    async def again(self, tokens: ProviderTokens, subject: str, now: float) -> tuple[ProviderTokens, dict[str, Any]]:
        """Return new tokens, and the claims about `subject` today. Raises ProviderAway, ProviderRefused."""
        return await self._ask(self._provider().again(tokens, subject, now))

    async def sign_out_url(self, record: SessionRecord, back: str, now: datetime) -> str | None:
        """Return the address for signing out at the provider; None if it has none, or does not respond."""
        tokens = self.opened(record.sealed) or ProviderTokens("")
        try:
            return await self._ask(self._provider().sign_out_url(tokens, back, now.timestamp()))
        except (ProviderAway, ProviderRefused):
            return None

    async def _ask(self, question: Awaitable[Answer]) -> Answer:
        from receiver.sources.identity_provider import ProviderError  # noqa: PLC0415  (loaded with the provider)

        try:
            return await question
        except SourceError as error:
            raise ProviderAway(error) from None
        except ProviderError as error:
            raise ProviderRefused(error.reason, SAID[error.reason], log=str(error)) from None

    def _provider(self) -> IdentityProvider:
        return self._current()[1]

    def _current(self) -> tuple[object, IdentityProvider, Seal]:
        from receiver.pipeline.sign_in.encrypted_text import Seal  # noqa: PLC0415  (not loaded where no one signs in so)
        from receiver.sources.identity_provider import IdentityProvider, ProviderClient  # noqa: PLC0415

        oidc = self.config().auth.oidc
        if oidc is None or not oidc.on:
            raise LookupError("no identity provider is configured")
        secret = oidc.client_secret.get_secret_value()
        client = ProviderClient(oidc.issuer, oidc.client_id, secret, oidc.scopes)
        if self._made is None or self._made[0] != client:
            seal = Seal(secret, f"sign-in\n{oidc.issuer}\n{oidc.client_id}")
            self._made = client, IdentityProvider(client, self.source_client), seal
        return self._made
