"""Which path leads to which door. No path is rewritten and none redirects."""

from __future__ import annotations

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.web.api.archive import ArchiveApi, archive_operations
from receiver.web.api.calendars import FEED, CalendarApi, calendar_operations
from receiver.web.api.deliveries import DeliveryApi, delivery_operations
from receiver.web.api.docs_page import DocsPage
from receiver.web.api.event_stream import Stream
from receiver.web.api.incident_commands import IncidentCommandApi
from receiver.web.api.incident_reviews import IncidentReviewApi, review_operations
from receiver.web.api.incidents import IncidentApi
from receiver.web.api.maintenance import MaintenanceApi, maintenance_operations
from receiver.web.api.oncall import OnCallApi, oncall_operations
from receiver.web.api.openapi import OpenApiPage
from receiver.web.api.operations import Operation, incident_operations, offer
from receiver.web.api.reports import ReportApi, report_operations
from receiver.web.api.rules import RulesApi, rules_operations
from receiver.web.app_keys import DOORS, AppParts
from receiver.web.auth.sign_in import SignIn
from receiver.web.auth.tokens import TokenCheck
from receiver.web.console.incident_pages import Console
from receiver.web.console.oncall_page import OnCallPage
from receiver.web.html_pages import HtmlPages
from receiver.web.http.body_reader import expect
from receiver.web.http.compression import packing
from receiver.web.http.error_responses import harden, refusals
from receiver.web.probes import Probes
from receiver.web.reload_endpoint import ReloadEndpoint
from receiver.web.status_page import ANSWERS, StatusPage
from receiver.web.webhooks.alertmanager import Webhooks
from receiver.web.webhooks.pagerduty import PagerDutyEndpoint
from receiver.web.webhooks.phone_hooks import PhoneHooks
from receiver.web.webhooks.slack import SlackEndpoint

HANDLER_ARGS = {"auto_decompress": False}
"""How the server treats connections: it unpacks nothing by itself, so that a bomb is measured while it unpacks."""


def build(doors: AppParts) -> web.Application:
    """Return the application behind `server.listen`, with every door."""
    app = _application(doors)
    gate, pages = TokenCheck(lambda: doors.config.auth.tokens), HtmlPages(lambda: doors.config.public_path)
    webhooks, probes = Webhooks(doors, gate), Probes(doors, gate)
    console, status = Console(doors, pages), StatusPage(doors, pages)
    add, get = app.router.add_post, app.router.add_get
    for path in ("/webhooks/alertmanager", "/webhooks/alertmanager/"):
        add(path, webhooks.alertmanager, expect_handler=expect)
    pagerduty = PagerDutyEndpoint(doors)
    for path in ("/webhooks/pagerduty", "/webhooks/pagerduty/"):
        add(path, pagerduty.webhook, expect_handler=expect)
    slack = SlackEndpoint(doors)
    for name in ("commands", "interactions", "events"):
        for path in (f"/slack/{name}", f"/slack/{name}/"):
            add(path, getattr(slack, name), expect_handler=expect)
    hooks = PhoneHooks(doors)
    add("/hooks/ntfy", hooks.ntfy, expect_handler=expect)
    get("/healthz", probes.healthz)
    get("/readyz", probes.readyz)
    get("/metrics", probes.metrics)
    stream = Stream(doors, gate)
    doors.incident_cache.listeners.append(stream.changed)
    doors.incident_cache.listening = stream.listening
    offer(app, operations_of(doors, gate, stream))
    app.on_shutdown.append(stream.end)
    get("/api/openapi.json", OpenApiPage(lambda: doors.config.public_path).page)
    get("/api/docs", DocsPage(pages).page)
    for method in ("POST", "PUT"):
        app.router.add_route(method, "/-/reload", ReloadEndpoint(doors, gate).reload)
    visitors, oncall = SignIn(doors, gate, pages), OnCallPage(doors, pages)
    get("/", visitors.page(Scope.READ, console.incidents))
    get("/incidents/{id}", visitors.page(Scope.READ, console.incident))
    get("/oncall", visitors.page(Scope.READ, oncall.page))
    get(f"{FEED}{{token}}.ics", CalendarApi(doors, gate).feed)
    get("/reports/{month}", visitors.page(Scope.READ, ReportApi(doors, gate, pages).page))
    add("/oncall/{schedule}/accept", visitors.form(Scope.RESPOND, oncall.accept), expect_handler=expect)
    get("/login", visitors.login)
    add("/login", visitors.sign_in, expect_handler=expect)
    add("/logout", visitors.form(Scope.READ, visitors.sign_out), expect_handler=expect)
    _public(app, status)
    return app


def operations_of(doors: AppParts, gate: TokenCheck, stream: Stream) -> list[Operation]:
    """Return every operation of the API."""
    return [
        *incident_operations(IncidentApi(doors, gate), IncidentCommandApi(doors, gate), stream),
        *oncall_operations(OnCallApi(doors, gate)),
        *calendar_operations(CalendarApi(doors, gate)),
        *maintenance_operations(MaintenanceApi(doors, gate)),
        *rules_operations(RulesApi(doors, gate)),
        *delivery_operations(DeliveryApi(doors, gate)),
        *review_operations(IncidentReviewApi(doors, gate)),
        *archive_operations(ArchiveApi(doors, gate)),
        *report_operations(ReportApi(doors, gate)),
    ]


def build_status(doors: AppParts) -> web.Application:
    """Return the application behind `server.status_page_listen`: the public page and nothing else."""
    app = _application(doors)
    status = StatusPage(doors, HtmlPages())
    app.router.add_get("/", status.page)
    for name in ANSWERS:
        # Clients of Statuspage are given the root of a host.
        app.router.add_get(f"/api/v2/{name}.json", status.json(name))
    _public(app, status)
    return app


def _public(app: web.Application, status: StatusPage) -> None:
    get = app.router.add_get
    get("/status", status.page)
    get("/status/history", status.history)
    get("/status/feed.atom", status.feed)
    get("/status/incidents/{id}", status.incident)
    for name in ANSWERS:
        get(f"/status/api/v2/{name}.json", status.json(name))


def _application(doors: AppParts) -> web.Application:
    app = web.Application(middlewares=[refusals(doors.metrics), packing()], handler_args=HANDLER_ARGS)
    app[DOORS] = doors
    app.on_response_prepare.append(harden)
    return app
