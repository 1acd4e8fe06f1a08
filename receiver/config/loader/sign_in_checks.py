"""Checks of the settings for sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from receiver.config.config_errors import Problem
from receiver.config.loader.config_draft import Draft
from receiver.config.settings.addresses import is_loopback


def sign_in_problems(draft: Draft) -> Iterator[Problem]:
    """Yield the errors: two people with one subject, a provider without TLS."""
    oidc = draft.sections.auth.oidc
    if oidc is None:
        return
    parts = urlsplit(oidc.issuer)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        message = "the provider does not use TLS: anyone on the network path could sign in as any user"
        yield draft.document.problem(("auth", "oidc", "issuer"), message, "write an https:// address")
    known: dict[str, str] = {}
    for name, person in draft.sections.people.items():
        subject = person.oidc_subject
        if subject is not None and known.setdefault(subject, name) != name:
            message = f"also the subject of {known[subject]!r:.60}"
            yield draft.document.problem(("people", name, "oidc_subject"), message, "give each person their own")


def sign_in_notes(draft: Draft) -> Iterator[Problem]:
    """Yield settings that are valid but let no one sign in, or no one from another machine."""
    oidc, document = draft.sections.auth.oidc, draft.document
    if oidc is None:
        return
    if not oidc.on:
        message = "off: no client_secret"
        yield document.problem(("auth", "oidc"), message, "write client_secret_file: /run/secrets/oidc", at_key=True)
    if not (oidc.read_groups or oidc.respond_groups or oidc.admin_groups):
        message, hint = "no group has a permission, so no one can sign in this way", "write respond_groups: [sre]"
        yield document.problem(("auth", "oidc"), message, hint, at_key=True)
    if draft.sections.service.public_url is None:
        message = "without service.public_url the redirect address follows the Host header of each request"
        hint = "write service.public_url, and register PUBLIC_URL/login/oidc/callback at the provider"
        yield document.problem(("auth", "oidc"), message, hint, at_key=True)
