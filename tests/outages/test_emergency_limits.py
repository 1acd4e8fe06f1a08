"""Maintenance windows, acknowledgements and storms hold pages back without the store as they do with it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from receiver.model.base import rfc3339
from tests.faults.sender import Probe
from tests.faults.waiting import say, until
from tests.outages.replica_pair import Pair, pair, soon
from tests.stories.world import alert, notification

MOST = 5
"""Number of groups that page separately within a minute."""
STORM = 24
MEMBERS = 5
LISTED_WITHIN = 10.0
"""Seconds within which the storm's page must be sent."""


@dataclass(frozen=True)
class Group(Probe):
    """A group of alerts of one service; alerts that are not in `members` have ended."""

    service: str = "api"
    members: tuple[int, ...] = (0,)

    def body(self, *, firing: bool = True, peer: int = 0) -> bytes:
        """Return its notification."""
        alerts = [
            alert(
                f"Auth{self.name}", firing=firing, labels={"instance": str(one), "service": self.service},
                starts=rfc3339(self.starts + timedelta(seconds=one)), ends=rfc3339(datetime.now(UTC)),
            )
            for one in self.members
        ]  # fmt: skip
        return notification(*alerts, group=self.name)

    def left(self, first: int) -> Group:
        """Return the group without the alerts before `first`."""
        return Group(self.number, self.severe, self.starts, self.service, self.members[first:])


def limits(content: dict[str, Any]) -> None:
    """Set a maintenance window of one service that began an hour ago, and a low storm limit."""
    soon(content)
    began = datetime.now(UTC) - timedelta(hours=1)
    content["maintenance"] = [
        {"name": "move", "matchers": ['service="db"'], "weekly": f"{began:%A %H:%M}", "for": "3h", "timezone": "UTC"}
    ]
    content["ingest"]["storm"] = {"incidents": MOST, "within": "1m"}


async def knock(made: Pair, group: Group) -> None:
    """Post to both replicas, which cannot store the notification."""
    await asyncio.gather(made.refused(group, 0), made.refused(group, 1))


def storms(made: Pair) -> list[str]:
    """Return the texts of storm pages."""
    return [title[:60] for title in made.pager.titles.values() if "Storm:" in title]


def breaches(made: Pair, held: Group, closed: Group) -> list[str]:
    """Return the limits that pages without the store broke."""
    pager = made.pager
    broken = {
        "a window holds it": bool(made.triggers(held)),
        "a person has closed it": len(made.triggers(closed)) > 1,
        "one key however a group shrinks": bool(pager.twice()),
        "a storm pages a few groups, and once for the rest": len(pager.triggers) > 1 + 2 * MOST + 1,
        "one page lists the rest": len(storms(made)) != 1,
    }
    return [limit for limit, is_broken in broken.items() if is_broken]


async def test_emergency_pages_obey_the_limits_of_every_page(tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    async with pair(tmp_path, change=limits) as made:
        numbers = iter(range(1, 1000))

        def group(**more: Any) -> Group:
            return Group(next(numbers), False, began, **more)

        closed = group(service="shop")
        incident = (await made.taken(closed, 0))["incident"]
        await made.paged(closed)
        for verb in ("resolve", "close"):
            await made.post(f"/api/v1/incidents/{incident}/{verb}", {})
        await until(lambda: not made.pager.open and made.owes(0), "the page of the closed incident to be resolved")
        for number in (0, 1):
            # A replica catches up before it lists open incidents, so it has read the closing.
            assert (await made.get("/api/v1/incidents?open=true", number))["items"] == []
        made.cut()
        held, shrinking = group(service="db"), group(service="web", members=tuple(range(MEMBERS)))
        for one in (held, closed, shrinking):
            await knock(made, one)
        await made.paged(shrinking)
        for first in range(1, MEMBERS):
            await knock(made, shrinking.left(first))
        storm = [group(service=f"s{number}") for number in range(STORM)]
        for one in storm:
            await knock(made, one)
        with contextlib.suppress(AssertionError):
            await until(lambda: bool(storms(made)), "the page that lists the storm", LISTED_WITHIN)
        say(f"{len(made.pager.triggers)} keys without the store, {storms(made)}")
        assert breaches(made, held, closed) == []

        made.mend()
        await made.back()
        # Alertmanager sends refused notifications again, to the next replica.
        for number, one in enumerate([held, closed, shrinking.left(MEMBERS - 1), *storm]):
            await made.sender.deliver(one, to=number % 2)
        found = await made.incidents()
        states = {one["id"]: one["state"] for one in found}
        # closed, held, shrinking, and those of the storm with their own
        assert len(states) == 1 + 2 + STORM + 1, [(one["id"], one["state"], one["title"]) for one in found]
        assert states[incident] == "closed"
        for number, one in enumerate([held, closed, shrinking, *storm]):
            await made.taken(one, number % 2, firing=False)
        (whole,) = [one["id"] for one in await made.incidents() if one["title"].startswith("Storm")]
        await made.post(f"/api/v1/incidents/{whole}/resolve", {})
        await made.nothing_open(len(states))
        assert made.pager.repeated() == []
