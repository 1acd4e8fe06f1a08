"""The channels: each file or folder is one channel, found by scanning this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

from receiver.channels.base import Channel


class Kinds(Mapping[str, type[Channel[Any]]]):
    """The channel class of each `kind`. A file with the name of a requested kind is loaded alone.

    A replica loads only the channels in its configuration: all of them take 5 MB and a fifteenth of the start.
    """

    def __init__(self) -> None:
        """Create it; nothing is loaded yet."""
        self._files = sorted(info.name for info in pkgutil.iter_modules(__path__))
        self._found: dict[str, type[Channel[Any]]] | None = None

    def __getitem__(self, kind: str) -> type[Channel[Any]]:
        if self._found is None and kind in self._files:
            for channel in _channels_of(kind):
                if channel.kind == kind:
                    return channel
        return self._all()[kind]

    def __contains__(self, kind: object) -> bool:
        known = isinstance(kind, str) and kind in self._files and any(one.kind == kind for one in _channels_of(kind))
        return known or kind in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, type[Channel[Any]]]:
        if self._found is None:
            found: dict[str, type[Channel[Any]]] = {}
            for name in self._files:
                for channel in _channels_of(name):
                    if channel.kind in found:
                        both = f"{found[channel.kind]!r} and {channel!r}"
                        raise TypeError(f"two channels claim the kind {channel.kind!r}: {both}")
                    found[channel.kind] = channel
            self._found = found
        return self._found


def discover() -> Kinds:
    """Return the channel class of each `kind`. Raises TypeError if all are read and two claim the same kind."""
    return Kinds()


def _channels_of(name: str) -> list[type[Channel[Any]]]:
    module = importlib.import_module(f"{__name__}.{name}")
    if hasattr(module, "__path__"):  # a channel of several files is a package, defined in its `channel.py`
        module = importlib.import_module(f"{module.__name__}.channel")
    # Imported classes do not count, nor do base classes without a kind.
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Channel)
        and value.__module__ == module.__name__
        and hasattr(value, "kind")
    ]
