"""A page: one notification of one person, frozen when it was decided."""

from __future__ import annotations

from datetime import datetime

from receiver.model.base import Kept
from receiver.model.incident.policy_snapshot import SeverityPlan
from receiver.model.oncall.personal_rules import PersonalRule

CALLED = "called"
"""The step of a page that a person requested by name."""
PROVED = "prove"
"""The step of a test page, which proves that its person is reached; it is of no incident."""
ADOPTED = "merged"
"""The step of a page that another incident made, which counts as that one's call."""


class Page(Kept):
    """One notification of one person by one channel, frozen when it was decided.

    `address` is the vendor credential (a PagerDuty routing key): it is kept so that the resolve
    goes where the trigger went whatever a reload changed since, and it never leaves in the API.
    """

    key: str
    """The vendor's deduplication key: correlation key, episode, person, number."""
    channel: str
    """A name of `channels` in the configuration."""
    person: str
    contact: str
    address: str
    step: str
    """What called for it: `opened`, `severity_raised`, `reopened`, `backup`, `emergency` ..."""
    ring: int
    at: datetime
    seq: int = 0
    """Sequence number of the event that made it."""
    number: int = 0
    """The number of this notification of the person, the last part of the key; 0: as `ring` (earlier releases)."""
    note: str = ""
    """What it is about beside the incident: the names of new alerts, or what a person says who has called for it."""
    by: str = ""
    """Who has called for it by name; empty where no person has."""
    base: str | None = None
    """Of a page by a personal rule: the key that all pages of the same call begin with."""
    rule: PersonalRule | None = None
    """The steps that follow while nobody answers; None: none do, or another page of the call has them."""
    rule_step: int | None = None
    """Which step of its person's rule made it; None: no rule did."""
    round: int = 0
    """Which round of the rule that was, from 0."""
    how: str = ""
    """`sms` or `call` at a channel that does both; empty: as the channel does without it."""
    withdrawn: bool = False
    """Whether it is resolved at the vendor unanswered: all alerts have ended, or a newer page replaces it."""

    def called_for(self, plan: SeverityPlan | None) -> bool:
        """Return whether `plan`, that of the incident's severity, pages its contact; true without a plan.

        What a person has asked for is called for whatever the severity.
        """
        if plan is None or self.step == CALLED:
            return True
        return plan.pages(self.contact)
