"""Parts of the configuration -> functions for decisions: audiences, customer visibility, maintenance windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from receiver.config import Config
from receiver.config.settings.feature_settings import Maintenance, Objective
from receiver.config.settings.incident_settings import CustomerVisibility
from receiver.config.settings.status_page_settings import Component
from receiver.config.settings.title_templates import Texts, title_writer
from receiver.incident.alerts.maintenance_windows import Held, Window, holding
from receiver.incident.customer_visibility import visible
from receiver.incident.paging.policy import Listener
from receiver.incident.title import Named
from receiver.model.severity import Severity
from receiver.model.severity_policy import Audience, Postmortem
from receiver.review.review_settings import Budget, ReviewTargets
from receiver.triage.matchers import parse_matcher


def matching(matchers: Sequence[str]) -> Callable[[Mapping[str, str]], bool]:
    """Return a function that checks whether labels match all of `matchers`, which are compiled once."""
    compiled = [parse_matcher(text) for text in matchers]
    return lambda labels: all(matcher.matches(labels) for matcher in compiled)


def listener(audience: Audience) -> Listener:
    """Return a compiled entry of `audiences`."""
    return Listener(
        severities=audience.severities,
        matches=matching(audience.matchers),
        when=audience.when,
        notify=audience.notify,
    )


def visibility(settings: CustomerVisibility) -> Callable[[Mapping[str, str], str | None], bool | None]:
    """Return a function that checks whether customers see an incident with given labels and scope."""
    return lambda labels, scope: visible(labels, scope, settings.label, settings.scopes)


def guarding(config: Config) -> Callable[[Mapping[str, str], str], tuple[bool, tuple[str, ...]]]:
    """Return a function that checks whether an incident with given labels and team is private, and who can see it."""
    private, teams = config.incidents.private, config.teams
    apart = matching(private.matchers) if private is not None else None
    all_private = config.incidents.visibility == "team"

    def guarded(labels: Mapping[str, str], team: str) -> tuple[bool, tuple[str, ...]]:
        owner = teams.get(team)
        if not (all_private or (owner and owner.private) or (apart and apart(labels))):
            return False, ()
        return True, owner.visible_to if owner else ()

    return guarded


def touching(components: Sequence[Component]) -> Callable[[Mapping[str, str]], tuple[tuple[str, str], ...]]:
    """Return a function that returns the ids and names of the components that labels belong to."""
    known = [(one.id, one.name, matching(one.matchers)) for one in components]
    return lambda labels: tuple((number, name) for number, name, matches in known if matches(labels))


def budgets(objectives: Sequence[Objective], severity: Severity) -> list[Budget]:
    """Return the objectives that an incident of `severity` counts against."""
    return [one for one in map(budget, objectives) if severity in one.severities]


def budget(objective: Objective) -> Budget:
    """Return an objective in the form that reviews use."""
    return Budget(objective.name, float(objective.target), objective.window, objective.severities, objective.promql)


def terms_of(config: Config) -> ReviewTargets:
    """Return the targets that figures are compared with."""
    return ReviewTargets(
        zone=config.service.timezone,
        categories=config.reviews.categories,
        budgets=tuple(map(budget, config.objectives)),
        written=frozenset(
            severity
            for severity, settings in config.directory.severities.items()
            if settings.postmortem is Postmortem.REQUIRED
        ),
        zones={name: person.timezone for name, person in config.people.items() if person.timezone},
    )


def recurring(settings: Maintenance) -> Window:
    """Return the window of an entry of `maintenance`."""
    return Window(
        name=settings.name,
        weekly=settings.weekly,
        lasts=settings.lasts.total_seconds(),
        zone=settings.timezone,
        components=settings.components,
        public_name=settings.public_name,
        matchers=settings.matchers,
    )


def windows_of(windows: Sequence[Window]) -> Held:
    """Return every maintenance window."""
    return holding([(window, matching(window.matchers)) for window in windows])


def titles(texts: Texts) -> Callable[[Named], str]:
    """Return a function that writes the titles of incidents."""
    return title_writer(texts.title)
