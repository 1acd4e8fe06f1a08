"""The Lua files of this package, as they are sent to a server."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

GUARD = "redis.call('EXISTS', string.match(KEYS[1], '^{.-}:') .. 'nowhere')\n"
"""The first statement of every script in a cluster.

While a slot is carried to another node key by key, a command on a key that is not there is refused. In the middle of a
script that would leave its earlier writes. This key is never there, so the script is refused before it has begun.
"""


@dataclass(frozen=True)
class Form:
    """A text, and the hash by which it is called."""

    text: str
    sha: str


def _form(text: str) -> Form:
    return Form(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Script:
    """A Lua file of this package, called by its hash."""

    def __init__(self, name: str, *, when_full: bool = False) -> None:
        """`name` is a file of `store/lua` without its ending; `when_full`: it runs even when the memory is full."""
        self.name = name
        text = resources.files("receiver.store").joinpath("lua", f"{name}.lua").read_text("utf-8")
        if when_full:
            text = text.replace("#!lua\n", "#!lua flags=allow-oom\n", 1)
        self.plain = _form(text)
        flags, _, rest = text.partition("\n")
        self.in_cluster = _form(f"{flags}\n{GUARD}{rest}")


PROBE = Script("probe")
"""Writes to one key, as a commit would."""
PROBE_WHEN_FULL = Script("probe", when_full=True)
