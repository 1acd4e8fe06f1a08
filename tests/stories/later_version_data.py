"""A store as a later version may leave it: data that this version does not know, written into a real store."""

from __future__ import annotations

from typing import Any

import orjson

from receiver.model.incident.incident import Incident
from tests.stories.world import World

NEW_STATE = {"state": "pondered"}
NEW_SEVERITY = {"severity": "SEV-0"}
NEW_PAGES = {"pages": [{"pager": {"of": "tomorrow"}}]}
NEW_DECISION = {"decision": "by vote"}
UNREADABLE: list[dict[str, Any] | str] = [NEW_STATE, NEW_SEVERITY, NEW_STATE | NEW_PAGES, NEW_DECISION, "{", "[]"]
"""Changes to a snapshot, or its replacement."""


async def rewrite(world: World, incident: Incident, change: dict[str, Any] | str) -> None:
    """Rewrite the snapshot of `incident` like a later version: with other fields, or in another form."""
    keys, connection = world.one.incidents.keys, world.one.connection
    async with connection.guarded() as client:
        key = keys.incident(incident.uid)
        state = await client.hget(key, "state")
        written = change if isinstance(change, str) else orjson.dumps(orjson.loads(state) | change)
        await client.hset(key, "state", written)
        # This version cannot read the later version's summary either.
        await client.hset(keys.named("summaries"), incident.uid, f"{incident.version} [99]")


async def rows_of(world: World, incident: Incident, channel: str) -> list[str]:
    """Return the members of the rows of `incident` in `channel`."""
    async with world.one.connection.guarded() as client:
        prefix = world.one.incidents.keys.row(f"{incident.uid} {channel} ")
        names = [name async for name in client.scan_iter(f"{prefix}*")]
    return [name.removeprefix(world.one.incidents.keys.row("")) for name in names]


async def row(world: World, member: str) -> dict[str, str]:
    """Return a row as it is stored."""
    async with world.one.connection.guarded() as client:
        found: dict[str, str] = await client.hgetall(world.one.incidents.keys.row(member))
    return found


async def rewrite_row(world: World, member: str, **fields: str) -> None:
    """Rewrite a row like a later version."""
    async with world.one.connection.guarded() as client:
        await client.hset(world.one.incidents.keys.row(member), mapping=fields)
