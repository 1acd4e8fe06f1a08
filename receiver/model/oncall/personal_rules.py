"""Personal notification rules: the channels that page a person, one after another, until someone answers."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from receiver.model.base import Kept
from receiver.model.setting_values import Duration, PositiveDuration
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity

MOST_ROUNDS = 20


class RuleFor(StrEnum):
    """The severities to which a list of steps applies."""

    DEFAULT = "default"
    SEV1 = Severity.SEV1.value
    SEV2 = Severity.SEV2.value
    SEV3 = Severity.SEV3.value
    SEV4 = Severity.SEV4.value


class How(StrEnum):
    """How a phone is used."""

    SMS = "sms"
    CALL = "call"


class RuleStep(Settings):
    """One step: a channel, and when it is used."""

    after: Duration
    """Time since the person was first paged."""
    by: str = Field(min_length=1)
    """A key of `channels` for which this person has an address."""
    how: How | None = None
    """For a channel of kind twilio: `sms` or `call`; default: `call`."""


class Repeat(Settings):
    """More rounds of the same steps."""

    times: int = Field(ge=0, le=MOST_ROUNDS)
    """Number of additional rounds."""
    every: PositiveDuration
    """Time from the start of one round to the start of the next."""


def check_steps(steps: tuple[RuleStep, ...]) -> None:
    """Raise ValueError unless the first step is immediate, and no step is earlier than the previous one."""
    if not steps or steps[0].after != timedelta():
        raise ValueError("no step pages at once (write a first step with after: 0s)")
    if any(later.after < earlier.after for earlier, later in pairwise(steps)):
        raise ValueError("steps out of order (write them from the earliest `after` to the latest)")


class FrozenStep(Kept):
    """A step as configured when its person was paged. Its address is looked up when it is due."""

    after: float
    channel: str
    how: str = ""
    """`sms` or `call` for a channel that supports both; empty: the channel's default."""
    once: bool = False
    """Whether it is left out of later rounds, because its vendor would treat a repetition as the same page."""


class PersonalRule(Kept):
    """The steps of one person for one page, as configured when the page was created."""

    steps: tuple[FrozenStep, ...]
    times: int = 0
    every: float = 0.0

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.times > MOST_ROUNDS:
            raise ValueError("too many rounds")
        return self

    def calls(self) -> list[tuple[float, int, int]]:
        """Return every call in chronological order: seconds after the first one, its round, and its step's index."""
        found = [
            (number * self.every + step.after, number, index)
            for number in range(self.times + 1)
            for index, step in enumerate(self.steps)
            if not (step.once and number)
        ]
        return sorted(found)
