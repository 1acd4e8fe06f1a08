"""What the groups of a person allow, and which person of the configuration it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from receiver.config import Config
from receiver.config.settings.service_settings import Oidc, Scope
from receiver.model.oncall.schedule_settings import Person
from receiver.model.sign_in import Identity, SessionRecord

LONGEST = 200
"""Characters of a name or a subject that are kept."""


@dataclass(frozen=True)
class Access:
    """What somebody who signed in may do."""

    name: str
    scopes: frozenset[Scope]
    teams: frozenset[str]
    person: str | None
    """A key of `people`; None: nobody of the configuration."""


def identity_of(claims: Mapping[str, Any], oidc: Oidc) -> Identity:
    """Return who `claims` are about. Raises ValueError when they name nobody."""
    subject = claims.get("sub")
    if not (isinstance(subject, str) and 0 < len(subject) <= LONGEST):
        raise ValueError("a subject of 1 to 200 characters is needed")
    # An address that nobody has verified is anybody's.
    email = _text(claims, "email") if claims.get("email_verified") is True else None
    given = claims.get(oidc.groups_claim)
    groups = given if isinstance(given, list) else [given]
    name = _text(claims, "name") or _text(claims, "preferred_username") or email or subject
    return Identity(
        subject,
        name[:LONGEST],
        email,
        # A claim may hold hundreds: only those that mean something here are kept, and go into the cookie.
        frozenset(one for one in groups if isinstance(one, str)) & oidc.groups,
    )


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value[:LONGEST] if isinstance(value, str) and value else None


def access_of(record: SessionRecord, config: Config) -> Access | None:
    """Return what the owner of a session of `config.auth.oidc` may do; None: in no group, so not let in."""
    oidc = config.auth.oidc
    if oidc is None or not oidc.on or record.issuer != oidc.issuer:
        return None
    groups = set(record.groups)
    scopes: set[Scope] = set()
    if groups & oidc.groups:
        scopes.add(Scope.READ)
    if groups & {*oidc.respond_groups, *oidc.admin_groups}:
        scopes.add(Scope.RESPOND)
    if groups & set(oidc.admin_groups):
        scopes.add(Scope.ADMIN)
    if not scopes:
        return None
    teams = frozenset(team for team, names in oidc.team_groups.items() if groups & set(names))
    person = person_of(record, config)
    return Access(person or record.name, frozenset(scopes), teams, person)


def person_of(record: SessionRecord, config: Config) -> str | None:
    """Return the key of the person who signed in: by `oidc_subject`, else by an e-mail address that is verified."""
    people: Mapping[str, Person] = config.people
    for key, person in people.items():
        if person.oidc_subject == record.account:
            return key
    if record.email is None:
        return None
    mailed = {"email", *(name for name, channel in config.channels.items() if channel.kind == "email")}
    wanted = record.email.casefold()
    found = [
        key
        for key, person in people.items()
        # Somebody whose subject is configured is that subject and nobody else, whatever an address says.
        if person.oidc_subject is None and wanted in {
            address.get_secret_value().casefold() for road, address in person.addresses.items() if road in mailed
        }
    ]  # fmt: skip
    return found[0] if len(found) == 1 else None
