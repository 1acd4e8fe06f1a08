"""Subscribers of the status page in the console: an export, and forms that delete or stop one by its address."""

from __future__ import annotations

import csv
import io

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.base import rfc3339
from receiver.web.app_keys import AppParts
from receiver.web.audit_trail import audited
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import allow
from receiver.web.console.forms.form_values import Fields
from receiver.web.http.error_responses import Refusal

ACTIONS = {"erase": "subscriber_delete", "stop": "subscriber_stop"}
"""By the field that a form has: what the audit log calls it."""
COLUMNS = ("email", "state", "components", "language", "confirmed_at")
_FORMULA = ("=", "+", "-", "@")


async def export_subscribers(parts: AppParts, request: web.Request, visitor: SignedInPerson) -> web.Response:
    """Return all subscribers as CSV; the request is audited. Raises Refusal (403) and StoreAway."""
    allow(visitor.caller, Scope.ADMIN)
    with audited(parts, request, visitor.caller, "subscribers_export"):
        found = {one.id: one async for page in parts.subscriptions.subscribers.each() for one in page}
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for one in sorted(found.values(), key=lambda one: one.address):
        # A spreadsheet would compute an address such as =1+1@example.com.
        address = f"'{one.address}" if one.address.startswith(_FORMULA) else one.address
        table.writerow(
            (address, one.state, " ".join(one.components) or "all", one.language, rfc3339(one.confirmed_at))
        )  # fmt: skip
    headers = {"Content-Disposition": 'attachment; filename="status-subscribers.csv"', "Cache-Control": "no-store"}
    return web.Response(text=out.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


async def take_subscriber(parts: AppParts, request: web.Request, visitor: SignedInPerson, fields: Fields) -> str | None:
    """Delete a subscriber or stop mail to one; return the key of the confirmation, None for another form.

    Raises Refusal and StoreAway.
    """
    verb = next((name for name in ACTIONS if fields.get(name)), None)
    if verb is None:
        return None
    allow(visitor.caller, Scope.ADMIN)
    with audited(parts, request, visitor.caller, ACTIONS[verb]):
        number = (await parts.subscriptions.links()).id_of(fields.get("email", ""))
        one = await parts.subscriptions.subscribers.get(number)
        if one is None:
            raise Refusal(404, "unknown", "this address is not subscribed; check its spelling")
        if verb == "erase":
            await parts.subscriptions.erase(number)
        else:
            await parts.subscriptions.stop(one)
    return f"subscriber-{verb}"
