"""The configuration: one file; all errors are reported at once, each with its line and column."""

from typing import TYPE_CHECKING, Any

from receiver.config.config_errors import ConfigError, Problem
from receiver.config.loader.config_loader import load, load_text
from receiver.config.settings.whole_config import Config

if TYPE_CHECKING:
    from receiver.config.file_checks import check_files

__all__ = ["Config", "ConfigError", "Problem", "check_files", "load", "load_text"]


def __getattr__(name: str) -> Any:
    # A service checks no files: thirty modules that only `receiver check-config` needs are loaded when it runs.
    if name == "check_files":
        from receiver.config.file_checks import check_files  # noqa: PLC0415

        return check_files
    raise AttributeError(name)
