"""Checks of the people and teams that tokens name, and of page hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from receiver.config.config_errors import Path, Problem, one_of
from receiver.config.loader.config_draft import Draft
from receiver.config.settings.service_settings import Scope
from receiver.model.severity import Severity
from receiver.model.severity_policy import SeveritySettings


def problems(draft: Draft) -> Iterator[Problem]:
    """Yield tokens with undefined people or teams, and page hours of SEV-1."""
    yield from _teams(draft)
    people = draft.names("people")
    for index, token in enumerate(draft.sections.auth.tokens):
        if token.person is not None and token.person not in people:
            person: Path = ("auth", "tokens", index, "person")
            yield draft.document.problem(
                person, f"no person is named {token.person!r:.60}", one_of(token.person, people)
            )
    named: list[tuple[Path, Mapping[Severity, SeveritySettings]]] = [((), draft.sections.severities), *(
        (("teams", name), team.severities) for name, team in draft.sections.teams.items()
    )]  # fmt: skip
    for where, severities in named:
        first = severities.get(Severity.SEV1)
        if first is not None and first.page_hours is not None:
            path = (*where, "severities", Severity.SEV1.value, "page_hours")
            yield draft.document.problem(path, "a SEV-1 never waits", "remove page_hours here", at_key=True)


def _teams(draft: Draft) -> Iterator[Problem]:
    teams = draft.names("teams")
    for index, token in enumerate(draft.sections.auth.tokens):
        place: Path = ("auth", "tokens", index, "teams")
        for number, name in enumerate(token.teams):
            if name not in teams:
                yield draft.document.problem((*place, number), f"no team is named {name!r:.60}", one_of(name, teams))
        if token.teams and Scope.ADMIN in token.scopes:
            message = "a token with the scope admin can act on the incidents of every team"
            yield draft.document.problem(place, message, "remove teams, or admin from scopes", at_key=True)
