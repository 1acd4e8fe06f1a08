"""Configuration -> the objects that a replica uses: channels, decision policy, and the active configuration."""

from receiver.active_config_builder.active_config_builder import build_active_config, id_parts
from receiver.active_config_builder.channel_builder import make_channels, same_settings
from receiver.active_config_builder.store_endpoint_builder import store_endpoint

__all__ = ["build_active_config", "id_parts", "make_channels", "same_settings", "store_endpoint"]
