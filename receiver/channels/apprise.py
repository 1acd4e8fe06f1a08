"""All services that Apprise supports: Teams, Mattermost, Telegram, and a hundred more, through the library.

These services have neither edits nor threads: they get only important events, as plain text in which untrusted text is
inert. The library reports whether a service accepted a message, but not why it did not.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator

from receiver.channels.base import Channel, ChannelSettings, DeliveryError, is_set
from receiver.channels.safe_text import HIDDEN, clean, cut, labels_text
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.incident.event import Event, Kind

MATTERS = frozenset(
    {
        Kind.OPENED, Kind.SEVERITY_RAISED, Kind.SEVERITY_SET, Kind.REOPENED, Kind.MONITORING, Kind.RESOLVED,
        Kind.STATUS_UPDATE, Kind.STATUS_APPROVED, Kind.SECOND_ROAD, Kind.PAGE_FAILED, Kind.STORM_ENDED,
    }
)  # fmt: skip
TITLE_LIMIT = 200
BODY_LIMIT = 1500
"""Maximum number of characters: the smallest limit of the chats is 2,000."""
DONE = "done"
"""Key in the memory of a receipt: the last event sent to each address, by a hash of the address."""

_THREADS = ThreadPoolExecutor(32, thread_name_prefix="apprise")
"""Threads only for the library: a service that hangs blocks a thread, and the common threads are for pages."""

# Characters of Markdown and HTML are replaced by similar ones; mentions and links get a character that breaks them.
_DEAD = str.maketrans(
    {"*": "\u2217", "`": "'", "~": "\u223c", "[": "(", "]": ")", "<": "\u2039", ">": "\u203a", "|": "\u00a6"}
)


class AppriseSettings(ChannelSettings):
    """A list of Apprise addresses. Each address is secret, because it contains credentials."""

    kind: Literal["apprise"] = "apprise"
    urls: tuple[SecretStr, ...] = Field((), description="Apprise URLs, one per destination; none: off.")

    @field_validator("urls")
    @classmethod
    def _known(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for number, url in enumerate(value, 1):
            if is_set(url) and _service(url.get_secret_value()) is None:
                raise ValueError(
                    f"address {number} is not one that Apprise supports (expected one such as mmosts://host/token)"
                )
        return value


class Apprise(Channel[AppriseSettings]):
    """Hands messages to Apprise."""

    kind: ClassVar[str] = "apprise"
    Settings: ClassVar[type[ChannelSettings]] = AppriseSettings
    informs: ClassVar[bool] = True

    def missing(self) -> str | None:
        """Return a reason if `urls` is empty, else None."""
        return None if self._urls() else "urls is empty"

    def address(self) -> str:
        """Return its name: the addresses are secrets."""
        return self.name

    def secrets(self, notice: Notice) -> tuple[str, ...]:
        """Return every address, and every longer part of it."""
        parts = [part for url in self._urls() for part in (url, *re.split(r"[/?&=#:@]+", url)[1:])]
        return (*super().secrets(notice), *(part for part in parts if len(part) >= 6))

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the message to each service; only the kind of its address is shown."""
        if not _matters(notice):
            return []
        title, body = message(notice)
        return [
            {"apprise": f"{url.partition('://')[0]}://{HIDDEN}", "title": title, "body": body} for url in self._urls()
        ]

    async def deliver(self, notice: Notice) -> Receipt:
        """Send to every service that has not received it yet; only failed ones are retried."""
        if not _matters(notice):
            return Receipt(nothing=True)
        done = dict(notice.memory.get(DONE, {}))
        last = max((event.seq for event in notice.events), default=1)
        title, body = message(notice)
        keys = {url: hashlib.sha256(url.encode()).hexdigest()[:16] for url in self._urls()}
        owed = [url for url, key in keys.items() if done.get(key, 0) < last or notice.action is not Action.INFORM]
        # All at once, so that one that hangs does not delay the others; the successful ones are recorded.
        limit = self.http.total * 3 / 4
        taken = await asyncio.gather(*(_within(limit, url, title, body) for url in owed))
        done |= {keys[url]: last for url, good in zip(owed, taken, strict=True) if good}
        failed = [url.partition("://")[0] for url, good in zip(owed, taken, strict=True) if not good]
        memory = {DONE: done} if notice.action is Action.INFORM else {}
        if failed:
            detail = f"{len(failed)} of {len(self._urls())} services did not accept it: {', '.join(failed)}"
            error = DeliveryError("server_error", detail, ambiguous=True)
            error.progress = memory
            raise error
        return Receipt(ref=notice.key, memory=memory)

    def _urls(self) -> list[str]:
        return [url.get_secret_value() for url in self.settings.urls if is_set(url)]


def message(notice: Notice) -> tuple[str, str]:
    """Return title and text for `notice`. Pure."""
    incident = notice.incident
    if incident is None:
        return "Message", dead(clean(notice.text, BODY_LIMIT, lines=True))
    head, tail = dead(f"{incident.badge}[{incident.severity.value}] "), dead(f" ({incident.label})")
    # Only the title is shortened, after what makes it harmless: that makes it longer.
    title = head + cut(dead(clean(incident.title, 150)), TITLE_LIMIT - len(head) - len(tail)) + tail
    lines = [f"State: {incident.state.value}", f"Service: {clean(incident.service or 'unknown', 100)}"]
    lines += [clean(event.text, 300) for event in notice.events if event.kind in MATTERS][-5:]
    for one in notice.alerts[:3]:
        lines += [
            f"{clean(one.name, 80)}: {clean(one.summary, 150)}",
            *([clean(one.detail, 200)] if one.detail else []),
        ]
    lines += [f"Labels: {labels_text(incident.labels, 300)}"] if incident.labels else []
    body = cut(dead("\n".join(lines)), BODY_LIMIT - 300)
    # Our own address is the one link that works.
    return title, f"{body}\n{notice.url}" if notice.url else body


def dead(text: str) -> str:
    """Return `text` without formatting, links or mentions in any chat."""
    return text.translate(_DEAD).replace("@", "@\u200b").replace("://", ":\u200b//").replace("www.", "www\u200b.")


def _matters(notice: Notice) -> bool:
    def told(event: Event) -> bool:
        return event.kind in MATTERS

    return notice.action is Action.TELL or any(told(event) for event in notice.events)


def _service(url: str) -> Any:
    import apprise  # noqa: PLC0415  (a sixth of a second that no one without it has to wait)

    # It would write addresses to our log; plugins are not loaded.
    logging.getLogger("apprise").disabled = True
    # A redirect would send the message and its credentials to an address that is not configured.
    asset = apprise.AppriseAsset(plugin_paths=[], http_redirects=False)
    service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if service is not None:
        service.redirects = False
    return service


async def _within(seconds: float, url: str, title: str, body: str) -> bool:
    # The library uses threads; an abandoned one ends by the library's own limits.
    loop = asyncio.get_running_loop()
    try:
        return await asyncio.wait_for(loop.run_in_executor(_THREADS, _notify, url, title, body), seconds)
    except TimeoutError:
        return False


def _notify(url: str, title: str, body: str) -> bool:
    import apprise  # noqa: PLC0415

    service = _service(url)
    if service is None:
        return False
    sender = apprise.Apprise(asset=service.asset)
    sender.add(service)
    return bool(sender.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT, interpret_escapes=False))
