"""The configuration: one file, read whole, with every mistake at its line and column."""

from receiver.config.files import check_files
from receiver.config.loading import load, load_text
from receiver.config.problems import ConfigError, Problem
from receiver.config.whole import Config

__all__ = ["Config", "ConfigError", "Problem", "check_files", "load", "load_text"]
