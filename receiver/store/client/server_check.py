"""Checks the store's software and its durability at startup, and when it becomes available again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError, ResponseError

from receiver.model.store_address import StoreAddress, StoreKind
from receiver.store.client.store_errors import NEEDED

OLDEST = (7, 0)
"""The first Redis version with script flags. Valkey starts at 7.2."""
DURABILITY, EVICTS, UNSEEN, FAILOVER, REPLICAS = "not_durable", "evicts", "unseen", "failover_loses", "few_replicas"
WARNINGS = (DURABILITY, EVICTS, UNSEEN, FAILOVER, REPLICAS)
"""The kinds of warnings about a server."""
DURABLE = ("fsync", "waitaof")
"""Levels at which an answer means that the write is on disk."""
CANNOT_BE_SEEN = "unseen"
"""The level of a server whose settings the user may not read."""


@dataclass(frozen=True)
class ServerWarning:
    """A warning about the server."""

    kind: str
    why: str
    hint: str


@dataclass(frozen=True)
class Answers:
    """The server's answers about itself; None if the user may not query it."""

    hello: Mapping[str, Any] | None
    info: Mapping[str, Any] | None
    appendfsync: str | None
    min_replicas: int | None
    waits: bool
    """Whether it can wait for its disk (WAITAOF)."""

    @property
    def version(self) -> str:
        """The relevant version: Valkey also reports the version of Redis that it is compatible with."""
        info, hello = self.info or {}, self.hello or {}
        return str(info.get("valkey_version") or info.get("redis_version") or hello.get("version") or "")

    @property
    def name(self) -> str:
        """Redis or Valkey."""
        info, hello = self.info or {}, self.hello or {}
        return "Valkey" if "valkey_version" in info or hello.get("server") == "valkey" else "Redis"

    @property
    def mode(self) -> str:
        """`standalone`, `cluster`, `sentinel`, or empty if it cannot be determined."""
        info, hello = self.info or {}, self.hello or {}
        return str(info.get("redis_mode") or info.get("server_mode") or hello.get("mode") or "")

    @property
    def evicts(self) -> str:
        """The policy by which it evicts keys when its memory is full; empty if it does not, or if unknown."""
        info = self.info or {}
        policy = str(info.get("maxmemory_policy", ""))
        return policy if int(info.get("maxmemory", 0) or 0) > 0 and policy not in ("", "noeviction") else ""

    @property
    def unseen(self) -> tuple[str, ...]:
        """The commands that the user may not run."""
        refused = (("INFO", self.info), ("CONFIG GET", self.appendfsync))
        return tuple(f"{command} is refused" for command, answer in refused if answer is None)


async def ask(client: Any) -> Answers:
    """Query a server about itself, in two round trips. Raises RedisError and OSError if it does not answer at all."""
    pipe = client.pipeline(transaction=False)
    pipe.execute_command("HELLO")
    pipe.info()
    pipe.config_get("appendfsync")
    pipe.config_get("min-replicas-to-write")
    hello, info, fsync, replicas = await pipe.execute(raise_on_error=False)
    for answer in (hello, info, fsync, replicas):
        if isinstance(answer, RedisError) and not isinstance(answer, ResponseError):
            raise answer
    settings = fsync if isinstance(fsync, dict) else None
    least = replicas.get("min-replicas-to-write") if isinstance(replicas, dict) else None
    return Answers(
        hello=_pairs(hello),
        info=info if isinstance(info, dict) else None,
        appendfsync=None if settings is None else str(settings.get("appendfsync", "")),
        min_replicas=None if least is None else int(least),
        waits=await _waits(client),
    )


def _pairs(hello: Any) -> Mapping[str, Any] | None:
    if isinstance(hello, list):
        return dict(zip(hello[::2], hello[1::2], strict=False))
    return hello if isinstance(hello, dict) else None


async def _waits(client: Any) -> bool:
    # One local copy: refused if there is no append-only file, or the command is unknown or not allowed.
    try:
        await client.execute_command("WAITAOF", 1, 0, 1)
    except ResponseError:
        return False
    return True


def unfit(answers: Answers, address: StoreAddress) -> str:
    """Return why this server cannot be the store, with a correction; empty if it can."""
    parts = answers.version.split(".")[:2]
    known = len(parts) == len(OLDEST) and all(part.isdecimal() for part in parts)
    if known and tuple(map(int, parts)) < OLDEST:
        return f"{answers.name} {answers.version} is too old: {NEEDED} is needed"
    at = address.shown.partition("://")[2].partition("/")[0]
    tls = "rediss" if address.tls else "redis"
    if answers.mode == "sentinel":
        return f"this is the address of a Sentinel, not of a server (write {tls}+sentinel://{at}/NAME)"
    if answers.mode == "cluster" and address.kind not in (StoreKind.CLUSTER, StoreKind.SOCKET):
        return f"this is the address of a cluster node, which has only part of the keys (write {tls}+cluster://{at})"
    if answers.mode == "standalone" and address.kind is StoreKind.CLUSTER:
        return f"the server there is not a node of a cluster (write {tls}://{at.partition(',')[0]}/0)"
    return ""


def level(durability: str, answers: Answers) -> str:
    """Return the durability of the server: fsync, waitaof, everysec, memory, or unseen if it cannot be determined."""
    if durability == "memory":
        return "memory"
    appends = None if answers.info is None else str(answers.info.get("aof_enabled", "0")) == "1"
    if appends is False:
        return "memory"
    if answers.appendfsync == "always" and appends:
        return "fsync"
    if answers.waits:
        return "waitaof"
    return "everysec" if appends and answers.appendfsync else CANNOT_BE_SEEN


def warnings(durability: str, replicas: int, answers: Answers, kind: StoreKind) -> list[ServerWarning]:
    """Return warnings about the server, compared with what the configuration requires."""
    found = []
    given = level(durability, answers)
    if durability == "fsync" and given not in (*DURABLE, CANNOT_BE_SEEN):
        why = f"redis.durability is fsync, but the server provides {given}"
        found.append(ServerWarning(DURABILITY, why, "set appendonly yes and appendfsync always"))
    if answers.evicts:
        why = f"its memory is limited and maxmemory-policy is {answers.evicts}: it drops incidents silently"
        found.append(ServerWarning(EVICTS, why, "set maxmemory-policy noeviction"))
    if answers.unseen and (given == CANNOT_BE_SEEN or answers.info is None):
        what = " and ".join(answers.unseen)
        lost = "whether it evicts, and how durable a write is," if answers.info is None else "how durable a write is"
        found.append(ServerWarning(UNSEEN, f"{lost} cannot be checked: {what}", "allow +info and +config|get"))
    found += _of_replicas(replicas, answers, kind)
    return found


def _of_replicas(replicas: int, answers: Answers, kind: StoreKind) -> Sequence[ServerWarning]:
    if not replicas:
        if kind not in (StoreKind.SENTINEL, StoreKind.CLUSTER):
            return ()
        why = "redis.replicas is 0: a failover loses writes that the new primary has not yet received"
        return (ServerWarning(FAILOVER, why, "set redis.replicas to 1, and min-replicas-to-write 1 on the servers"),)
    connected = None if answers.info is None else int(answers.info.get("connected_slaves", 0))
    if connected is not None and connected < replicas:
        why = f"redis.replicas is {replicas}, and the server has {connected}: it accepts no writes"
        return (ServerWarning(REPLICAS, why, "start more replicas, or lower redis.replicas"),)
    return ()
