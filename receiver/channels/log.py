"""The log as a channel, so that a page is visible even without a configuration."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import structlog

from receiver.channels.base import Channel, ChannelSettings
from receiver.channels.safe_text import clean
from receiver.model.alert.annotations import description_of
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.severity import Severity


class LogSettings(ChannelSettings):
    """The service's own log; there are no settings."""

    kind: Literal["log"] = "log"


class Log(Channel[LogSettings]):
    """Writes one line per notice."""

    kind: ClassVar[str] = "log"
    Settings: ClassVar[type[ChannelSettings]] = LogSettings
    paging: ClassVar[bool] = True
    keyed: ClassVar[bool] = True  # a duplicate line does no harm
    wakes: ClassVar[bool] = False
    informs: ClassVar[bool] = True

    def missing(self) -> str | None:
        """Return None: it is always complete."""
        return None

    def address(self) -> str:
        """Return `log`."""
        return "log"

    def server(self) -> str:
        """Return the destination of the lines."""
        return "the log of the service"

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the one line that `send` would write."""
        level, name, fields = line(notice)
        return [{"log": name, "level": level, **fields}]

    async def deliver(self, notice: Notice) -> Receipt:
        """Write the line; this cannot fail."""
        level, name, fields = line(notice)
        getattr(structlog.get_logger(__name__), level)(name, channel=self.name, **fields)
        return Receipt(ref=notice.key)


def line(notice: Notice) -> tuple[str, str, dict[str, Any]]:
    """Return level, event name and fields of the line for `notice`, with all text on one line and without addresses."""
    fields: dict[str, Any] = {"action": notice.action.value}
    incident = notice.incident
    if incident is not None:
        fields |= {
            "incident": incident.label,
            "severity": incident.severity.value,
            "state": incident.state.value,
            "title": clean(f"{incident.badge}{incident.title}", 300),
            "rule": clean(incident.decision.rule, 200),
            **({"description": clean(said, 500)} if (said := description_of(incident.annotations)) else {}),
        }
    if notice.page is not None:
        fields |= {"person": clean(notice.page.person, 200), "contact": clean(notice.page.contact, 200)}
        fields |= {"note": clean(notice.page.note, 300)} if notice.page.note else {}
    if notice.events:
        fields["news"] = clean("; ".join(event.text for event in notice.events[-5:]), 1000)
    elif notice.text:
        fields["text"] = clean(notice.text, 1000)
    if notice.action is Action.TRIGGER:
        urgent = incident is None or incident.severity.rank <= Severity.SEV2.rank
        return ("critical" if urgent else "error"), "page_logged", fields
    if notice.action in (Action.ACKNOWLEDGE, Action.RESOLVE):
        return "warning", "page_logged", fields
    if notice.action is Action.TELL:
        return "warning", "message_logged", fields
    return "info", "incident_logged", fields
