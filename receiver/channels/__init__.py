"""The outside world: one file is one channel, found by scanning this folder."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from receiver.channels.base import Channel


def discover() -> dict[str, type[Channel[Any]]]:
    """Return the channel class of each `kind`. Raises TypeError when two files claim the same kind."""
    found: dict[str, type[Channel[Any]]] = {}
    for module_info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, Channel)):
                continue
            # What a file imported is not its own; what has no kind is a base for others.
            if value.__module__ != module.__name__ or not hasattr(value, "kind"):
                continue
            if value.kind in found:
                raise TypeError(f"two channels claim the kind {value.kind!r}: {found[value.kind]!r} and {value!r}")
            found[value.kind] = value
    return found
