"""Checks across the sections of a configuration: names, pages, tokens."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from receiver.channels import discover
from receiver.config.config_errors import Path, Problem, one_of
from receiver.config.loader import phone_checks, status_page_checks, team_checks, token_checks
from receiver.config.loader.config_draft import Draft, listed
from receiver.config.loader.sign_in_checks import sign_in_notes, sign_in_problems
from receiver.config.loader.store_checks import store_notes
from receiver.config.loader.token_strength import SHORTEST, is_exposed, is_short, placeholders
from receiver.model.oncall.schedule_settings import Line, Person, Rota, Schedule
from receiver.model.severity import Severity, meant_severity
from receiver.triage.matchers import MatcherError, parse_matcher

Reference = tuple[Path, str, str]
"""The place where a name is used, the section that must define it, and the name."""


def problems(draft: Draft) -> Iterator[Problem]:
    """Yield the errors across sections."""
    yield from names(draft)
    yield from _addresses(draft)
    yield from _words(draft)
    yield from _paging(draft)
    yield from _listen_addresses(draft)
    yield from sign_in_problems(draft)
    for one in (draft, *(team for _, team in team_checks.team_drafts(draft))):
        yield from _handoffs(one)
    yield from _objectives(draft)
    yield from _runbooks(draft)
    yield from phone_checks.problems(draft)
    yield from token_checks.problems(draft)
    yield from team_checks.problems(draft)
    yield from status_page_checks.problems(draft)


def names(draft: Draft) -> Iterator[Problem]:
    """Yield each name that is used but not defined, at the top level and in teams."""
    yield from _names(draft)
    for _, team in team_checks.team_drafts(draft):
        yield from _names(team)


def _names(draft: Draft) -> Iterator[Problem]:
    for path, section, name in [*_of_policies(draft), *_of_people(draft), *_of_channels(draft)]:
        # An unreadable section is reported once, not for every name in it.
        if name not in draft.names(section) and isinstance(draft.raw.get(section, {}), dict):
            message = f"no {_SINGULAR[section]} is named {name!r:.60}"
            yield draft.document.problem(path, message, one_of(name, draft.names(section)))


def notes(draft: Draft) -> Iterator[Problem]:
    """Yield warnings, and channels that are off."""
    document = draft.document
    for name, lack in draft.off.items():
        yield document.problem(("channels", name), f"off: {lack}", at_key=True)
    yield from store_notes(draft)
    for index, token in enumerate(draft.sections.auth.tokens):
        if is_short(token.token.get_secret_value()):
            hint = f"use {SHORTEST} random characters or more, as receiver token new does"
            yield document.problem(("auth", "tokens", index, "token"), "the token is short", hint)
    yield from sign_in_notes(draft)
    given = draft.raw.get("severities")
    meant = {meant_severity(key) for key in given} if isinstance(given, dict) else set(Severity)
    for severity in Severity:
        if severity not in meant:
            hint = "write page, notify or ticket under it"
            yield document.problem(("severities", severity.value), "missing: its incidents notify no one", hint)


_SINGULAR = {
    "contacts": "contact",
    "people": "person",
    "schedules": "schedule",
    "escalations": "escalation",
    "channels": "channel",
}


def _of_policies(draft: Draft) -> Iterator[Reference]:
    sections = draft.sections
    users: dict[str, Severity] = {}
    for severity, policy in sections.severities.items():
        path: Path = ("severities", severity.value)
        yield from _contacts(path, policy.page, policy.notify)
        for key in ("fallback_channels", "second_road"):
            for where, channel in listed((*path, key), getattr(policy, key)):
                yield where, "channels", channel
        if policy.escalation is not None:
            users.setdefault(policy.escalation, severity)
            yield (*path, "escalation"), "escalations", policy.escalation
    for name, escalation in sections.escalations.items():
        # The default escalations count only if a severity uses them.
        if name in users or isinstance(draft.raw.get("escalations"), dict):
            for index, step in enumerate(escalation.steps):
                path = (*draft.escalation(name, users.get(name)), "steps", index)
                yield from _contacts(path, step.page, step.notify)
    for index, audience in enumerate(sections.audiences):
        yield from _contacts(("audiences", index), (), audience.notify)


def _contacts(path: Path, page: tuple[str, ...], notify: tuple[str, ...]) -> Iterator[Reference]:
    for where, contact in [*listed((*path, "page"), page), *listed((*path, "notify"), notify)]:
        yield where, "contacts", contact


def _of_people(draft: Draft) -> Iterator[Reference]:
    for name, contact in draft.sections.contacts.items():
        for path, target in ((("contacts", name), contact), (("contacts", name, "backup"), contact.backup)):
            if target is None:
                continue
            if target.schedule is not None:
                yield (*path, "schedule"), "schedules", target.schedule
            if target.person is not None:
                yield (*path, "person"), "people", target.person
            for where, person in listed((*path, "people"), target.people):
                yield where, "people", person
    for name, schedule in draft.sections.schedules.items():
        yield from _of_schedule(("schedules", name), schedule)


def _of_schedule(path: Path, schedule: Schedule) -> Iterator[Reference]:
    lines: list[tuple[Path, Line]] = [(path, schedule)]
    lines += [((*path, "layers", index), layer) for index, layer in enumerate(schedule.layers)]
    for place, line in lines:
        rotas: list[tuple[Path, Rota]] = [(place, line)]
        rotas += [((*place, "rotations", index), change) for index, change in enumerate(line.rotations)]
        for where, rota in rotas:
            for spot, person in listed((*where, "people"), rota.people):
                yield spot, "people", person
    for index, planned in enumerate(schedule.overrides):
        yield (*path, "overrides", index, "person"), "people", planned.person


def _of_channels(draft: Draft) -> Iterator[Reference]:
    for name, schedule in draft.sections.schedules.items():
        if schedule.handoff_channel is not None:
            yield ("schedules", name, "handoff_channel"), "channels", schedule.handoff_channel
        for channel in schedule.user_groups:
            yield ("schedules", name, "user_groups", channel), "channels", channel
    monthly = draft.sections.reviews.monthly
    if monthly is not None:
        yield ("reviews", "monthly", "channel"), "channels", monthly.channel
    runbooks = draft.sections.links.runbooks
    if runbooks is not None:
        yield ("links", "runbooks", "channel"), "channels", runbooks.channel


def _runbooks(draft: Draft) -> Iterator[Problem]:
    runbooks = draft.sections.links.runbooks
    settings = draft.sections.channels.get(runbooks.channel) if runbooks else None
    if settings is not None and not discover()[settings.kind].documents:
        message = f"a channel of kind {settings.kind} does not store documents"
        yield draft.document.problem(("links", "runbooks", "channel"), message, "name one of kind confluence")


def _addresses(draft: Draft) -> Iterator[Problem]:
    # Read from the raw entry: a misspelled `name` counts as an address, and the person is invalid without a name.
    people = draft.raw.get("people")
    for key in people if isinstance(people, dict) else ():
        for road in _misspelt(draft, key):
            hint = one_of(road, {*draft.names("channels"), *discover(), "name", "timezone", "vacations"})
            yield draft.document.problem(("people", key, road), "no channel has this name or kind", hint, at_key=True)


def _misspelt(draft: Draft, person: str) -> list[str]:
    written = draft.raw.get("people", {}).get(person)
    roads, kinds = {*draft.names("channels"), *Person.model_fields}, discover()
    unknown = [road for road in written if road not in roads] if isinstance(written, dict) else []
    return [road for road in unknown if road not in kinds]


def _words(draft: Draft) -> Iterator[Problem]:
    sections, document = draft.sections, draft.document
    for index, audience in enumerate(sections.audiences):
        for where, text in listed(("audiences", index, "matchers"), audience.matchers):
            try:
                parse_matcher(text)
            except MatcherError as error:
                yield document.problem(where, str(error))
    if draft.rules is not None and "incidents" in draft.raw:
        scopes = set(draft.rules.scope.order)
        for where, scope in listed(
            ("incidents", "customer_visible", "scopes"), sections.incidents.customer_visible.scopes
        ):
            if scope not in scopes and "customer_visible" in draft.raw["incidents"]:
                message = f"the severity rules have no scope {scope!r:.60}"
                yield document.problem(where, message, one_of(scope, scopes))
    # A page with an error has components, but they are unknown.
    known = "status_page" not in draft.raw or "status_page" in sections.model_fields_set
    components = {component.id for component in sections.status_page.components}
    for index, window in enumerate(sections.maintenance):
        for where, component in listed(("maintenance", index, "components"), window.components if known else ()):
            if component not in components:
                message = f"the status page has no component {component!r:.60}"
                yield document.problem(where, message, one_of(component, components))


def _paging(draft: Draft) -> Iterator[Problem]:
    document, channels = draft.document, draft.sections.channels
    views = [draft, *team_checks.merged_drafts(draft)]
    paged = [(view, path, contact) for view in views for path, contact in view.paged()]
    if paged and not draft.pagers:
        # A channel with an error may be the pager: that error is reported first.
        if draft.names("channels") == set(channels):
            kinds = ", ".join(sorted(kind for kind, channel in discover().items() if channel.paging))
            yield document.problem(
                paged[0][1], "no one can be paged: there is no paging channel", f"add one of kind {kinds}"
            )
        return
    needed: set[str] = set()
    told: set[str] = set()
    for view, _, contact in paged:
        for key in view.members(contact):
            person = draft.sections.people.get(key)
            roads = (
                [] if person is None else [name for name, kind in draft.pagers.items() if person.address(name, kind)]
            )
            if all(road in draft.off for road in roads):
                needed.update(roads)
            if person is not None and not roads and key not in told and not _misspelt(draft, key):
                told.add(key)
                yield _unreachable(draft, contact, key)
    for name in sorted(needed & draft.off.keys()):
        message = f"pages need this channel, and it is off: {draft.off[name]}"
        yield document.problem(("channels", name), message, "complete it, or page through another channel", at_key=True)


def _unreachable(draft: Draft, contact: str, person: str) -> Problem:
    written = draft.raw["people"][person]
    for road in dict.fromkeys((*draft.pagers, *draft.pagers.values())):
        if road in written:
            message = f"contact {contact!r:.60} pages this person, whose address here is empty"
            return draft.document.problem(("people", person, road), message, "set the variable, or write the address")
    # A log channel notifies no one: it is suggested only if there is no other.
    road = min(draft.pagers, key=lambda name: (draft.pagers[name] == "log", name))
    message = f"contact {contact!r:.60} pages this person, who has no address on a paging channel"
    return draft.document.problem(("people", person), message, f"write {road}: ADDRESS", at_key=True)


def _handoffs(draft: Draft) -> Iterator[Problem]:
    kinds = discover()
    for name, schedule in draft.sections.schedules.items():
        told = draft.sections.channels.get(schedule.handoff_channel or "")
        if told is not None and not kinds[told.kind].informs:
            path: Path = ("schedules", name, "handoff_channel")
            able = sorted(kind for kind, channel in kinds.items() if channel.informs)
            message = f"a channel of kind {told.kind} cannot send messages"
            yield draft.document.problem(path, message, f"name one of kind {', '.join(able)}")
        for channel in schedule.user_groups:
            settings = draft.sections.channels.get(channel)
            if settings is not None and not kinds[settings.kind].groups:
                where: Path = ("schedules", name, "user_groups", channel)
                wrong = f"a channel of kind {settings.kind} has no user groups"
                yield draft.document.problem(where, wrong, "name one of kind slack", at_key=True)


def _objectives(draft: Draft) -> Iterator[Problem]:
    if draft.sections.verification.prometheus_url is not None:
        return
    for index, objective in enumerate(draft.sections.objectives):
        if objective.promql is not None:
            path: Path = ("objectives", index, "promql")
            message = "a query needs a Prometheus server"
            yield draft.document.problem(path, message, "write verification: {prometheus_url: http://host:9090}")


def _listen_addresses(draft: Draft) -> Iterator[Problem]:
    document, server = draft.document, draft.sections.server
    shown = urlsplit(draft.sections.service.public_url or "").path.rstrip("/")
    if shown and server.public_path is not None and server.public_path != shown:
        message = f"not the path of service.public_url, which is {shown!r:.60}"
        yield document.problem(("server", "public_path"), message, "remove one of them, or make them the same")
    tokens: dict[str, str] = {}
    for index, token in enumerate(draft.sections.auth.tokens):
        secret = token.token.get_secret_value()
        if secret and secret in tokens:
            message = f"the same token as {tokens[secret]!r:.60}"
            yield document.problem(("auth", "tokens", index, "token"), message, "give each caller its own token")
        tokens.setdefault(secret, token.name)
    for index in placeholders(draft.sections.auth) if is_exposed(server) else ():
        message = "a published placeholder, which anyone can look up"
        yield document.problem(("auth", "tokens", index, "token"), message, "write what receiver token new prints")
    if not any(tokens) and is_exposed(server):
        message = "listens on a non-loopback address without any token"
        yield document.problem(
            ("server", "listen"), message, "set a token under auth.tokens, or listen on 127.0.0.1:8080"
        )
