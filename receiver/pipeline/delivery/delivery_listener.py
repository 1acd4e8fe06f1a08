"""How deliveries inform the rest of the pipeline about people who were not reached."""

from __future__ import annotations

from typing import Protocol

from receiver.model.delivery.notice import Notice
from receiver.model.incident.incident import Incident
from receiver.store.due.leased_row import LeasedRow


class DeliveryListener(Protocol):
    """The interface for side effects of a delivery."""

    async def page_failed(self, row: LeasedRow, incident: Incident, reason: str) -> None:
        """A page was permanently refused: another person must be paged."""

    async def use_fallback(self, incident: Incident | None, notice: Notice, reason: str) -> None:
        """A page did not get through: its person is paged through the fallback channels, once."""
