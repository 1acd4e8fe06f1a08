"""A page: one notification of one person, frozen at the time of the decision."""

from __future__ import annotations

from datetime import datetime

from receiver.model.base import Kept
from receiver.model.incident.policy_snapshot import SeverityPlan
from receiver.model.oncall.personal_rules import PersonalRule

CALLED = "called"
"""The step of a page that a person requested by name."""
PROVED = "prove"
"""The step of a test page, which proves that its person can be reached; it belongs to no incident."""
ADOPTED = "merged"
"""The step of a page that was taken over from another incident."""


class Page(Kept):
    """One notification of one person by one channel, frozen at the time of the decision.

    `address` is the vendor credential (a PagerDuty routing key): it is stored so that the resolve goes where the
    trigger went, regardless of later reloads, and the API never returns it.
    """

    key: str
    """The vendor's deduplication key: correlation key, episode, person, number."""
    channel: str
    """A name of `channels` in the configuration."""
    person: str
    contact: str
    address: str
    step: str
    """The reason for it: `opened`, `severity_raised`, `reopened`, `backup`, `emergency` ..."""
    ring: int
    at: datetime
    seq: int = 0
    """Sequence number of the event that created it."""
    number: int = 0
    """The number of this notification of the person, the last part of the key; 0: as `ring` (earlier releases)."""
    note: str = ""
    """Its subject in addition to the incident: the names of new alerts, or the text of the person who requested it."""
    by: str = ""
    """The person who requested it by name; empty if no person did."""
    base: str | None = None
    """For a page by a personal rule: the common prefix of the keys of all pages of one call."""
    rule: PersonalRule | None = None
    """The steps that follow while no one answers; None: there are none, or another page of the call has them."""
    rule_step: int | None = None
    """The step of its person's rule that created it; None: no rule did."""
    round: int = 0
    """The round of the rule, from 0."""
    how: str = ""
    """`sms` or `call` for a channel that supports both; empty: the channel's default."""
    withdrawn: bool = False
    """Whether it is resolved at the vendor without an answer, because all alerts have ended or a newer page replaces
    it."""

    def called_for(self, plan: SeverityPlan | None) -> bool:
        """Return whether `plan`, of the incident's severity, pages its contact; true without a plan.

        A page that a person requested is sent regardless of the severity.
        """
        if plan is None or self.step == CALLED:
            return True
        return plan.pages(self.contact)
