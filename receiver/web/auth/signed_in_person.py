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
    """The form token in the page's forms; empty without a session."""
    session: SessionRecord | None = None
    cookie: str = ""
    """The new value of the session's cookie, if it has to be updated."""

    @property
    def actor(self) -> Actor:
        """The actor of a form: a person, and the name of the token or session."""
        return self.caller.actor().model_copy(update={"kind": ActorKind.PERSON})

    @property
    def signed_in(self) -> bool:
        """Whether there is a session to end."""
        return bool(self.word)

    @property
    def by_token(self) -> bool:
        """Whether this person signed in with a token and not through the identity provider."""
        return self.session is None or self.session.kind is SignInKind.TOKEN

    def may(self, scope: str) -> bool:
        """Return whether to show a form for `scope`: a caller with a header has no session to send it with."""
        return scope in self.caller.scopes and (self.signed_in or self.caller is LOCAL)
