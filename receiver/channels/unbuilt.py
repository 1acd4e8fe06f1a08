"""A kind whose settings are known, so that a whole configuration loads, but which cannot send yet."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from receiver.channels.base import Channel, ChannelSettings, DeliveryError
from receiver.model.notice import Notice, Receipt

S = TypeVar("S", bound=ChannelSettings)


class Unbuilt(Channel[S]):
    """Off, and says so; `built` is False."""

    built: ClassVar[bool] = False

    def missing(self) -> str | None:
        """Return why it is off: always a reason."""
        return f"{self.kind} is not built yet"

    def address(self) -> str:
        """Return its name: there is no address to inform."""
        return self.name

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return nothing: nothing would be sent."""
        return []

    async def deliver(self, notice: Notice) -> Receipt:
        """Raise DeliveryError, permanent: `not_built`."""
        raise DeliveryError("not_built", f"{self.name}: {self.kind} is not built yet", permanent=True)
