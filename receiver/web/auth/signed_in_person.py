"""The person behind a request to the console."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.model.incident.event import Actor, ActorKind
from receiver.model.sign_in import SessionRecord, SignInKind
from receiver.web.auth.tokens import LOCAL, Caller


@dataclass(frozen=True)
class SignedInPerson:
    """The visitor of a page."""

    caller: Caller
    word: str = ""
    """What the forms of the page carry; empty without a session."""
    session: SessionRecord | None = None
    cookie: str = ""
    """The new value of the session's cookie, if it must be written."""

    @property
    def actor(self) -> Actor:
        """Who acts on a form: a person, with the name of the token or session beside it."""
        return self.caller.actor().model_copy(update={"kind": ActorKind.PERSON})

    @property
    def signed_in(self) -> bool:
        """Whether there is a session that can be ended."""
        return bool(self.word)

    @property
    def by_token(self) -> bool:
        """Whether this person came with a token and not through the identity provider."""
        return self.session is None or self.session.kind is SignInKind.TOKEN

    def may(self, scope: str) -> bool:
        """Return whether a form for `scope` is worth showing: who came by a header has no session to send it with."""
        return scope in self.caller.scopes and (self.signed_in or self.caller is LOCAL)
