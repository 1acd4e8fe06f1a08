"""Builds the parts that add context to an incident: recent changes, similar incidents, graphs."""

from __future__ import annotations

from receiver.incident.timers import CHANGES
from receiver.pipeline.context.expression_graphs import ExpressionGraphs
from receiver.pipeline.context.expression_pictures import ExpressionPictures
from receiver.pipeline.context.recent_changes import RecentChangesReader
from receiver.pipeline.context.similar_incidents import SeenBefore
from receiver.replica.base import ReplicaBase
from receiver.store.incidents.similar_index import SimilarIndex
from receiver.store.ticket_states import TicketStates


class ContextParts(ReplicaBase):
    """Adds the parts of `pipeline/context/`; the runbooks are in the base, because links need them."""

    def build_context_parts(self) -> None:
        """Build the parts, and register their timers."""
        self.changes = RecentChangesReader(self.active, self.incidents, self.intake, self.source_client, self.metrics)
        self.work.timers.incident_timers[CHANGES] = self.changes.on_timer
        self.seen_before = SeenBefore(
            self.active, SimilarIndex(self.connection), self.incidents, self.intake, self.clock
        )
        self.incidents.committed.append(self.seen_before.opened)
        posted = TicketStates(self.connection, history_s=round(self.config.incidents.history.total_seconds()))
        pictures = ExpressionPictures(self.active, self.incidents, posted)
        self.expressions = ExpressionGraphs(
            self.active, self.incidents, self.intake, self.source_client, pictures, self.clock
        )
        self.incidents.committed.append(self.expressions.committed)
