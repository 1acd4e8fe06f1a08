"""How each channel does: whether it is paused, and what its vendor answered last. Of one replica, since it started."""

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
    """What deliveries have shown of the channels."""

    def __init__(self, metrics: Metrics) -> None:
        """Nothing was sent yet."""
        self.metrics = metrics
        self.circuits: dict[str, CircuitBreaker] = {}
        """By channel: whether it is paused."""
        self.last_errors: dict[str, str] = {}
        self.last_error_times: dict[str, datetime] = {}
        """By channel: what its last failed delivery said."""
        self.last_successes: dict[str, datetime] = {}
        """By channel: when its vendor last accepted something from this replica."""

    def circuit(self, name: str) -> CircuitBreaker:
        """Return the state of a channel."""
        return self.circuits.get(name, OK)

    def record_success(self, name: str, now: datetime) -> None:
        """Keep that the vendor has accepted something."""
        self._learn(name, OK)
        self.last_successes[name] = now

    def record_failure(self, name: str, error: DeliveryError, now: datetime) -> None:
        """Keep why a delivery failed; several failures in a row pause the channel."""
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
