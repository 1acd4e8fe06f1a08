"""The service: a replica and its HTTP server, started and stopped in order. Only this module imports all packages."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
import uvloop
from aiohttp import web

from receiver.active_config_builder import store_endpoint
from receiver.config import Config
from receiver.config.loader.rules_loader import PACKAGED
from receiver.config.loader.token_strength import SHORTEST, short_names
from receiver.config.reload_result import Reloaded
from receiver.config.settings.addresses import split_listen
from receiver.config.settings.service_settings import Scope
from receiver.config.warnings.token_expiry import INSTEAD, expiring
from receiver.model.alert.alert import Notification
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.reload import Reloader, log_channels_off
from receiver.replica import Replica
from receiver.store.client.store_endpoint import Endpoint, endpoint
from receiver.store.client.store_errors import StoreUnsupported
from receiver.store.embedded.embedded_store import EmbeddedStore
from receiver.store.embedded.folder_lock import EmbeddedStoreError
from receiver.web.app_keys import AppParts, PhoneHandlers, ServiceState, SlackHandlers
from receiver.web.http.audit import audit
from receiver.web.http.file_descriptors import caps_for, raise_limit
from receiver.web.http.listen_addresses import CannotListen, check_addresses, reason_of
from receiver.web.http.parser_rejections import Rejections
from receiver.web.http.runner import Runner, same_sockets
from receiver.web.http.server import Listener
from receiver.web.routes import build, build_status

IDLE_LIMIT = 30.0
"""Seconds that a connection may be silent, or take for its headers."""

log = structlog.get_logger("receiver")


class Service:
    """A replica, and the addresses at which it listens."""

    def __init__(self, replica: Replica, source: Callable[[], Config] | None = None) -> None:
        """It does not listen before `start`. `source` reads the configuration for a reload."""
        self.replica = replica
        self.reloader = Reloader(replica, source or (lambda: replica.config))
        self.config = replica.config
        self.state = ServiceState()
        self.parts = app_parts(replica, self.state, self.reloader)
        self.ports: list[int] = []
        self.rejections = Rejections(replica.metrics)
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        """Open the store if it is available, start the loop, and listen.

        Raises CannotListen; `stop` ends everything.
        """
        await self.replica.open_store()
        self.replica.run()
        addresses = self.config.server.addresses
        caps = caps_for(raise_limit(), len(addresses))
        for name, address in addresses.items():
            main = name == "main"
            listener = Listener(
                name, caps, self.rejections, self.replica.metrics, lambda: self.replica.config.server.trusted_proxies,
                (lambda: self.replica.config.public_path) if main else str,
            )  # fmt: skip
            app = build(self.parts) if main else build_status(self.parts)
            await self._listen(app, address, listener)
        self.replica.metrics.reload_good.set(1)
        self.replica.metrics.reload_at.set(self.replica.clock.now().timestamp())
        self.state.ready = True

    async def _listen(self, app: web.Application, address: str, listener: Listener) -> None:
        host, port = split_listen(address)
        # A sender that hangs up does not cancel its request, because an aborted decision is worse than a lost answer.
        runner = Runner(
            app,
            listener,
            access_log=None,
            handle_signals=False,
            handler_cancellation=False,
            keepalive_timeout=IDLE_LIMIT,
            shutdown_timeout=self.config.server.shutdown_grace.total_seconds(),
        )
        await runner.setup()
        self._runners.append(runner)
        backlog = listener.table.caps.backlog
        try:
            await web.TCPSite(runner, host, port, backlog=backlog).start()
        except OSError as error:
            raise CannotListen(address, reason_of(error)) from None
        for again in same_sockets(runner):
            await web.SockSite(runner, again, backlog=backlog).start()
        self.ports.append(runner.addresses[0][1])

    async def stop(self) -> None:
        """Accept no new work, finish or return current work, and close."""
        self.state.draining = True
        for runner in self._runners:
            for site in list(runner.sites):
                await site.stop()
        await self.replica.settle()
        for runner in self._runners:
            await runner.cleanup()
        await self.replica.close()


def app_parts(replica: Replica, state: ServiceState, reloader: Reloader) -> AppParts:
    """Return the parts of `replica` that request handlers use."""
    return AppParts(
        configured=lambda: replica.config,
        intake=replica.intake,
        monitor=replica.monitor,
        refused=replica.refused,
        supervisor=replica.supervisor,
        incidents=replica.incidents,
        due=replica.due,
        incident_cache=replica.incident_cache,
        metrics=replica.metrics,
        clock=replica.clock,
        connection=replica.connection,
        state=state,
        setting=lambda: replica.setting,
        respond=replica.respond,
        calls=replica.calls,
        silences=replica.silences,
        incident_split=replica.incident_split,
        maintenance_windows=replica.maintenance_windows,
        overrides=replica.overrides,
        unknowns=replica.unknowns, rule_hits=replica.rule_hits,
        history=replica.history,
        pagerduty_events=replica.pagerduty_events,
        reachability=replica.reachability,
        channel_test=replica.channel_test,
        phones=PhoneHandlers(replica.phone_answers, replica.twilio_answers, replica.phone_reports),
        slack=SlackHandlers(replica.slack_requests, replica.slack_commands, replica.slack_interactions),
        reports=replica.reports,
        incident_archive=replica.incident_archive,
        seen_before=replica.seen_before, expressions=replica.expressions,
        sessions=replica.sessions,
        providers=replica.providers,
        subscriptions=replica.subscriptions,
        announcements=replica.announcements,
        work=replica.work,
        reload=reloader.reload,
        stood_still=replica.hang_detector.stood_still,
    )  # fmt: skip


async def reload_on_signal(reloader: Reloader) -> Reloaded:
    """Reload on SIGHUP, and write the same audit line as a reload over HTTP."""
    outcome = "failed"
    try:
        done = await reloader.reload()
        outcome = "refused" if done.problems else "done"
    finally:
        audit(reloader.replica.metrics, "reload", signal.SIGHUP.name, "", "", outcome)
    return done


async def run(service: Service) -> None:
    """Serve until SIGTERM or SIGINT, even during startup; a second one ends the process at once.

    Raises CannotListen.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def end(number: signal.Signals) -> None:
        if ended.is_set():
            os._exit(128 + number)
        log.info("shutdown_requested", signal=number.name)
        ended.set()

    reloads: set[asyncio.Task[Reloaded]] = set()

    def again() -> None:
        task = asyncio.create_task(reload_on_signal(service.reloader))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, again)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    start, end_asked = asyncio.create_task(service.start()), asyncio.create_task(ended.wait())
    await asyncio.wait((start, end_asked), return_when=asyncio.FIRST_COMPLETED)
    start.cancel()  # does nothing once it has started
    (failed,) = await asyncio.gather(start, return_exceptions=True)
    if failed is None:
        _greet(service)
        await end_asked
    end_asked.cancel()
    # Everything that was started ends here; otherwise permanent tasks would keep the process alive.
    await service.stop()
    if isinstance(failed, Exception):
        raise failed


def _greet(service: Service) -> None:
    config, replica = service.config, service.replica
    host, _ = split_listen(config.server.listen)
    # No client can use "every address" as a host.
    host = socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104
    base = f"http://{f'[{host}]' if ':' in host else host}:{service.ports[0]}"
    channels = replica.setting.channels
    senders = [one.name for one in config.auth.tokens if Scope.INGEST in one.scopes and one.token.get_secret_value()]
    log.info(
        "service_started",
        console=f"{base}/",
        alertmanager=f"- url: {base}/webhooks/alertmanager",
        store=config.redis.shown,
        durability=replica.connection.server.level,
        channels=sorted(channels),
        pages=sorted(f"{name} ({channel.kind})" for name, channel in channels.items() if channel.paging),
        messages=sorted(
            f"{name} ({one.kind})" for name, one in channels.items() if one.wakes and (one.informs or one.personal)
        ),
        config="the default" if Path(config.file).parent == PACKAGED else config.file,
        **({"data": config.redis.data_dir} if config.redis.embedded else {}),
        **({"sender": senders[0]} if senders else {"closed": True} if config.auth.tokens else {}),
    )
    for name in short_names(config.auth, config.server):
        log.warning("short_token_detected", name=name, shortest=SHORTEST, do="receiver token new")
    for index, text in expiring(config.auth, replica.clock.now()):
        log.warning("token_expiry_detected", name=config.auth.tokens[index].name, why=text, do=INSTEAD)
    log_channels_off(config)


def serve(
    config: Config,
    runner: Callable[[Service], Awaitable[None]] = run,
    source: Callable[[], Config] | None = None,
) -> int:
    """Run one replica until it is stopped. Returns the exit code: 0, or 1 if it cannot start.

    `source` reads the configuration again for a reload; without it, a reload changes nothing.
    """
    raise_limit()  # before the store is started, which inherits it
    embedded: EmbeddedStore | None = None
    store = store_endpoint(config)
    try:
        check_addresses(config.server.addresses)
        if store is None:
            embedded = EmbeddedStore(Path(config.redis.data_dir))
            store = endpoint(embedded.start())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
            loop.run(_serve(config, store, embedded, runner, source))
    except (EmbeddedStoreError, CannotListen, StoreUnsupported) as error:
        log.error("startup_failed", why=str(error))
        return 1
    finally:
        if embedded is not None:
            embedded.stop()
    return 0


async def _serve(
    config: Config,
    store: Endpoint,
    embedded: EmbeddedStore | None,
    runner: Callable[[Service], Awaitable[None]],
    source: Callable[[], Config] | None,
) -> None:
    service = Service(Replica(config, url=store, embedded=embedded), source)
    for model in (Notification, Incident, Event):
        model.model_rebuild()  # built now, so that the first page does not wait for it
    # A notification with ten thousand alerts creates a hundred thousand objects, none of them garbage: frequent garbage
    # collection doubles the time to parse it.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    await runner(service)
