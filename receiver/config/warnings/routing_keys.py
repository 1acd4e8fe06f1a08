"""Warnings about people's routing keys in plain text or in a form that PagerDuty does not have."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.channels.pagerduty import ROUTING_KEY_LENGTH, PagerDuty
from receiver.config.config_errors import Problem
from receiver.config.loader.config_draft import Draft


def unwise(draft: Draft) -> Iterator[Problem]:
    """Yield warnings about each routing key; no message contains the key itself."""
    roads = {name for name, settings in draft.sections.channels.items() if settings.kind == PagerDuty.kind}
    for key, person in draft.sections.people.items():
        for road, address in person.addresses.items():
            secret = address.get_secret_value()
            if road not in {*roads, PagerDuty.kind} or not secret:
                continue
            path = ("people", key, road)
            mark = draft.document.marks.get(path)
            if len(secret) != ROUTING_KEY_LENGTH or not secret.isascii():
                said = f"a routing key of {len(secret)} characters, which PagerDuty rejects"
                hint = f"an Events API v2 integration key has {ROUTING_KEY_LENGTH}"
                yield draft.document.problem(path, said, hint)
            if mark is not None and not mark.expanded and not mark.key.endswith("_file"):
                yield draft.document.problem(path, "a secret in plain text", f"write ${{NAME}}, or {road}_file: PATH")
