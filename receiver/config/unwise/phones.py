"""Topics that a stranger can guess."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.channels import discover
from receiver.config.draft import Draft
from receiver.config.problems import Problem


def unwise(draft: Draft) -> Iterator[Problem]:
    """Yield each address that is too short to be a secret; the address itself is in no message."""
    kinds = discover()
    least = {name: kinds[settings.kind].least_address for name, settings in draft.sections.channels.items()}
    least |= {settings.kind: kinds[settings.kind].least_address for settings in draft.sections.channels.values()}
    for key, person in draft.sections.people.items():
        for road, address in person.addresses.items():
            length = len(address.get_secret_value())
            if 0 < length < least.get(road, 0):
                said = f"an address of {length} characters, which a stranger can guess"
                hint = f"write a name and random characters, {least[road]} or more in all"
                yield draft.document.problem(("people", key, road), said, hint)
