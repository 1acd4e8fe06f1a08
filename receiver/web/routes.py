"""The handler of each path. No path is rewritten, and none is redirected."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from receiver.config.settings.service_settings import Scope
from receiver.pipeline.status.draft_list import DraftList
from receiver.web.api.archive import ArchiveApi, archive_operations
from receiver.web.api.calendars import FEED, CalendarApi, calendar_operations
from receiver.web.api.deliveries import DeliveryApi, delivery_operations
from receiver.web.api.drafts import DraftApi, draft_operations
from receiver.web.api.event_stream import Stream
from receiver.web.api.incident_commands import IncidentCommandApi
from receiver.web.api.incident_reviews import IncidentReviewApi, review_operations
from receiver.web.api.incidents import IncidentApi
from receiver.web.api.maintenance import MaintenanceApi, maintenance_operations
from receiver.web.api.oncall import OnCallApi, ShiftOfferApi, offer_operations, oncall_operations
from receiver.web.api.operations import Operation, incident_operations, offer
from receiver.web.api.public_status import (
    AnnouncementApi,
    SubscriberApi,
    announcement_operations,
    subscriber_operations,
)
from receiver.web.api.reachability import ReachabilityApi, reachability_operations
from receiver.web.api.reports import ReportApi, report_operations
from receiver.web.api.rules import RulesApi, rules_operations
from receiver.web.app_keys import PARTS, AppParts
from receiver.web.audit_trail import refusal_auditor
from receiver.web.auth.cross_site import same_site_only
from receiver.web.auth.oidc_sign_in import BACK as OIDC_BACK
from receiver.web.auth.oidc_sign_in import PATH as OIDC_START
from receiver.web.auth.oidc_sign_in import OidcSignIn
from receiver.web.auth.token_sign_in import SignIn
from receiver.web.auth.tokens import TokenCheck
from receiver.web.console.assets import Assets
from receiver.web.console.documents_page import NAMES, DocumentsPage
from receiver.web.console.error_pages import html_errors
from receiver.web.console.forms.incident_forms import IncidentForms
from receiver.web.console.frame import ConsoleFrame
from receiver.web.console.incident_page import IncidentPage
from receiver.web.console.incidents_page import IncidentsPage
from receiver.web.console.internal_status import InternalStatus
from receiver.web.console.oncall_page import OnCallPage
from receiver.web.console.report_pages import ReportPages
from receiver.web.console.sessions_page import SessionsPage
from receiver.web.console.status_admin_page import StatusAdminPage
from receiver.web.console.system_page import SystemPage
from receiver.web.html_pages import HtmlPages
from receiver.web.http.body_reader import expect
from receiver.web.http.compression import packing
from receiver.web.http.error_responses import harden, refusals
from receiver.web.http.shared_answers import SHARED
from receiver.web.markdown_cache import MarkdownPages
from receiver.web.mcp.endpoint import McpEndpoint
from receiver.web.openapi.docs_page import DocsPage
from receiver.web.openapi.openapi_page import OpenApiPage
from receiver.web.probes import Probes
from receiver.web.reload_endpoint import ReloadEndpoint
from receiver.web.sessions_endpoint import SessionApi, session_operations
from receiver.web.status.status_page import ANSWERS, StatusPage
from receiver.web.status.subscription_pages import SubscriptionPages
from receiver.web.webhooks.alertmanager import Webhooks
from receiver.web.webhooks.pagerduty import PagerDutyEndpoint
from receiver.web.webhooks.phone_hooks import PhoneHooks
from receiver.web.webhooks.slack import SlackEndpoint
from receiver.web.webhooks.twilio_hooks import TwilioHooks

FORM_MOST, TEXT_MOST, DOCUMENT_MOST = 16_384, 65_536, 600_000
"""Maximum size in bytes of a form with a few lines, with a text, and with a document (100,000 characters, encoded)."""
HANDLER_ARGS = {"auto_decompress": False}
"""The server itself decompresses no body, so that a compression bomb is measured while it is decompressed."""


def build(parts: AppParts) -> web.Application:
    """Return the application of `server.listen`, with every endpoint."""
    gate, pages = _gate(parts), HtmlPages(lambda: parts.config.public_path)
    checks = [same_site_only(gate, lambda: parts.config.service.public_url)]
    app = _application(parts, outside=[html_errors(parts, pages)], checks=checks)
    _webhooks(app, parts, gate)
    add, get = app.router.add_post, app.router.add_get
    add("/mcp", McpEndpoint(parts, gate).take, expect_handler=expect)
    probes = Probes(parts, gate)
    get("/healthz", probes.healthz)
    get("/readyz", probes.readyz)
    get("/metrics", probes.metrics)
    stream = Stream(parts, gate)
    parts.incident_cache.listeners.append(stream.changed)
    parts.incident_cache.listening = stream.listening
    drafts = DraftList(parts.incident_cache, parts.incidents)
    offer(app, operations_of(parts, gate, stream, drafts))
    app.on_shutdown.append(stream.end)
    get("/api/openapi.json", OpenApiPage(lambda: parts.config.public_path).page)
    get("/api/docs", DocsPage(pages).page)
    for method in ("POST", "PUT"):
        app.router.add_route(method, "/-/reload", ReloadEndpoint(parts, gate).reload)
    visitors = SignIn(parts, gate, pages)
    get(f"{FEED}{{token}}.ics", CalendarApi(parts, gate).feed)
    frame = ConsoleFrame(parts, pages, drafts)
    _console(app, parts, visitors, frame)
    get("/console/events", visitors.stream(Scope.READ, stream.changes))
    _sign_in(app, parts, visitors, frame)
    _public(app, StatusPage(parts, pages), SubscriptionPages(parts, pages))
    return app


def _webhooks(app: web.Application, parts: AppParts, gate: TokenCheck) -> None:
    slack, phones, twilio = SlackEndpoint(parts), PhoneHooks(parts), TwilioHooks(parts)
    for path, handle in (
        ("/webhooks/alertmanager", Webhooks(parts, gate).alertmanager),
        ("/webhooks/pagerduty", PagerDutyEndpoint(parts).webhook),
        ("/slack/commands", slack.commands), ("/slack/interactions", slack.interactions),
        ("/slack/events", slack.events),
    ):  # fmt: skip
        # Neither is redirected: a client would follow a redirect with a GET.
        app.router.add_post(path, handle, expect_handler=expect)
        app.router.add_post(f"{path}/", handle, expect_handler=expect)
    for path, handle in (
        ("/hooks/ntfy", phones.ntfy), ("/hooks/twilio/voice", twilio.voice), ("/hooks/twilio/sms", twilio.sms),
        ("/hooks/twilio/status", twilio.status),
    ):  # fmt: skip
        app.router.add_post(path, handle, expect_handler=expect)


def _sign_in(app: web.Application, parts: AppParts, visitors: SignIn, frame: ConsoleFrame) -> None:
    oidc, sessions = OidcSignIn(parts, visitors), SessionsPage(parts, frame)
    add, get = app.router.add_post, app.router.add_get
    get("/sessions", visitors.page(Scope.READ, sessions.page))
    add("/sessions/{session}/end", visitors.form(Scope.READ, sessions.end), expect_handler=expect)
    get(OIDC_START, oidc.start)
    get(OIDC_BACK, oidc.callback)
    get("/login", visitors.login)
    add("/login", visitors.sign_in, expect_handler=expect)
    add("/logout", visitors.form(Scope.READ, visitors.sign_out), expect_handler=expect)


def _console(app: web.Application, parts: AppParts, visitors: SignIn, frame: ConsoleFrame) -> None:
    forms, markdown = IncidentForms(parts, frame), MarkdownPages()
    incidents, incident = IncidentsPage(parts, frame, forms), IncidentPage(parts, frame)
    documents, oncall = DocumentsPage(parts, frame, markdown), OnCallPage(parts, frame)
    status, system = StatusAdminPage(parts, frame), SystemPage(parts, frame)
    reports = ReportPages(parts, frame, markdown)
    for path, show in (
        ("/", incidents.page), ("/incidents", incidents.page), ("/incidents/{id}", incident.page),
        ("/oncall", oncall.page), ("/oncall/{schedule}.ics", oncall.calendar),
        ("/console/status", status.page), ("/console/status/subscribers.csv", status.subscribers),
        ("/status/internal", InternalStatus(parts, frame).page),
        ("/system", system.page), ("/system/archive", system.archive.download), ("/reports", reports.overview),
        ("/reports/{month}", reports.month),
        *((f"/incidents/{{id}}/{name}", documents.page) for name in NAMES),
    ):  # fmt: skip
        app.router.add_get(path, visitors.page(Scope.READ, show))
    for path, take, most in (
        ("/", incidents.take, FORM_MOST), ("/incidents/{id}/postmortem", documents.write, DOCUMENT_MOST),
        ("/incidents/{id}/{verb}", forms.take, TEXT_MOST), ("/oncall", oncall.take, FORM_MOST),
        ("/oncall/{schedule}/accept", oncall.accept, FORM_MOST), ("/console/status", status.take, FORM_MOST),
        ("/system", system.take, DOCUMENT_MOST),
    ):  # fmt: skip
        app.router.add_post(path, visitors.form(Scope.RESPOND, take, most), expect_handler=expect)
    app.router.add_get("/assets/{name}", Assets(frame.pages).asset)


def operations_of(parts: AppParts, gate: TokenCheck, stream: Stream, drafts: DraftList) -> list[Operation]:
    """Return every operation of the API."""
    return [
        *draft_operations(DraftApi(parts, gate, drafts)),
        *incident_operations(IncidentApi(parts, gate), IncidentCommandApi(parts, gate), stream),
        *oncall_operations(OnCallApi(parts, gate)),
        *reachability_operations(ReachabilityApi(parts, gate)),
        *offer_operations(ShiftOfferApi(parts, gate)),
        *calendar_operations(CalendarApi(parts, gate)),
        *maintenance_operations(MaintenanceApi(parts, gate)),
        *rules_operations(RulesApi(parts, gate)),
        *delivery_operations(DeliveryApi(parts, gate)),
        *review_operations(IncidentReviewApi(parts, gate)),
        *archive_operations(ArchiveApi(parts, gate)),
        *report_operations(ReportApi(parts, gate)),
        *session_operations(SessionApi(parts, gate)),
        *subscriber_operations(SubscriberApi(parts, gate)),
        *announcement_operations(AnnouncementApi(parts, gate)),
    ]


def build_status(parts: AppParts) -> web.Application:
    """Return the application of `server.status_page_listen`: only the public status page."""
    app = _application(parts)
    pages = HtmlPages()
    status = StatusPage(parts, pages)
    app.router.add_get("/", status.page)
    for name in ANSWERS:
        # Clients of Statuspage expect the API at the root of a host.
        app.router.add_get(f"/api/v2/{name}.json", status.json(name))
    _public(app, status, SubscriptionPages(parts, pages))
    return app


def _gate(parts: AppParts) -> TokenCheck:
    return TokenCheck(lambda: parts.config.auth.tokens, parts.clock.now, lambda: parts.config.auth.oidc is not None)


def _public(app: web.Application, status: StatusPage, subscriptions: SubscriptionPages) -> None:
    app[SHARED] = status.shared
    get, add = app.router.add_get, app.router.add_post
    add("/status/subscriptions", subscriptions.sign_up, expect_handler=expect)
    get("/status/subscriptions/{token}", subscriptions.show)
    add("/status/subscriptions/{token}", subscriptions.act, expect_handler=expect)
    get("/status", status.page)
    get("/status/history", status.history)
    for path, show in (
        ("feed.atom", status.atom), ("feed.rss", status.rss), ("incidents/{id}", status.incident),
        ("components/{id}", status.component), ("components/{id}/badge.svg", status.component_badge),
        ("badge.svg", status.badge), ("logo", status.logo),
    ):  # fmt: skip
        get(f"/status/{path}", show)
    for name in ANSWERS:
        get(f"/status/api/v2/{name}.json", status.json(name))


def _application(
    parts: AppParts, outside: Sequence[Middleware] = (), checks: Sequence[Middleware] = ()
) -> web.Application:
    inside = [*outside, refusals(parts.metrics, refusal_auditor(parts)), *checks, packing()]
    app = web.Application(middlewares=inside, handler_args=HANDLER_ARGS)
    app[PARTS] = parts
    app.on_response_prepare.append(harden)
    return app
