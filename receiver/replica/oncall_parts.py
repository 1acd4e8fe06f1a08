"""Builds the on-call parts: overrides, hand-offs and user groups."""

from __future__ import annotations

from receiver.pipeline.oncall.handoffs import Handoffs
from receiver.pipeline.oncall.on_call_overview import OnCallOverview
from receiver.pipeline.oncall.overrides import HANDOFF, Overrides
from receiver.pipeline.oncall.user_groups import NAME as GROUPS
from receiver.pipeline.oncall.user_groups import UserGroups
from receiver.replica.review_parts import ReviewParts


class OnCallParts(ReviewParts):
    """Adds the parts of `pipeline/oncall/`; a hand-off's summary needs the review records."""

    def build_oncall_parts(self) -> None:
        """Build the parts, and register their timers."""
        self.schedules = OnCallOverview(self.active, lambda: self.posted)
        self.overrides = Overrides(self.schedules, self.shared_documents, self.due, self.read_shared_documents)
        self.work.timers.service_timers[GROUPS] = UserGroups(
            self.active, self.schedules, self.shared_documents
        ).on_timer
        handoffs = Handoffs(
            self.active,
            self.schedules,
            self.shared_documents,
            self.due,
            self.incidents,
            self.incident_cache,
            self.review_records,
        )
        self.work.timers.service_timers[HANDOFF] = handoffs.hand_off
