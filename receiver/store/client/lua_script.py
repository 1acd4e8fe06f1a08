"""The Lua scripts of this package, in the form that is sent to a server."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

GUARD = "redis.call('EXISTS', string.match(KEYS[1], '^{.-}:') .. 'nowhere')\n"
"""The first statement of every script in a cluster.

While a slot migrates to another node key by key, a command on a missing key is refused. In the middle of a script, that
would leave its earlier writes in place. This key never exists, so the script is refused before it writes.
"""


@dataclass(frozen=True)
class Form:
    """The text of a script, and the hash by which it is called."""

    text: str
    sha: str


def _form(text: str) -> Form:
    return Form(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Script:
    """A Lua file of this package, called by its hash."""

    def __init__(self, name: str, *, when_full: bool = False) -> None:
        """`name`: a file in `store/lua` without its extension. `when_full`: it runs even if the memory is full."""
        self.name = name
        text = resources.files("receiver.store").joinpath("lua", f"{name}.lua").read_text("utf-8")
        if when_full:
            text = text.replace("#!lua\n", "#!lua flags=allow-oom\n", 1)
        self.plain = _form(text)
        flags, _, rest = text.partition("\n")
        self.in_cluster = _form(f"{flags}\n{GUARD}{rest}")


PROBE = Script("probe")
"""Writes to one key, like a commit."""
PROBE_WHEN_FULL = Script("probe", when_full=True)
