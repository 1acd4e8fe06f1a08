"""Checks of Alertmanager's own file against this configuration."""

from receiver.config.alertmanager_file.alert_rules import alert_rules
from receiver.config.alertmanager_file.config_comparison import compare_all
from receiver.config.alertmanager_file.file_recognition import Foreign, recognized
from receiver.config.alertmanager_file.routes import Routing, read, read_all

__all__ = ["Foreign", "Routing", "alert_rules", "compare_all", "read", "read_all", "recognized"]
