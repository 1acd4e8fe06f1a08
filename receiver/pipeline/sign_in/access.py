"""The permissions of a person's groups, and the matching person in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from receiver.config import Config
from receiver.config.settings.service_settings import Oidc, Scope
from receiver.model.oncall.schedule_settings import Person
from receiver.model.sign_in import Identity, SessionRecord

LONGEST = 200
"""Maximum length of a name or a subject."""


@dataclass(frozen=True)
class Access:
    """The permissions of a signed-in user."""

    name: str
    scopes: frozenset[Scope]
    teams: frozenset[str]
    person: str | None
    """A key of `people`; None: no one in the configuration."""


def identity_of(claims: Mapping[str, Any], oidc: Oidc) -> Identity:
    """Return the user of `claims`. Raises ValueError if they name none."""
    subject = claims.get("sub")
    if not (isinstance(subject, str) and 0 < len(subject) <= LONGEST):
        raise ValueError("a subject of 1 to 200 characters is needed")
    # An unverified address could belong to anyone.
    email = _text(claims, "email") if claims.get("email_verified") is True else None
    given = claims.get(oidc.groups_claim)
    groups = given if isinstance(given, list) else [given]
    name = _text(claims, "name") or _text(claims, "preferred_username") or email or subject
    return Identity(
        subject,
        name[:LONGEST],
        email,
        # A claim may contain hundreds: only configured groups are kept, and stored in the cookie.
        frozenset(one for one in groups if isinstance(one, str)) & oidc.groups,
    )


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value[:LONGEST] if isinstance(value, str) and value else None


def access_of(record: SessionRecord, config: Config) -> Access | None:
    """Return the permissions of the owner of a session of `config.auth.oidc`; None: in no group, so without access."""
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
    """Return the key of the person who signed in: by `oidc_subject`, or else by a verified email address."""
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
        # A person with a configured subject is matched only by that subject, never by an address.
        if person.oidc_subject is None and wanted in {
            address.get_secret_value().casefold() for road, address in person.addresses.items() if road in mailed
        }
    ]  # fmt: skip
    return found[0] if len(found) == 1 else None
