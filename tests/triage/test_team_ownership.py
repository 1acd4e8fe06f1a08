"""The owner of an alert: order, kinds of matchers, and that the index does not change the result."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.model.oncall.team_settings import Team
from receiver.triage.team_ownership import TOP_LEVEL, Owners, alternatives, in_order, may_share

TEAMS = {
    "payments": Team(matchers=('team="payments"',)),
    "data": Team(any=(('team="data"',), ('namespace=~"kafka|spark"', 'env!="dev"'))),
    "web": Team(labels={"tier": "front", "env": "prod"}),
    "search": Team(matchers=('service=~"search-.*"',), priority=1),
    "quiet": Team(matchers=('team=""', 'namespace="kube-system"')),
}
CASES = [
    ({"team": "payments"}, "payments"),
    ({"team": "data"}, "data"),
    ({"namespace": "spark"}, "data"),
    ({"namespace": "spark", "env": "dev"}, ""),
    ({"tier": "front", "env": "prod"}, "web"),
    ({"tier": "front"}, ""),
    ({"team": "payments", "service": "search-api"}, "search"),
    ({"namespace": "kube-system"}, "quiet"),
    ({"namespace": "kube-system", "team": "x"}, ""),
    ({}, ""),
]


@pytest.mark.parametrize(("labels", "team"), CASES)
def test_the_first_team_whose_matchers_hold_owns_an_alert(labels: dict[str, str], team: str) -> None:
    owner = Owners(TEAMS).owner(labels)
    assert owner.team == team
    assert owner.why.startswith(f"team {team}: " if team else "no team's matchers match")


def test_the_reason_names_the_matchers() -> None:
    assert Owners(TEAMS).owner({"namespace": "kafka"}).why == 'team data: namespace=~"kafka|spark", env!="dev"'


def test_a_team_without_matchers_owns_what_is_left() -> None:
    owners = Owners({**TEAMS, "rest": Team()})
    assert owners.owner({}).team == "rest"
    assert owners.owner({"team": "data"}).team == "data"


def test_without_teams_the_top_level_owns_everything() -> None:
    assert Owners({}).owner({"team": "payments"}).team == TOP_LEVEL


LABELS = st.dictionaries(
    st.sampled_from(["team", "namespace", "env", "service", "tier"]),
    st.sampled_from(["", "payments", "data", "kafka", "spark", "dev", "prod", "front", "search-x", "kube-system"]),
)


@given(st.lists(LABELS, max_size=8), st.permutations(list(TEAMS)))
def test_the_index_answers_as_asking_each_team_in_turn(alerts: list[dict[str, str]], order: list[str]) -> None:
    teams = {name: TEAMS[name] for name in order}
    plain = {name: alternatives(team) for name, team in in_order(teams).items()}
    expected = [
        next((n for n, lists in plain.items() if any(all(m.matches(one) for m in each) for each in lists)), "")
        for one in alerts
    ]
    assert [owner.team for owner in Owners(teams).owners(alerts)] == expected


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        (['team="a"'], ['team="b"'], False),
        (['team="a"'], ['team=~"a|b"'], True),
        (['team=~"a|c"'], ['team=~"b|d"'], False),
        (['team="a"'], ['service="x"'], True),
        (['team="a"'], ['team!="a"'], False),
        (['team="a"', 'env="x"'], ['team="a"', 'env="y"'], False),
        (['team=~"a.*"'], ['team=~".*b"'], True),
    ],
)
def test_two_lists_may_share_an_alert(one: list[str], other: list[str], share: bool) -> None:
    (first,), (second,) = (alternatives(Team(matchers=tuple(each))) for each in (one, other))
    assert may_share(first, second) is may_share(second, first) is share
