"""Structured logs: one record per line, in console style on a terminal, otherwise JSON; no record contains a secret."""

from receiver.log.direct_log import DirectLog, LineTemplate
from receiver.log.log_setup import configure
from receiver.log.log_writer import Writer

__all__ = ["DirectLog", "LineTemplate", "Writer", "configure"]
