"""Why the store did not take something: one exception for each condition that has a name of its own."""

from __future__ import annotations

from typing import ClassVar

from redis import exceptions as redis_errors

REFUSALS = ("LOADING", "MASTERDOWN", "READONLY", "NOREPLICAS", "MISCONF", "OOM", "CLUSTERDOWN", "NOAUTH", "WRONGPASS")
"""Error codes by which a server says that it takes no writes now (redis.io, Redis serialization protocol: errors)."""


class StoreAway(Exception):
    """The store did not take it, or did not answer in time: nothing is known to be durable."""

    condition: ClassVar[str] = "store_away"
    """The name in logs."""
    ours: ClassVar[bool] = False
    """Whether this process is the cause: then it says nothing about the store."""


class StoreUnreachable(StoreAway):
    """No connection could be made, or the connection was lost."""

    condition = "store_unreachable"


class StoreRefused(StoreAway):
    """The server answered with an error: read-only, loading, full, a wrong password, or a command that it refuses."""

    condition = "store_refused"


class StoreFull(StoreRefused):
    """The server's memory is full (`maxmemory`): it takes nothing new, and what frees or marks all the same."""

    condition = "store_full"


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
    """Others committed first each time: the sender must send it again, but the store is there."""

    condition = "contended"
    ours = True


class IncidentUnreadable(StoreAway):
    """An incident that a later version has written: this version cannot read it, and a replica of that one can."""

    condition = "incident_unreadable"
    ours = True

    def __init__(self, uid: str, number: str) -> None:
        """`number` is its readable id."""
        super().__init__(f"{number or uid} was written by a later version, and cannot be read by this one")
        self.uid = uid
        self.id = number


def condition_of(error: Exception) -> StoreAway:
    """Return the condition that an error of the client, or of its socket, stands for."""
    text = f"{type(error).__name__}: {str(error)[:120]}"
    if "Error compiling script" in text and "near '#'" in text:
        return StoreRefused("the server knows no script flags: Redis 7.0, Valkey 7.2 or later is needed")
    if isinstance(error, redis_errors.OutOfMemoryError):
        return StoreFull(text)
    if isinstance(error, redis_errors.MaxConnectionsError):
        return Overloaded(text)
    if isinstance(error, redis_errors.TimeoutError | TimeoutError):
        return StoreSlow(text)
    answered = redis_errors.ResponseError | redis_errors.AuthenticationError | redis_errors.BusyLoadingError
    if isinstance(error, answered) or str(error).startswith(REFUSALS):
        return StoreRefused(text)
    return StoreUnreachable(text)
