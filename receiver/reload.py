"""Reload: the configuration is read anew and takes effect whole, or nothing changes and every mistake is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from receiver.config import Config, ConfigError
from receiver.config.reload_result import Reloaded
from receiver.replica import Replica

FIXED = (("server", "listen"), ("server", "status_page_listen"), ("server", "shutdown_grace"))
"""What a running process cannot change beside the store: it goes on as it was until it is started again."""

log = structlog.get_logger("receiver.reload")


class Reloader:
    """The way of a configuration into a replica that runs."""

    def __init__(self, replica: Replica, source: Callable[[], Config]) -> None:
        """`source` reads files and environment anew, and raises ConfigError with every mistake."""
        self.replica = replica
        self.source = source
        self._one = asyncio.Lock()

    async def reload(self) -> Reloaded:
        """Read and apply the configuration. Two at once come one after the other."""
        async with self._one:
            metrics, clock = self.replica.metrics, self.replica.clock
            try:
                # Files on a network may be slow, and webhooks do not wait for them.
                fresh = await asyncio.to_thread(self.source)
            except ConfigError as error:
                metrics.reload_good.set(0)
                for problem in error.problems:
                    log.error("config_problem", problem=str(problem))
                log.error("reload_failed", problems=len(error.problems), next="the configuration in force stays")
                return Reloaded(problems=tuple(error.problems), hash=self.replica.config.hash)
            kept, restart = keep(self.replica.config, fresh)
            self.replica.apply(kept)
            metrics.reload_good.set(1)
            metrics.reload_at.set(clock.now().timestamp())
            log.info("reloaded", hash=kept.hash, needs_restart=restart, channels=sorted(self.replica.setting.channels))
            for name, why in kept.off.items():
                log.warning("channel_off", channel=name, why=why)
            return Reloaded(restart=tuple(restart), hash=kept.hash)


def keep(old: Config, new: Config) -> tuple[Config, list[str]]:
    """Return `new` with what needs a restart as it is in `old`, and the keys that differ there."""
    restart = [f"redis.{name}" for name in type(old.redis).model_fields if _differs(old.redis, new.redis, name)]
    server = new.server
    for _, name in FIXED:
        if _differs(old.server, new.server, name):
            restart.append(f"server.{name}")
            server = server.model_copy(update={name: getattr(old.server, name)})
    return new.model_copy(update={"redis": old.redis, "server": server}), restart


def _differs(old: object, new: object, name: str) -> bool:
    return bool(getattr(old, name) != getattr(new, name))
