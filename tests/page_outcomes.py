"""Checks in the store of a run, without the service's code, that every page in a log ends.

A page of a log was accepted by the vendor, or has a receipt that gives the reason for its cancellation, or is a dead
letter, or is still pending and due. Any other page would be lost without a trace.
"""

from __future__ import annotations

from typing import Any

import orjson
import redis

MADE = ("page", "emergency_paged")
"""Kinds of events that create a page."""


def unended(url: str, namespace: str = "receiver") -> list[str]:
    """Return every page in the store's logs that has neither ended nor is pending; none if no store responds."""
    client: Any = redis.Redis.from_url(url, decode_responses=True, socket_timeout=10)
    try:
        prefix, found = f"{{{namespace}}}:", list[str]()
        for name in client.scan_iter(f"{prefix}log:*", count=1000):
            uid = name.removeprefix(f"{prefix}log:")
            try:
                found += _unended(client, prefix, uid, name)
            except (redis.ResponseError, ValueError, KeyError):
                continue  # a test has corrupted this incident, or it is from a later version
        return found
    except (redis.ConnectionError, redis.TimeoutError):
        return []
    finally:
        client.close()


def _unended(client: Any, prefix: str, uid: str, name: str) -> list[str]:
    state = client.hget(f"{prefix}inc:{uid}", "state") or ""
    if client.hexists(f"{prefix}inc:{uid}", "restored") or '"merged":true' in state:
        return []  # an archive has receipts and no rows; pages of a merged incident belong to the other one
    logged = [one for one in map(orjson.loads, client.lrange(name, 0, -1)) if one["kind"] in MADE]
    pages: dict[tuple[str, str], dict[str, Any]] = {}
    for one in logged:
        # A page that one replica sent with the store and another without it has two events, and is one page.
        page = one["data"]["page"]
        known = pages.setdefault((page["channel"], page["key"]), page | {"seqs": set()})
        known["seqs"].add(one["seq"])
    receipts = [orjson.loads(one) for one in client.lrange(f"{prefix}receipts:{uid}", 0, -1)]
    ends = {name: ending(client, prefix, uid, page, receipts) for name, page in pages.items()}
    return [f"{uid}: {channel} {key}" for (channel, key), end in ends.items() if end is None]


def ending(client: Any, prefix: str, uid: str, page: dict[str, Any], receipts: list[dict[str, Any]]) -> str | None:
    """Return how `page` ended: `accepted`, `cancelled: REASON`, `dead letter`, `owed`; None if unknown."""
    member = f"{uid} {page['channel']} {page['key']}"
    row = client.hgetall(f"{prefix}row:{member}")
    memory = orjson.loads(row["memory"]) if row.get("memory") else {}
    if memory.get("rung") or memory.get("sent") == "trigger":
        return "accepted"
    if row.get("parked"):
        return "dead letter"
    if row and client.zscore(f"{prefix}due:{row['lane']}", member) is not None:
        return "owed"
    reasons = [
        one["cancelled"]
        for one in receipts
        if one.get("cancelled") and one.get("page") in page.get("seqs", (page["seq"],))
    ]
    return f"cancelled: {reasons[-1]}" if reasons else None
