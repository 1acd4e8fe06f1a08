"""The public status page as an Atom feed (RFC 4287) and as RSS 2.0. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import NamedTuple

from receiver.model.base import rfc3339
from receiver.model.delivery.public_incident import PublicIncident, PublicPage
from receiver.web.json.statuspage_json import FIRST, incident_url

UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 does not allow: surrogates, and control characters except tabs and line ends."""


class _Entry(NamedTuple):
    id: str
    title: str
    published: datetime
    updated: datetime
    link: str
    text: str


def atom(page: PublicPage, incidents: Sequence[PublicIncident], root: str = "") -> str:
    """Return the feed, with ids that never change and updates as text, newest first.

    `root`: the path prefix that browsers see, if the page's own address is unknown.
    """
    here, found = page.url or f"{root}/status", _entries(page, incidents, root)
    newest = max((one.updated for one in found), default=FIRST)
    entries = "".join(
        f"<entry><id>urn:receiver:{one.id}</id><title>{_xml(one.title)}</title>"
        f"<published>{rfc3339(one.published)}</published><updated>{rfc3339(one.updated)}</updated>"
        f'<link rel="alternate" type="text/html" href="{_xml(one.link)}"/>'
        f'<content type="text">{_xml(one.text)}</content></entry>'
        for one in found
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>urn:receiver:{_id(page)}</id><title>{_xml(page.title)}</title>"
        f"<updated>{rfc3339(newest)}</updated><author><name>{_xml(page.name)}</name></author>"
        f'<link rel="alternate" type="text/html" href="{_xml(here)}"/>'
        f'<link rel="self" type="application/atom+xml" href="{_xml(here)}/feed.atom"/>{entries}</feed>\n'
    )


def rss(page: PublicPage, incidents: Sequence[PublicIncident], root: str = "") -> str:
    """Return the same as RSS 2.0; `root` as for `atom`."""
    here = page.url or f"{root}/status"
    found = _entries(page, incidents, root)
    newest = max((one.updated for one in found), default=FIRST)
    items = "".join(
        f"<item><title>{_xml(one.title)}</title><link>{_xml(one.link)}</link>"
        f'<guid isPermaLink="false">urn:receiver:{one.id}</guid><pubDate>{format_datetime(one.updated)}</pubDate>'
        f"<description>{_xml(escape(UNWRITABLE.sub('', one.text)).replace(chr(10), '<br/>'))}</description></item>"
        for one in found
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>'
        f"<title>{_xml(page.title)}</title><link>{_xml(here)}</link><description>{_xml(page.summary)}</description>"
        f'<atom:link rel="self" type="application/rss+xml" href="{_xml(here)}/feed.rss"/>'
        f"<lastBuildDate>{format_datetime(newest)}</lastBuildDate>{items}</channel></rss>\n"
    )


def _entries(page: PublicPage, incidents: Sequence[PublicIncident], root: str) -> list[_Entry]:
    here = page.url or f"{root}/status"
    found = [
        _Entry(one.id, one.title, one.opened_at, one.updated_at, incident_url(here, one.id), _told(one))
        for one in incidents
    ]
    found += [_Entry(one.id, one.title, one.at, one.at, here, one.text) for one in page.announcements]
    return sorted(found, key=lambda one: (one.published, one.id), reverse=True)


def _told(one: PublicIncident) -> str:
    return "\n".join(f"{rfc3339(update.at)} {update.progress}: {update.text}" for update in one.updates)


def _id(page: PublicPage) -> str:
    return hashlib.sha256(page.name.encode()).hexdigest()[:12]


def _xml(text: str) -> str:
    return escape(UNWRITABLE.sub("", text), quote=True)
