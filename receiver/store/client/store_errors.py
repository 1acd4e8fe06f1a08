"""Why a request to the store failed: one exception for each named condition."""

from __future__ import annotations

from typing import ClassVar

from redis import exceptions as redis_errors

NEEDED = "Redis 7.0 or later, or Valkey,"
"""The supported servers: scripts have flags since Redis 7.0."""


class StoreAway(Exception):
    """The store refused the request, or did not answer in time: nothing is known to be durable."""

    condition: ClassVar[str] = "store_away"
    """The name in logs."""
    ours: ClassVar[bool] = False
    """Whether this process is the cause, so that it says nothing about the store."""


class StoreUnreachable(StoreAway):
    """No connection could be made, or the connection was lost."""

    condition = "store_unreachable"


class StoreRefused(StoreAway):
    """The server answered with an error: read-only, loading, full, a wrong password, or a command that it refuses."""

    condition = "store_refused"


class StoreFull(StoreRefused):
    """The server's memory is full (`maxmemory`).

    It refuses new data, and accepts writes that free memory or mark rows.
    """

    condition = "store_full"


class StoreUnsupported(StoreRefused):
    """The server is too old, or of a different kind than the address requires."""

    condition = "store_unsupported"


class StoreLoading(StoreRefused):
    """The server is loading its data, and answers afterward (LOADING)."""

    condition = "store_loading"


class StorePrimaryDown(StoreRefused):
    """A replica whose primary is unavailable (MASTERDOWN), or no known primary."""

    condition = "store_primary_down"


class StoreReadOnly(StoreRefused):
    """The server is a replica (READONLY): after a failover, the previous primary."""

    condition = "store_read_only"


class StoreShortOfReplicas(StoreRefused):
    """The primary has fewer replicas than `min-replicas-to-write` (NOREPLICAS): nothing was written."""

    condition = "store_short_of_replicas"


class StoreCannotPersist(StoreRefused):
    """The server cannot write to its disk (MISCONF)."""

    condition = "store_cannot_persist"


class StoreOccupied(StoreRefused):
    """Another client's script blocks the server (BUSY)."""

    condition = "store_busy"


class StoreDenied(StoreRefused):
    """A wrong password, or a user without permission for a command or a key (NOAUTH, WRONGPASS, NOPERM)."""

    condition = "store_denied"


class StoreClusterDown(StoreRefused):
    """The cluster has no primary for the slot of this namespace (CLUSTERDOWN)."""

    condition = "store_cluster_down"


class StoreSlotMoved(StoreRefused):
    """Another node of the cluster has the slot of this namespace (MOVED): nothing was executed."""

    condition = "store_slot_moved"


class StoreSlotMigrating(StoreRefused):
    """The slot is migrating to another node, key by key (ASK, TRYAGAIN): nothing was executed."""

    condition = "store_slot_migrating"


class StoreSlow(StoreAway):
    """No answer within the deadline, counted in time in which this process ran (receiver/loop_time.py)."""

    condition = "store_slow"


class NotDurable(StoreAway):
    """Written, but not on disk or on enough replicas within the deadline."""

    condition = "store_not_durable"


class Overloaded(StoreAway):
    """This process has too much to do: every connection for this kind of work is in use, or the queue is full."""

    condition = "overloaded"
    ours = True


class Contended(StoreAway):
    """Others committed first each time: the sender must retry, but the store is available."""

    condition = "contended"
    ours = True


class StoreLostData(StoreAway):
    """The store answers, but lacks a commit that this replica knows.

    Nothing is written until the next beat has started to write back the lost data.
    """

    condition = "store_lost_data"
    ours = True


class IncidentUnreadable(StoreAway):
    """A later version wrote the incident: this version cannot read it, but a replica of that version can."""

    condition = "incident_unreadable"
    ours = True

    def __init__(self, uid: str, number: str) -> None:
        """`number` is its readable id."""
        super().__init__(f"{number or uid} was written by a later version, and cannot be read by this one")
        self.uid = uid
        self.id = number


_BY_TYPE: tuple[tuple[type[Exception], type[StoreAway]], ...] = (
    (redis_errors.OutOfMemoryError, StoreFull),
    (redis_errors.MaxConnectionsError, Overloaded),
    (redis_errors.TimeoutError, StoreSlow),
    (TimeoutError, StoreSlow),
    (redis_errors.BusyLoadingError, StoreLoading),
    (redis_errors.ReadOnlyError, StoreReadOnly),
    (redis_errors.MovedError, StoreSlotMoved),
    (redis_errors.AskError, StoreSlotMigrating),
    (redis_errors.TryAgainError, StoreSlotMigrating),
    (redis_errors.MasterDownError, StorePrimaryDown),
    (redis_errors.ClusterDownError, StoreClusterDown),
    (redis_errors.NoPermissionError, StoreDenied),
    (redis_errors.AuthenticationError, StoreDenied),
)
"""Conditions for exception types of the client; more specific types come first."""
_BY_CODE: tuple[tuple[str, type[StoreAway]], ...] = (
    ("LOADING ", StoreLoading),
    ("MASTERDOWN ", StorePrimaryDown),
    ("READONLY ", StoreReadOnly),
    ("NOREPLICAS ", StoreShortOfReplicas),
    ("MISCONF ", StoreCannotPersist),
    ("BUSY ", StoreOccupied),
    ("CLUSTERDOWN ", StoreClusterDown),
    ("OOM ", StoreFull),
    # A write was waiting for replicas (WAIT) when the server became a replica itself.
    ("UNBLOCKED ", StoreReadOnly),
    ("NOAUTH ", StoreDenied),
    ("WRONGPASS ", StoreDenied),
)
"""Conditions without such a type, by the code at the start of the server's answer."""
_BY_WORDS: tuple[tuple[str, type[StoreAway]], ...] = (
    # From a script that was stopped before its first write, by reading a nonexistent key (store/client/lua_script.py).
    ("attempted to access a non local key", StoreSlotMigrating),
    ("attempted to execute a write command while the cluster is down", StoreClusterDown),
    ("attempted to execute a command while the cluster is down", StoreClusterDown),
)
"""Conditions that stopped a script, by the text of the server's error."""


def condition_of(error: Exception) -> StoreAway:
    """Return the condition for an error of the client or its socket."""
    said = str(error)
    text = f"{type(error).__name__}: {said[:120]}"
    if "Error compiling script" in said and "near '#'" in said:
        return StoreUnsupported(f"the server knows no script flags: {NEEDED} is needed")
    for kind, condition in _BY_TYPE:
        if isinstance(error, kind):
            return condition(text)
    answer = said.rpartition("of pipeline caused error: ")[2]
    for code, condition in _BY_CODE:
        if answer.startswith(code):
            return condition(text)
    for words, condition in _BY_WORDS:
        if words in said.lower():
            return condition(text)
    return StoreRefused(text) if isinstance(error, redis_errors.ResponseError) else StoreUnreachable(text)
