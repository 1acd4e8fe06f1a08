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
        prefix = f"{{{namespace}}}:"
        found = []
        for name in client.scan_iter(f"{prefix}log:*", count=1000):
            uid = name.removeprefix(f"{prefix}log:")
            if client.hexists(f"{prefix}inc:{uid}", "restored"):
                continue  # out of an archive, which keeps receipts and no rows
            state = client.hget(f"{prefix}inc:{uid}", "state") or ""
            if not state.startswith("{") or '"merged":true' in state:
                continue  # a test has spoiled it; or its pages went on with another incident
            pages = [one["data"]["page"] | {"seq": one["seq"]} for one in map(orjson.loads, client.lrange(name, 0, -1))
                     if one["kind"] in MADE]  # fmt: skip
            receipts = [orjson.loads(one) for one in client.lrange(f"{prefix}receipts:{uid}", 0, -1)]
            ends = {page["key"]: ending(client, prefix, uid, page, receipts) for page in pages}
            found += [f"{uid}: {key}" for key, end in ends.items() if end is None]
        return found
    except (redis.ConnectionError, redis.TimeoutError):
        return []
    except (redis.ResponseError, ValueError, KeyError):
        return []  # a store that a test has spoiled is no evidence
    finally:
        client.close()


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
    reasons = [one["cancelled"] for one in receipts if one.get("cancelled") and one.get("page") == page["seq"]]
    return f"cancelled: {reasons[-1]}" if reasons else None
