"""Alertmanager's own file beside this configuration: what in it does not fit."""

from receiver.config.upstream.alert_rules import alert_rules
from receiver.config.upstream.fit import compare_all
from receiver.config.upstream.recognition import is_foreign, is_of_rules, refuse_others
from receiver.config.upstream.routing import Routing, read, read_all

__all__ = ["Routing", "alert_rules", "compare_all", "is_foreign", "is_of_rules", "read", "read_all", "refuse_others"]
