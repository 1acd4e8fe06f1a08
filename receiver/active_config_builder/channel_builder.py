"""Configuration -> the channels that are complete."""

from __future__ import annotations

from typing import Any

from receiver.channels import discover
from receiver.channels.base import Channel, ChannelSettings, Http
from receiver.channels.grafana import GrafanaSettings
from receiver.config import Config


def make_channels(config: Config, http: Http) -> dict[str, Channel[Any]]:
    """Return every complete channel by name; `config.off` has the reasons why others are missing."""
    kinds = discover()
    wanted = {**_implied_channels(config), **config.channels}
    made = {name: kinds[settings.kind](name, settings, http) for name, settings in wanted.items()}
    return {name: channel for name, channel in made.items() if channel.missing() is None}


def _implied_channels(config: Config) -> dict[str, ChannelSettings]:
    # `links.grafana` with a token: incidents are annotated in Grafana.
    grafana = config.links.grafana
    if grafana is None or not grafana.token.get_secret_value():
        return {}
    return {"grafana": GrafanaSettings(api_url=grafana.url, token=grafana.token)}


def same_settings(one: Channel[Any], other: Channel[Any]) -> bool:
    """Return whether two channels are of one kind with the same settings, secrets included."""
    return type(one) is type(other) and one.settings == other.settings
