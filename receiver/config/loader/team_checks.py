"""Checks of teams: their matchers, and the people, contacts and schedules that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from receiver.config.config_errors import Path, Problem, one_of
from receiver.config.loader.config_draft import Draft
from receiver.config.settings.team_directories import team_directory, top_level_directory
from receiver.config.settings.whole_config import Sections
from receiver.model.oncall.team_settings import Team, schedule_name
from receiver.triage.matchers import Matcher, MatcherError, parse_matcher
from receiver.triage.team_ownership import alternatives, in_order, may_share

SECTIONS = ("contacts", "schedules", "severities", "escalations")
"""The sections of a team."""


class TeamDraft(Draft):
    """The settings of one team as a configuration; names of the top level count as its own."""

    top: Draft
    written: Mapping[str, object]

    @property
    def off(self) -> dict[str, str]:
        """Channels that are off, and why."""
        return self.top.off

    def names(self, section: str) -> set[str]:
        """Return the names that the team or the top level defines."""
        own = self.written.get(section)
        return self.top.names(section) | (set(own) if isinstance(own, dict) and section in SECTIONS else set())


def team_drafts(draft: Draft) -> Iterator[tuple[str, TeamDraft]]:
    """Yield each valid team, with only its own settings."""
    given = draft.raw.get("teams")
    for name, team in draft.sections.teams.items():
        written = given.get(name) if isinstance(given, dict) else None
        parts = {section: getattr(team, section) for section in SECTIONS}
        # Settings that only the top level may have are left out, because they are checked there.
        sections = Sections.model_construct(
            **{**parts, "channels": draft.sections.channels, "people": draft.sections.people}
        )
        made = TeamDraft(draft.document.below(("teams", name)), {"escalations": {}}, sections, None)
        made.top, made.written = draft, written if isinstance(written, dict) else {}
        yield name, made


def merged_drafts(draft: Draft) -> Iterator[Draft]:
    """Yield the whole configuration as each team sees it."""
    top = top_level_directory(draft.sections) if draft.sections.teams else None
    for name in draft.sections.teams:
        directory = team_directory(draft.sections, name, top)
        parts = {section: getattr(directory, section) for section in SECTIONS}
        sections = draft.sections.model_copy(update=parts)
        yield Draft(draft.document, {**draft.raw, "escalations": {}}, sections, draft.rules)


def problems(draft: Draft) -> Iterator[Problem]:
    """Yield the errors in teams, except undefined names."""
    teams = draft.sections.teams
    for name, team in teams.items():
        yield from _matchers(draft, name, team)
        yield from _visible(draft, name, team)
    yield from _last(draft)
    yield from _names_of_schedules(draft)


def _matchers(draft: Draft, name: str, team: Team) -> Iterator[Problem]:
    path: Path = ("teams", name)
    written = draft.raw["teams"].get(name, {})
    nested = isinstance(written, dict) and isinstance(written.get("matchers"), dict)
    lists: list[tuple[Path, tuple[str, ...]]] = [((*path, "matchers"), team.matchers)]
    inner = (*path, "matchers", "any") if nested else (*path, "any")
    lists += [((*inner, index), matchers) for index, matchers in enumerate(team.any)]
    for where, matchers in lists:
        for index, text in enumerate(matchers):
            try:
                parse_matcher(text)
            except MatcherError as error:
                yield draft.document.problem((*where, index), str(error))


def _visible(draft: Draft, name: str, team: Team) -> Iterator[Problem]:
    known = draft.names("teams")
    for index, other in enumerate(team.visible_to):
        if other not in known:
            path: Path = ("teams", name, "visible_to", index)
            yield draft.document.problem(path, f"no team is named {other!r:.60}", one_of(other, known))


def _last(draft: Draft) -> Iterator[Problem]:
    ordered = list(in_order(draft.sections.teams).items())
    for name, team in ordered[:-1]:
        if not team.selective:
            message = f"no matchers, and it is not the last team: {ordered[-1][0]} would own nothing"
            hint = "write matchers, any or labels, or give it the lowest priority"
            yield draft.document.problem(("teams", name), message, hint, at_key=True)


def _names_of_schedules(draft: Draft) -> Iterator[Problem]:
    known: dict[str, str] = dict.fromkeys(draft.sections.schedules, "the top level")
    for name, team in draft.sections.teams.items():
        for key in team.schedules:
            full = schedule_name(name, key)
            if full in known:
                message = f"{known[full]} also has a schedule named {full}"
                yield draft.document.problem(("teams", name, "schedules", key), message, "rename it", at_key=True)
            known[full] = f"team {name}"


def shared(draft: Draft) -> Iterator[Problem]:
    """Yield a note for each team that could own an alert of another team with the same priority."""
    teams = in_order(draft.sections.teams)
    made: dict[str, list[tuple[Matcher, ...]]] = {}
    for name, team in teams.items():
        try:
            made[name] = alternatives(team) if team.selective else []
        except MatcherError:
            made[name] = []
    for first, second in combinations(teams, 2):
        if teams[first].priority != teams[second].priority:
            continue
        both = next(((a, b) for a in made[first] for b in made[second] if may_share(a, b)), None)
        if both is not None:
            message = f"can own an alert that {first} owns: {_shown(both[0])} and {_shown(both[1])} can both match"
            hint = "add a matcher that tells them apart, or give one of them a different priority"
            yield draft.document.problem(("teams", second), message, hint, at_key=True)


def _shown(matchers: tuple[Matcher, ...]) -> str:
    return "{" + ", ".join(map(str, matchers))[:200] + "}"
