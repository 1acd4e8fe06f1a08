"""What the configuration must say so that pages reach phones, and answers come back."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from receiver.channels.base import is_set
from receiver.channels.ntfy import Answers, NtfySettings
from receiver.config.draft import Draft
from receiver.config.problems import Path, Problem

PUBLIC_SERVER = "ntfy.sh"
"""A server where anybody may read and write a topic whose name they know."""


def problems(draft: Draft) -> Iterator[Problem]:
    """Yield what is wrong about channels that lead to phones."""
    for name, settings in draft.sections.channels.items():
        if isinstance(settings, NtfySettings):
            yield from _ntfy(draft, name, settings)


def _ntfy(draft: Draft, name: str, settings: NtfySettings) -> Iterator[Problem]:
    path: Path = ("channels", name)
    host = urlsplit(settings.url).hostname or ""
    foreign = host == PUBLIC_SERVER or host.endswith(f".{PUBLIC_SERVER}")
    if foreign and not is_set(settings.token) and not settings.shared:
        said = f"anybody who knows a topic of {host} reads it and answers"
        hint = "reserve the topics and write token: TOKEN, or shared: true for short messages without buttons"
        yield draft.document.problem((*path, "url"), said, hint)
    if settings.answers is Answers.HOOK and not settings.shared and not draft.sections.service.public_url:
        hint = "write service: {public_url: https://...}, or answers: subscribe"
        yield draft.document.problem((*path, "answers"), "phones do not know this service's address", hint)
