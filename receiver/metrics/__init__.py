"""The service's own metrics: `Metrics` has all of them; each module defines those of one subject."""

from receiver.metrics.metrics import Metrics

__all__ = ["Metrics"]
