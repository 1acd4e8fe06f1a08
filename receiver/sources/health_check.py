"""The HTTP status of a health check address."""

from __future__ import annotations

from receiver.sources.http_client import SourceClient

LIMIT = 5.0
"""Timeout in seconds: a health endpoint may run many checks before it responds."""


async def status_of(source_client: SourceClient, url: str) -> int:
    """Return the status of a GET of `url`; a redirect counts as itself. Raises SourceError."""
    return (await source_client.get(url, limit=LIMIT)).status
