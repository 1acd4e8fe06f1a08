"""Which team owns an alert: the first team, in order, whose matchers match its labels. Pure.

Each list of matchers is indexed by one value, or one pattern, that it requires, so that the cost of an alert does not
grow with the number of teams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from receiver.triage.matchers import Matcher, Operator, parse_matcher
from receiver.triage.regexes import Patterns, plain_words, selective

TOP_LEVEL = ""
_CROWD = 16
"""Number of lists under one value of a label above which an index by one of their patterns is faster."""
NOBODY = "no team's matchers match: the top level owns it"
NO_TEAMS = "the configuration has no teams: the top level owns it"


class Claims(Protocol):
    """A team's conditions for the alerts that it owns."""

    @property
    def matchers(self) -> tuple[str, ...]:
        """All must match."""

    @property
    def any(self) -> tuple[tuple[str, ...], ...]:
        """All of at least one list must match."""

    @property
    def labels(self) -> Mapping[str, str]:
        """All must be equal."""

    @property
    def priority(self) -> int:
        """The highest is checked first."""


AnyTeam = TypeVar("AnyTeam", bound=Claims)


class Owner(NamedTuple):
    """The team that owns an alert, "" for the top level, and why."""

    team: str
    why: str


@dataclass(frozen=True)
class _Claim:
    place: int
    team: str
    matchers: tuple[Matcher, ...]
    why: str


def in_order(teams: Mapping[str, AnyTeam]) -> dict[str, AnyTeam]:
    """Return `teams` in the order of the checks: highest priority first, then in the configuration's order."""
    return dict(sorted(teams.items(), key=lambda item: -item[1].priority))


def alternatives(team: Claims) -> list[tuple[Matcher, ...]]:
    """Return lists of matchers, at least one of which must match; an empty list always does. Raises MatcherError."""
    equal = [Matcher(name, Operator.EQUAL, value) for name, value in team.labels.items()]
    shared = tuple(dict.fromkeys([*(parse_matcher(text) for text in team.matchers), *equal]))
    if not team.any:
        return [shared]
    return [tuple(dict.fromkeys([*shared, *(parse_matcher(text) for text in one)])) for one in team.any]


class Owners:
    """The compiled teams of a configuration."""

    def __init__(self, teams: Mapping[str, Claims]) -> None:
        """Compile the matchers of `teams`, which are in the order of the configuration. Raises MatcherError."""
        self.names = tuple(in_order(teams))
        """The teams in the order in which they are checked."""
        claims = [(name, matchers) for name, team in in_order(teams).items() for matchers in alternatives(team)]
        made = [_Claim(place, name, matchers, _why(name, matchers)) for place, (name, matchers) in enumerate(claims)]
        crowd = Counter(pair for claim in made for matcher in claim.matchers for pair in _pairs(matcher))
        self._values: dict[str, dict[str, list[_Claim]]] = {}
        self._rest: list[_Claim] = []
        patterns: dict[str, dict[Matcher, list[_Claim]]] = {}
        for claim in made:
            key = _key(claim.matchers, crowd)
            if key is None:
                self._rest.append(claim)
            elif pairs := _pairs(key):
                for name, value in pairs:
                    self._values.setdefault(name, {}).setdefault(value, []).append(claim)
            else:
                patterns.setdefault(key.name, {}).setdefault(key, []).append(claim)
        self._patterns = {name: (Patterns(list(drawers)), list(drawers.values())) for name, drawers in patterns.items()}
        self.labels = tuple(sorted({matcher.name for claim in made for matcher in claim.matchers}))
        """The labels that matchers use."""

    def owner(self, labels: Mapping[str, str]) -> Owner:
        """Return the team that owns an alert with these labels, and why."""
        if not self.names:
            return Owner(TOP_LEVEL, NO_TEAMS)
        best: _Claim | None = None
        for claim in self._candidates(labels):
            if (best is None or claim.place < best.place) and all(one.matches(labels) for one in claim.matchers):
                best = claim
        return Owner(best.team, best.why) if best is not None else Owner(TOP_LEVEL, NOBODY)

    def owners(self, alerts: Iterable[Mapping[str, str]]) -> list[Owner]:
        """Return the owner of each of `alerts`; alerts that are equal for every team are checked once."""
        if not self.names:
            return [Owner(TOP_LEVEL, NO_TEAMS) for _ in alerts]
        known: dict[tuple[str, ...], Owner] = {}
        found = []
        for labels in alerts:
            seen = tuple([labels.get(name, "") for name in self.labels])
            owner = known.get(seen)
            if owner is None:
                owner = known[seen] = self.owner(labels)
            found.append(owner)
        return found

    def _candidates(self, labels: Mapping[str, str]) -> list[_Claim]:
        found = list(self._rest)
        for name in labels.keys() & self._values.keys():
            found += self._values[name].get(labels[name], ())
        for name in labels.keys() & self._patterns.keys():
            patterns, drawers = self._patterns[name]
            for place in patterns.matching(labels[name]):
                found += drawers[place]
        return found


def _why(team: str, matchers: Sequence[Matcher]) -> str:
    if not matchers:
        return f"team {team} owns what no other team owns"
    return f"team {team}: {', '.join(map(str, matchers))}"[:500]


def _pairs(matcher: Matcher) -> list[tuple[str, str]]:
    words: tuple[str, ...] | None = None
    if matcher.operator is Operator.EQUAL:
        words = (matcher.value,)
    elif matcher.operator is Operator.REGEX:
        words = plain_words(matcher.value)
    # An absent label equals "", so it cannot be used for the index.
    return [] if words is None or "" in words else [(matcher.name, word) for word in words]


def _key(matchers: Sequence[Matcher], crowd: Mapping[tuple[str, str], int]) -> Matcher | None:
    weighed = []
    for matcher in matchers:
        if pairs := _pairs(matcher):
            weighed.append((max(crowd[pair] for pair in pairs), str(matcher), matcher))
        elif selective(matcher):
            weighed.append((_CROWD, str(matcher), matcher))
    return min(weighed, key=lambda item: item[:2], default=(None,))[-1]


def may_share(one: Sequence[Matcher], other: Sequence[Matcher]) -> bool:
    """Return whether an alert may match both lists of matchers, judging by the values that they name."""
    every = [*one, *other]
    for name in {matcher.name for matcher in one} & {matcher.name for matcher in other}:
        on = [matcher for matcher in every if matcher.name == name]
        listed = [set(words) for matcher in on if (words := _listed(matcher)) is not None]
        if not listed:
            continue
        values = set.intersection(*listed)
        if not any(all(matcher.matches({name: value}) for matcher in on) for value in values):
            return False
    return True


def _listed(matcher: Matcher) -> tuple[str, ...] | None:
    if matcher.operator is Operator.EQUAL:
        return (matcher.value,)
    return plain_words(matcher.value) if matcher.operator is Operator.REGEX else None
