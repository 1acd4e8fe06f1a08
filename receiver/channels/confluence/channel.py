"""Confluence: documents as pages, updated in place, without overwriting changes by people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.atlassian import A_SECOND, Gone
from receiver.channels.base import BaseUrl, Channel, ChannelSettings, DeliveryError, Http, is_set
from receiver.channels.confluence.api import ConfluenceApi, Page
from receiver.channels.confluence.storage_format import TITLE_LIMIT, storage, title_of
from receiver.channels.safe_text import cut
from receiver.model.delivery.notice import Action, Document, Notice, Receipt
from receiver.model.delivery.vendor_quota import Quota
from receiver.model.incident.runbook import Runbook

WROTE = "receiver"
"""Prefix of the comment on a version of ours; a digest follows."""
_OURS = re.compile(rf"{WROTE} [0-9a-f]{{16}}")
TITLES = 5
"""Number of titles to try if other pages have the first ones."""


class ConfluenceSettings(ChannelSettings):
    """A space for post-mortems and reviews."""

    kind: Literal["confluence"] = "confluence"
    flavor: Literal["cloud", "server"] = Field("cloud", description="`cloud`: API v2; `server`: Data Center, API v1.")
    api_url: BaseUrl = Field(
        "", description="Base address including `/wiki` on cloud, without its version path; empty: off."
    )
    space: str = Field("", description="Key of the space, such as `OPS`; empty: off.")
    parent: str = Field("", description="Id of the parent of new pages; empty: the space's root.")
    user: str = Field("", description="Email address of the account (cloud only); if it is empty on the cloud: off.")
    token: SecretStr = Field(
        SecretStr(""), description="API token (cloud) or personal access token (server); empty: off."
    )


class Confluence(Channel[ConfluenceSettings]):
    """Keeps one page per document.

    The memory of its receipts: `pages`, by the document's key: `id`, `version` (the last written number), `wrote`
    (the digest of its text) and `url`; `gone` if someone deleted it, `edited` once people have edited it.
    """

    kind: ClassVar[str] = "confluence"
    Settings: ClassVar[type[ChannelSettings]] = ConfluenceSettings
    documents: ClassVar[bool] = True
    edits: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True

    def __init__(self, name: str, settings: ConfluenceSettings, http: Http) -> None:
        """Create it without the id of any space."""
        super().__init__(name, settings, http)
        cloud, token = settings.flavor == "cloud", settings.token.get_secret_value()
        self._api = ConfluenceApi(settings.api_url, cloud, settings.user, token, http)

    def missing(self) -> str | None:
        """Return which of `api_url`, `space`, `user` (cloud) and `token` is empty, else None."""
        wanted = {"api_url": self.settings.api_url, "space": self.settings.space.strip()}
        wanted |= {"user": self.settings.user.strip()} if self._api.cloud else {}
        empty = next((name for name, value in wanted.items() if not value), None)
        if empty is None and not is_set(self.settings.token):
            empty = "token"
        return f"{empty} is empty" if empty else None

    def address(self) -> str:
        """Return the key of the space."""
        return self.settings.space

    def secrets(self, notice: Notice) -> tuple[str, ...]:
        """Return the token, and the form in which it is sent."""
        return (*super().secrets(notice), *self._api.site.secrets)

    def quotas(self, notice: Notice) -> tuple[Quota, ...]:
        """Return our own limit of pages per second at the site."""
        return (Quota(name="site", **A_SECOND),)

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the page that would be created, or its next version; the id of the space is queried first."""
        document = notice.document
        if document is None or notice.action is not Action.DOCUMENT:
            return []
        title, value = title_of(document.title, document.key), _value(document)
        known = _known(notice, document)
        if known is None:
            place = f"(id of {notice.address})" if self._api.cloud else notice.address
            fresh = self._api.fresh(place, title, value, self.settings.parent)
            return [self._api.site.shown("POST", self._api.pages, fresh)]
        changed = self._api.changed(known["id"], title, value, known["version"] + 1, _message(value))
        return [self._api.site.shown("PUT", f"{self._api.pages}/{known['id']}", changed)]

    async def deliver(self, notice: Notice) -> Receipt:
        """Create the page, or write its next version. Raises DeliveryError."""
        document = notice.document
        if document is None or notice.action is not Action.DOCUMENT:
            raise DeliveryError("refused", "Confluence accepts only documents", permanent=True)
        known = _known(notice, document)
        if known is not None and known.get("gone"):
            return Receipt(ref=known["id"], warning=f"confluence: page {known['id']} is gone")
        if known is not None:
            return await self._again(notice, document, known)
        return await self._first(notice, document)

    async def probe(self, notice: Notice) -> Receipt:
        """Query a page that does not exist."""
        await self._api.find(self.settings.space, f"{WROTE}: a test creates no page", notice.now)
        return Receipt(ref=self.settings.space)

    async def guides(self, label: str, now: datetime) -> Sequence[Runbook]:
        """Return the newest hundred pages of the space with that label, and their other labels."""
        return await self._api.labelled(self.settings.space, label, now)

    async def _first(self, notice: Notice, document: Document) -> Receipt:
        value, mark = _value(document), _mark(document)
        for number in range(1, TITLES + 1):
            title = _numbered(title_of(document.title, document.key), number)
            found = await self._api.find(notice.address, title, notice.now) if notice.repeat else None
            if found is None:
                made = await self._api.create(notice.address, title, value, self.settings.parent, notice.now)
                if made is not None:
                    return _receipt(notice, document, made, value, title)
                found = await self._api.find(notice.address, title, notice.now)
            if found is not None and mark in found.text:
                return await self._over(notice, document, found, title)
        detail = f"other pages have the title {title_of(document.title, document.key)!r}, with and without a number"
        raise DeliveryError("client_error", detail, permanent=True)

    async def _again(self, notice: Notice, document: Document, known: dict[str, Any]) -> Receipt:
        value = _value(document)
        if known.get("wrote") == _digest(value):
            return Receipt(ref=known["id"])
        title = str(known.get("title") or title_of(document.title, document.key))
        try:
            page = await self._current(known["id"], notice.now)
            # After a change by a person, the newest version stays theirs.
            if page.number == known["version"] and not known.get("edited"):
                written = await self._api.update(page.id, title, value, page.number + 1, _message(value), notice.now)
                if written is not None:
                    return _receipt(notice, document, written, value, title)
                page = await self._current(known["id"], notice.now)
            return await self._over(notice, document, page, title)
        except Gone:
            # A person deleted it; it is not created again.
            pages = {**notice.memory.get("pages", {}), document.key: {**known, "gone": True}}
            warning = f"confluence: page {known['id']} is gone"
            return Receipt(ref=known["id"], memory={"pages": pages}, warning=warning)

    async def _current(self, page: str, now: datetime) -> Page:
        # A page in the trash can be read by its id, and is restored if it is written.
        found = await self._api.page(page, now)
        if not found.current:
            raise Gone("client_error", f"page {page} is in the trash", permanent=True)
        return found

    async def _over(self, notice: Notice, document: Document, page: Page, title: str) -> Receipt:
        # The current page: our previous version, already our new version, or edited by people since.
        value = _value(document)
        if page.message == _message(value):
            return _receipt(notice, document, page, value, title)
        if _OURS.fullmatch(page.message) or (page.number == 1 and _mark(document) in page.text):
            written = await self._api.update(page.id, title, value, page.number + 1, _message(value), notice.now)
            if written is None:
                raise DeliveryError("client_error", "someone is editing this page right now")
            return _receipt(notice, document, written, value, title)
        if _message(value) not in await self._api.comments(page.id, notice.now):
            said = "<p>A newer version of this document exists; it did not overwrite people's changes.</p>"
            await self._api.comment(page.id, f"{said}{value}<p>{_message(value)}</p>", notice.now)
        receipt = _receipt(notice, document, page, value, title, edited=True)
        return receipt.model_copy(update={"warning": f"confluence: people edited page {page.id}: added as a comment"})


def _value(document: Document) -> str:
    return f"{storage(document.markdown)}<p><em>Kept up to date by receiver: {_mark(document)}</em></p>"


def _mark(document: Document) -> str:
    return f"{WROTE}-{hashlib.sha256(document.key.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:16]


def _message(value: str) -> str:
    return f"{WROTE} {_digest(value)}"


def _numbered(title: str, number: int) -> str:
    return title if number == 1 else f"{cut(title, TITLE_LIMIT - 4)} ({number})"


def _known(notice: Notice, document: Document) -> dict[str, Any] | None:
    pages = notice.memory.get("pages")
    known = pages.get(document.key) if isinstance(pages, dict) else None
    return known if isinstance(known, dict) and known.get("id") and known.get("version") else None


def _receipt(
    notice: Notice, document: Document, page: Page, value: str, title: str, *, edited: bool = False
) -> Receipt:
    known = {"id": page.id, "version": page.number, "wrote": _digest(value), "url": page.url, "title": title}
    known |= {"edited": True} if edited else {}
    pages = {**notice.memory.get("pages", {}), document.key: known}
    return Receipt(ref=page.id, memory={"pages": pages})
