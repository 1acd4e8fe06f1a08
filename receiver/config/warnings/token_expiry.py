"""Tokens that have expired, or are about to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from receiver.config.config_errors import Problem
from receiver.config.loader.config_draft import Draft
from receiver.config.settings.service_settings import Auth

SOON = timedelta(days=14)
"""How long before the expiry of a token the warning begins: time to roll out a new one."""
INSTEAD = "add an entry with a new token (receiver token new --expires 90d), and reload"


def expiring(auth: Auth, now: datetime) -> Iterator[tuple[int, str]]:
    """Yield the place of each token that has expired or expires within SOON, and a sentence about it."""
    for index, token in enumerate(auth.tokens):
        ends = token.expires_at
        if ends is None or ends - now > SOON or not token.token.get_secret_value().strip():
            continue
        when = f"on {ends:%Y-%m-%d at %H:%M} UTC"
        yield index, f"expired {when}: requests with it get a 401" if ends <= now else f"expires {when}"


def unwise(draft: Draft, now: datetime) -> Iterator[Problem]:
    """Yield warnings about tokens that have expired or expire soon at `now`."""
    for index, text in expiring(draft.sections.auth, now):
        yield draft.document.problem(("auth", "tokens", index, "expires"), text, INSTEAD)
