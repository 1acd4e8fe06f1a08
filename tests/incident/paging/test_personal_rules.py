"""The pages of a personal rule and their times. Pure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from receiver.incident.store_outage.emergency_pages import sent_without_store
from receiver.model.incident.page import Page
from receiver.model.oncall.personal_rules import FrozenStep, PersonalRule
from receiver.model.oncall.schedule_settings import Person
from receiver.model.severity import Severity
from tests.channels.notices import NOW, page


def person(**more: object) -> Person:
    return Person.model_validate({"name": "Ann", "push": "ann-topic", **more})


def test_calls_come_in_the_order_of_time_round_after_round() -> None:
    steps = (FrozenStep(after=0, channel="push"), FrozenStep(after=400, channel="sms"))
    rule = PersonalRule(steps=steps, times=2, every=300)
    assert rule.calls() == [(0, 0, 0), (300, 1, 0), (400, 0, 1), (600, 2, 0), (700, 1, 1), (1000, 2, 1)]


def test_what_a_vendor_takes_for_the_same_page_is_not_repeated() -> None:
    steps = (FrozenStep(after=0, channel="push"), FrozenStep(after=60, channel="pager", once=True))
    assert PersonalRule(steps=steps, times=1, every=300).calls() == [(0, 0, 0), (60, 0, 1), (300, 1, 0)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"page_by": [{"after": "1m", "by": "push"}]}, "after: 0s"),
        ({"page_by": [{"after": "0s", "by": "push"}, {"after": "3m", "by": "a"}, {"after": "1m", "by": "b"}]}, "order"),
        ({"page_by": {"default": [{"after": "5m", "by": "push"}]}}, "after: 0s"),
        ({"repeat": {"times": 1, "every": "5m"}}, "nothing is repeated"),
        ({"page_by": {"SEV-9": [{"after": "0s", "by": "push"}]}}, "SEV-9"),
    ],
)
def test_rules_that_would_page_late_or_make_no_sense_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        person(**given)
    assert said in str(caught.value)


def test_a_severity_may_have_a_list_of_its_own() -> None:
    rules = {"default": [{"after": "0s", "by": "push"}], "SEV-1": [{"after": "0s", "by": "phone"}]}
    ann = person(page_by=rules)
    assert [one.by for one in ann.steps_for(Severity.SEV1)] == ["phone"]
    assert [one.by for one in ann.steps_for(Severity.SEV2)] == ["push"]
    assert [one.by for one in ann.steps_for(None)] == ["push"]
    assert person().steps_for(Severity.SEV1) == ()
    assert ann.steps_for(None)[0].after == timedelta()


def by(channel: str, step: int | None, who: str = "ann") -> Page:
    return page(channel=channel, person=who, rule_step=step, at=NOW)


def test_without_the_store_the_first_step_with_a_key_pages_and_no_other() -> None:
    rule = [by("sms", 0), by("push", 1), by("pager", 2)]
    assert sent_without_store(rule, {"push", "pager"}) == [rule[1]]
    assert sent_without_store(rule, set()) == [rule[0]], "without a key, each replica may send one"
    everybody = [*rule, by("pager", None, "bob"), by("push", None, "bob")]
    assert sent_without_store(everybody, {"push", "pager"}) == [rule[1], *everybody[3:]]
