"""Alertmanager's own file beside this configuration: what in it does not fit."""

from receiver.config.upstream.fit import compare
from receiver.config.upstream.routing import Routing, read

__all__ = ["Routing", "compare", "read"]
