"""The configuration in force -> the snapshot that an incident keeps from its opening. Pure."""

from __future__ import annotations

from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.model.incident.event import Destination
from receiver.model.incident.policy_snapshot import PagingHours, Plan, ResponseHours, SeverityPlan, Step
from receiver.model.severity import Severity
from receiver.model.severity_policy import BusinessHours, Day, PageHours, SeveritySettings, Until


def take_policy_snapshot(directory: ContactDirectory, zone: str, marks: tuple[Destination, ...] = ()) -> Plan:
    """Return the settings of each severity; `zone`: of business hours. Raises UnknownName."""
    return Plan(
        severities={
            severity: _of(directory, severity, settings, zone) for severity, settings in directory.severities.items()
        },
        zone=zone,
        marks=marks,
    )


def _of(directory: ContactDirectory, severity: Severity, settings: SeveritySettings, zone: str) -> SeverityPlan:
    escalation = directory.escalation(severity)
    page = settings.status_page
    return SeverityPlan(
        respond=settings.respond_within.total_seconds(),
        page=settings.page,
        notify=settings.notify,
        until=escalation.until if escalation else Until.ACKNOWLEDGED,
        steps=tuple(
            Step(after=step.after.total_seconds(), page=step.page, notify=step.notify)
            for step in (escalation.steps if escalation else ())
        ),
        lease=settings.acknowledged_for.total_seconds() if settings.acknowledged_for else None,
        update=settings.update_every.total_seconds() if settings.update_every else None,
        all_hands=settings.all_hands,
        ticket=settings.ticket,
        queue=settings.queue,
        publish=page.publish if page else None,
        publish_within=page.update_within.total_seconds() if page and page.update_within is not None else None,
        publish_when=page.when if page else None,
        hours=_hours(settings.business_hours) if settings.business_hours else None,
        page_hours=_page_hours(severity, settings.page_hours, zone),
    )


def _page_hours(severity: Severity, settings: PageHours | None, zone: str) -> PagingHours | None:
    # A SEV-1 never waits, even if a file says so.
    if settings is None or severity is Severity.SEV1:
        return None
    hours = _hours(settings)
    return PagingHours(days=hours.days, opens=hours.opens, closes=hours.closes, zone=settings.timezone or zone)


def _hours(settings: BusinessHours) -> ResponseHours:
    week = tuple(Day)
    return ResponseHours(
        days=tuple(sorted(week.index(day) for day in settings.days)),
        opens=settings.from_.hour * 60 + settings.from_.minute,
        closes=settings.to.hour * 60 + settings.to.minute,
    )
