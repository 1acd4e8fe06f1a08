"""The result of a reload of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.config.config_errors import Problem


@dataclass(frozen=True)
class Reloaded:
    """The result of a reload."""

    problems: tuple[Problem, ...] = ()
    """Every error; if there is one, nothing was changed."""
    restart: tuple[str, ...] = ()
    """Keys whose new value needs a restart: the old value stays in effect."""
    hash: str = ""
    """Warnings of the configuration in effect."""

    @property
    def good(self) -> bool:
        """Whether the new configuration is in effect."""
        return not self.problems
