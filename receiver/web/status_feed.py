"""The public status page as an Atom feed. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from html import escape

from receiver.model.base import rfc3339
from receiver.model.delivery.public_incident import PublicIncident, PublicPage
from receiver.web.json.statuspage_json import FIRST, incident_url

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def atom(page: PublicPage, incidents: Sequence[PublicIncident], root: str = "") -> str:
    """Return the feed: ids that never change, updates as text, the newest first (RFC 4287).

    `root`: what browsers see in front of every path, where the page's own address is not known.
    """
    here = page.url or f"{root}/status"
    newest = max((one.updated_at for one in incidents), default=FIRST)
    entries = "".join(
        f"<entry><id>urn:receiver:{one.id}</id><title>{_xml(one.title)}</title>"
        f"<published>{rfc3339(one.opened_at)}</published><updated>{rfc3339(one.updated_at)}</updated>"
        f'<link rel="alternate" type="text/html" href="{_xml(incident_url(here, one.id))}"/>'
        f'<content type="text">{_xml(_told(one))}</content></entry>'
        for one in incidents
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>urn:receiver:{hashlib.sha256(page.name.encode()).hexdigest()[:12]}</id><title>{_xml(page.title)}</title>"
        f"<updated>{rfc3339(newest)}</updated><author><name>{_xml(page.name)}</name></author>"
        f'<link rel="alternate" type="text/html" href="{_xml(here)}"/>'
        f'<link rel="self" type="application/atom+xml" href="{_xml(here)}/feed.atom"/>{entries}</feed>\n'
    )


def _told(one: PublicIncident) -> str:
    return "\n".join(f"{rfc3339(update.at)} {update.progress}: {update.text}" for update in one.updates)


def _xml(text: str) -> str:
    # XML 1.0 knows no control characters but tab and line ends, and no surrogates.
    return escape(_UNWRITABLE.sub("", text), quote=True)
