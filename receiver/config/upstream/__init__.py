"""Alertmanager's own file beside this configuration: what in it does not fit."""

from receiver.config.upstream.alert_rules import alert_rules
from receiver.config.upstream.fit import compare_all
from receiver.config.upstream.recognition import Foreign, recognized
from receiver.config.upstream.routing import Routing, read, read_all

__all__ = ["Foreign", "Routing", "alert_rules", "compare_all", "read", "read_all", "recognized"]
