"""Reload: the new configuration takes effect as a whole, or nothing changes and every error is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from receiver.config import Config, ConfigError
from receiver.config.reload_result import Reloaded
from receiver.replica import Replica

FIXED = (("server", "listen"), ("server", "status_page_listen"), ("server", "shutdown_grace"))
"""Settings that need a restart, in addition to the store; until then the old values apply."""

log = structlog.get_logger("receiver.reload")


class Reloader:
    """Loads a configuration into a running replica."""

    def __init__(self, replica: Replica, source: Callable[[], Config]) -> None:
        """`source` reads files and environment, and raises ConfigError with every error."""
        self.replica = replica
        self.source = source
        self._one = asyncio.Lock()

    async def reload(self) -> Reloaded:
        """Read and apply the configuration. Concurrent reloads run one after another."""
        async with self._one:
            metrics, clock = self.replica.metrics, self.replica.clock
            try:
                # Files on a network may be slow, and must not delay webhooks.
                fresh = await asyncio.to_thread(self.source)
            except ConfigError as error:
                metrics.reload_good.set(0)
                for problem in error.problems:
                    log.error("config_problem_detected", problem=str(problem))
                log.error("reload_failed", problems=len(error.problems), next="the configuration in force stays")
                return Reloaded(problems=tuple(error.problems), hash=self.replica.config.hash)
            kept, restart = keep(self.replica.config, fresh)
            self.replica.apply(kept)
            metrics.reload_good.set(1)
            metrics.reload_at.set(clock.now().timestamp())
            log.info(
                "config_reloaded", hash=kept.hash, needs_restart=restart, channels=sorted(self.replica.setting.channels)
            )
            log_channels_off(kept)
            return Reloaded(restart=tuple(restart), hash=kept.hash)


def log_channels_off(config: Config) -> None:
    """Log in one line which channels are off and which setting each one lacks; log nothing if all are on."""
    if config.off:
        do = "set what is empty, or delete the channels that you do not use"
        log.warning("channels_disabled", channels=[f"{name}: {why}" for name, why in config.off.items()], do=do)


def keep(old: Config, new: Config) -> tuple[Config, list[str]]:
    """Return `new` with the settings that need a restart from `old`, and the keys that differ."""
    restart = [f"redis.{name}" for name in type(old.redis).model_fields if _differs(old.redis, new.redis, name)]
    server = new.server
    for _, name in FIXED:
        if _differs(old.server, new.server, name):
            restart.append(f"server.{name}")
            server = server.model_copy(update={name: getattr(old.server, name)})
    return new.model_copy(update={"redis": old.redis, "server": server}), restart


def _differs(old: object, new: object, name: str) -> bool:
    return bool(getattr(old, name) != getattr(new, name))
