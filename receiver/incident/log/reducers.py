"""The reducer of each kind of event: one table that combines the tables of all areas."""

from __future__ import annotations

from receiver.incident.log.event_effect import Effect
from receiver.incident.log.paging_reducers import PAGING_EFFECTS
from receiver.incident.log.query_result_reducers import FINDING_EFFECTS
from receiver.incident.log.response_reducers import RESPONSE_EFFECTS
from receiver.incident.log.state_reducers import STATE_EFFECTS
from receiver.model.incident.event import Kind

EFFECTS: dict[Kind, Effect] = {**STATE_EFFECTS, **PAGING_EFFECTS, **RESPONSE_EFFECTS, **FINDING_EFFECTS}
"""A kind that is missing here changes only what any event may carry (`event_log.py`)."""
