"""`${NAME}` and `${NAME:-default}` in a scalar: the environment, read once and passed in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from receiver.config.config_errors import Path

_PIECE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|\$\{")


class Environment:
    """The variables, and a list of those that were requested but not set."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Create it from the variables of the process."""
        self.variables = variables
        self.missing: list[tuple[Path, str]] = []
        """Where a variable without a default is not set, and its name: it was read as empty."""

    def expand(self, text: str, path: Path) -> str:
        """Return `text` with variables replaced; their values are not expanded again.

        A default is used if the variable is not set or empty, as in a shell. Raises ValueError for a `${` that
        is not a variable.
        """

        def replace(piece: re.Match[str]) -> str:
            if piece[0] == "$${":
                return "${"
            name, default = piece["name"], piece["default"]
            if name is None:
                raise ValueError("${ is not followed by a variable")
            value = self.variables.get(name, "")
            if name not in self.variables and default is None:
                self.missing.append((path, name))
            return value or default or ""

        return _PIECE.sub(replace, text)
