"""Builds the sign-in parts: identity providers and sessions."""

from __future__ import annotations

from receiver.pipeline.sign_in.providers import Providers
from receiver.pipeline.sign_in.session_keeper import SessionKeeper
from receiver.replica.base import ReplicaBase
from receiver.sources.http_client import SourceClient
from receiver.store.sessions import SessionStore


class SignInParts(ReplicaBase):
    """Adds the parts of `pipeline/sign_in/`."""

    def build_sign_in_parts(self) -> None:
        """Build the parts."""
        # A separate client, because a test may replace the client of every other source.
        self.sign_in_requests = SourceClient()
        self.providers = Providers(self.in_force, self.sign_in_requests)
        self.sessions = SessionKeeper(self.in_force, SessionStore(self.connection), self.providers)
