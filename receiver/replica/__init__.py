"""One replica of the service: a file for the parts of each sub-package of `pipeline/`."""

from receiver.replica.replica import Replica

__all__ = ["Replica"]
