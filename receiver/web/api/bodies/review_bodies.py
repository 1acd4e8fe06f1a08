"""Bodies of requests about the review of an incident: post-mortem, entries, times, archive."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, StrictBool

from receiver.model.base import Frozen
from receiver.model.command import Command, Document, Prose, SetClock, WritePostmortem
from receiver.model.incident.postmortem import CorrectedTime, ReviewStatus
from receiver.web.api.bodies.request_bodies import Body, Moment


class PostmortemBody(Body):
    """A new version of the post-mortem: its text, its status, or both."""

    markdown: Document | None = Field(None, description="Its text; default: unchanged.")
    status: ReviewStatus | None = Field(None, description="draft or final; default: unchanged.")

    def command(self) -> Command:
        """Return the command."""
        return WritePostmortem(markdown=self.markdown, status=self.status)


class EntryBody(Body):
    """A correction of a timeline entry; the original is kept."""

    text: Prose | None = Field(None, description="The corrected text.")
    at: Moment | None = Field(None, description="The actual time (RFC 3339).")
    hidden: StrictBool | None = Field(None, description="Whether to hide it from the timeline that others read.")


class ClockBody(Body):
    """The actual time of something; null: the time in the log."""

    clock: CorrectedTime = Field(description="Which time to set.")
    at: Moment | None = Field(description="The actual time (RFC 3339).")
    text: Prose | None = Field(None, description="Where the time comes from.")

    def command(self) -> Command:
        """Return the command."""
        return SetClock(clock=self.clock, at=self.at, text=self.text)


class ArchiveBody(Frozen):
    """Incidents as they were exported."""

    items: Annotated[tuple[dict[str, JsonValue], ...], Field(max_length=500, description="Lines of an export.")]
