"""structlog without rich, which takes 4 MB of memory and which a service does not need."""

from __future__ import annotations

import sys
from typing import Any


def load_structlog() -> None:
    """Load structlog before anything else does.

    structlog loads rich if it is installed, for tracebacks on a terminal. This service writes them without rich, and
    `receiver.terminal`, which uses rich, loads it itself.
    """
    modules: dict[str, Any] = sys.modules
    if "rich" in modules or "structlog" in modules:
        return
    modules["rich"] = None  # so that importing it fails, as without it
    try:
        import structlog  # noqa: F401
    finally:
        del modules["rich"]
