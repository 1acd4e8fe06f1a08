"""Alertmanager's own file beside this configuration: what in it does not fit."""

from receiver.config.upstream.fit import compare_all
from receiver.config.upstream.recognition import is_foreign, refuse_others
from receiver.config.upstream.routing import Routing, read, read_all

__all__ = ["Routing", "compare_all", "is_foreign", "read", "read_all", "refuse_others"]
