"""How a reload of the configuration ended."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.config.config_errors import Problem


@dataclass(frozen=True)
class Reloaded:
    """How a reload ended."""

    problems: tuple[Problem, ...] = ()
    """Every mistake; with any, nothing was changed."""
    restart: tuple[str, ...] = ()
    """Keys whose new value needs a restart: the old one stays in force."""
    hash: str = ""
    """Of the configuration in force."""

    @property
    def good(self) -> bool:
        """Whether the new configuration is in force."""
        return not self.problems
