"""The health of each channel as seen by this replica since it started: whether it is paused, and the last error."""

from __future__ import annotations

from datetime import datetime

import structlog

from receiver.channels.base import DeliveryError
from receiver.metrics import Metrics
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.circuit_breaker import CircuitBreaker

OK = CircuitBreaker()

log = structlog.get_logger("receiver.delivery")


class ChannelHealth:
    """The results of deliveries by channel."""

    def __init__(self, metrics: Metrics) -> None:
        """Create it before the first delivery."""
        self.metrics = metrics
        self.circuits: dict[str, CircuitBreaker] = {}
        """The circuit breaker of each channel."""
        self.last_errors: dict[str, str] = {}
        self.last_error_times: dict[str, datetime] = {}
        """The error of the last failed delivery of each channel."""
        self.last_successes: dict[str, datetime] = {}
        """When the vendor of each channel last accepted a delivery from this replica."""

    def circuit(self, name: str) -> CircuitBreaker:
        """Return the state of a channel."""
        return self.circuits.get(name, OK)

    def record_success(self, name: str, now: datetime) -> None:
        """Record that the vendor accepted a delivery."""
        self._learn(name, OK)
        self.last_successes[name] = now

    def record_failure(self, name: str, error: DeliveryError, now: datetime) -> None:
        """Record why a delivery failed; several failures in a row pause the channel."""
        self.last_errors[name] = str(error)
        self.last_error_times[name] = now
        self._learn(name, self.circuit(name).record_failure(error.reason, now))

    def paused(self, setting: ActiveConfig) -> list[str]:
        """Return the names of the channels that page people and are paused."""
        return [name for name, one in setting.channels.items() if one.paging and self.circuit(name).open]

    def _learn(self, name: str, circuit: CircuitBreaker) -> None:
        before = self.circuit(name)
        self.circuits[name] = circuit
        if before.open is not circuit.open:
            self.metrics.circuit.labels(name).set(int(circuit.open))
            log.warning("circuit_opened" if circuit.open else "circuit_closed", channel=name, open=circuit.open)
