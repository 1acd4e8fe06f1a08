"""The configuration: one file, read whole, with every mistake at its line and column."""

from receiver.config.config_errors import ConfigError, Problem
from receiver.config.file_checks import check_files
from receiver.config.loader.config_loader import load, load_text
from receiver.config.settings.whole_config import Config

__all__ = ["Config", "ConfigError", "Problem", "check_files", "load", "load_text"]
