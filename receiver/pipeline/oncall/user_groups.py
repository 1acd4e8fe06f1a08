"""User groups whose members are on call now: `@primary-oncall` reaches the right person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from receiver.channels.base import DeliveryError
from receiver.model.base import rfc3339
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.oncall.on_call_overview import OnCallOverview
from receiver.store.shared_documents import SharedDocuments

NAME = "groups"
LOOK = timedelta(minutes=5)
"""Maximum time between two checks, because a reload or an override may move a hand-off."""
AGAIN = timedelta(seconds=30)
GROUPS = "group"
"""Kind of the shared documents with the members of each group, by schedule and channel."""

log = structlog.get_logger("receiver.duty")


class UserGroups:
    """Sets the groups at each hand-off; one replica at a time, because only one claims the store's timer."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], schedules: OnCallOverview, shared_documents: SharedDocuments
    ) -> None:
        """The work loop calls `on_timer`."""
        self.setting = setting
        self.schedules = schedules
        self.shared_documents = shared_documents

    async def on_timer(self, now: datetime) -> datetime | None:
        """Set the members of every group to the people on call now, and return when to check again.

        Raises StoreAway.
        """
        setting, again = self.setting(), now + LOOK
        wanted = [
            (name, channel, group)
            for name, schedule in setting.policy.directory.schedules.items()
            for channel, group in schedule.user_groups.items()
        ]
        if not wanted:
            return again
        _, documents = await self.shared_documents.read()
        for name, channel, group in wanted:
            shift = self.schedules.at(name, now)
            again = min(again, max(shift.until, now + timedelta(seconds=1)))
            address = setting.mention(shift.person, channel).address if shift.person else None
            place, through = f"{name} {channel}", setting.channels.get(channel)
            given = {"group": group, "address": address}
            before = documents.get(GROUPS, {}).get(place, {})
            if through is None or address is None or {key: before.get(key) for key in given} == given:
                continue
            try:
                await through.regroup(group, (address,), now)
            except DeliveryError as error:
                log.warning(
                    "group_update_failed", schedule=name, channel=channel, reason=error.reason, detail=error.detail
                )
                again = min(again, now + (LOOK if error.permanent else AGAIN))
                continue
            await self.shared_documents.put(GROUPS, place, {**given, "at": rfc3339(now)})
            log.info("group_set", schedule=name, channel=channel, person=shift.person)
        return again
