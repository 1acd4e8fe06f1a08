"""Whether every page in a log ends: read from the store of a run, with no help of the service.

A page of a log was accepted by the vendor, or has a receipt that says why it was cancelled, or is a dead letter, or is
still owed and due. A fifth thing there is not: that would be a page that nobody will ever hear of, or know of.
"""

from __future__ import annotations

from typing import Any

import orjson
import redis

MADE = ("page", "emergency_paged")
"""Kinds of events that make a page."""


def unended(url: str, namespace: str = "receiver") -> list[str]:
    """Return every page of every log in the store that neither ended nor is owed; nothing where no store answers."""
    client: Any = redis.Redis.from_url(url, decode_responses=True, socket_timeout=10)
    try:
        prefix, found = f"{{{namespace}}}:", list[str]()
        for name in client.scan_iter(f"{prefix}log:*", count=1000):
            uid = name.removeprefix(f"{prefix}log:")
            try:
                found += _unended(client, prefix, uid, name)
            except (redis.ResponseError, ValueError, KeyError):
                continue  # a test has spoiled this incident, or it is of a later version
        return found
    except (redis.ConnectionError, redis.TimeoutError):
        return []
    finally:
        client.close()


def _unended(client: Any, prefix: str, uid: str, name: str) -> list[str]:
    state = client.hget(f"{prefix}inc:{uid}", "state") or ""
    if client.hexists(f"{prefix}inc:{uid}", "restored") or '"merged":true' in state:
        return []  # an archive keeps receipts and no rows; pages of a merged incident went on with the other one
    logged = [one for one in map(orjson.loads, client.lrange(name, 0, -1)) if one["kind"] in MADE]
    pages: dict[tuple[str, str], dict[str, Any]] = {}
    for one in logged:
        # A page that one replica has sent with the store and another without it has two events, and is one page.
        page = one["data"]["page"]
        known = pages.setdefault((page["channel"], page["key"]), page | {"seqs": set()})
        known["seqs"].add(one["seq"])
    receipts = [orjson.loads(one) for one in client.lrange(f"{prefix}receipts:{uid}", 0, -1)]
    ends = {name: ending(client, prefix, uid, page, receipts) for name, page in pages.items()}
    return [f"{uid}: {channel} {key}" for (channel, key), end in ends.items() if end is None]


def ending(client: Any, prefix: str, uid: str, page: dict[str, Any], receipts: list[dict[str, Any]]) -> str | None:
    """Return how `page` ended: `accepted`, `cancelled: REASON`, `dead letter`, `owed`; None: nobody knows."""
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
