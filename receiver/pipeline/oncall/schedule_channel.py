"""The channel for changes of a schedule: its hand-off channel, or else the chat of its team."""

from __future__ import annotations

from receiver.model.incident.event import Destination
from receiver.pipeline.active_config import ActiveConfig


def place_of(setting: ActiveConfig, schedule: str) -> tuple[Destination, bool] | None:
    """Return the channel for a schedule's changes, and whether it is its team's chat; None: none."""
    known = setting.policy.directory.schedules.get(schedule)
    named = known.handoff_channel if known is not None else None
    if named is not None:
        channel = setting.channels.get(named)
        if channel is None or not channel.informs:
            return None
        return Destination(channel=channel.name, address=channel.address()), False
    top = setting.policy
    for view in top.teams.values():
        own, shared = view.directory.own or (), top.directory.own or ()
        if view.team and schedule in own and schedule not in shared:
            chat = next((to for to in view.informs if to not in top.informs), None)
            return (chat, True) if chat is not None else None
    return None
