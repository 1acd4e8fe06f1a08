"""Metrics of the process itself: its tasks and connections, its configuration, its tokens and sign-ins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, Info

from receiver import __version__
from receiver.metrics.series import Counter, start_at_zero
from receiver.model.sign_in import SignInKind

SIGN_IN_FAILURES = ("token", "refused", "state", "issuer", "id_token", "groups", "unreachable")
"""Reasons why a sign-in failed: an unknown token; the provider refused; not started in this browser; another issuer; an
invalid ID token; in none of the groups; the provider does not answer."""


class ServiceMetrics:
    """Shows the state of the process, and of the access to it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        Info("receiver_build", "This build", registry=registry).info({"version": __version__})
        self.service_info = Gauge(
            "receiver_service_info", "Name and environment of the service, and the console's address",
            ["name", "environment", "url"], registry=registry,
        )  # fmt: skip
        self.reload_good = Gauge(
            "receiver_config_last_reload_successful", "1 if the last attempt to load the configuration succeeded",
            registry=registry,
        )  # fmt: skip
        self.reload_at = Gauge(
            "receiver_config_last_reload_timestamp_seconds", "When the configuration was last loaded", registry=registry
        )
        self.cut_off = Counter(
            "receiver_connections_cut_off",
            "Connections closed: `crowded` to make room for another, `unread` because the response was not read",
            ["listener", "reason"],
            registry=registry,
        )
        self.rejected = Counter(
            "receiver_requests_rejected", "Requests that are not valid HTTP/1.1, by reason", ["reason"],
            registry=registry,
        )  # fmt: skip
        self.loop_errors = Counter("receiver_loop_errors", "Failed steps of the work loop", ["step"], registry=registry)
        self.worker_restarts = Counter(
            "receiver_worker_restarts", "Tasks that ended unexpectedly and were restarted", ["task"], registry=registry
        )
        self._register_access(registry)

    def _register_access(self, registry: CollectorRegistry) -> None:
        self.audited = Counter(
            "receiver_audited", "Administrative actions and refused requests, by action and outcome",
            ["action", "outcome"], registry=registry,
        )  # fmt: skip
        self.short_tokens = Gauge(
            "receiver_short_tokens", "Tokens short enough to guess, on a service that others can reach",
            registry=registry,
        )  # fmt: skip
        self.token_expiry = Gauge(
            "receiver_token_expiry_timestamp_seconds", "When the token expires", ["name"], registry=registry
        )
        self.sign_ins = Counter("receiver_sign_ins", "Sign-ins by method", ["kind"], registry=registry)
        self.sign_in_failures = Counter(
            "receiver_sign_in_failures", "Failed sign-ins by reason", ["kind"], registry=registry
        )
        start_at_zero(self.sign_ins, SignInKind)
        start_at_zero(self.sign_in_failures, SIGN_IN_FAILURES)

    def tokens_expire(self, tokens: Iterable[tuple[str, datetime | None]]) -> None:
        """Show when each token expires, by its name; a token without an expiry has no series.

        Two tokens may have the same name while one replaces the other: then the earlier expiry is shown.
        """
        self.token_expiry.clear()
        ends = ((moment, name) for name, moment in tokens if moment is not None)
        for moment, name in sorted(ends, reverse=True):
            self.token_expiry.labels(name).set(moment.timestamp())

    def serves(self, name: str, environment: str, url: str) -> None:
        """Show the name and the environment of the service, and the address of its console."""
        self.service_info.clear()
        self.service_info.labels(name, environment, url).set(1)
