"""Requests that the HTTP parser rejects: a limited number of log lines, without the contents of the requests."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import orjson
import structlog

from receiver.metrics import Metrics
from receiver.web.http.error_responses import BARE

WINDOW = 60.0
"""Seconds."""
LINES = 10
"""Maximum number of log lines within `WINDOW`; further rejections are counted, and one more line has the count."""
TOO_LONG = "too_long"
REASONS = {
    "BadHttpMethod": "bad_request_line",
    "BadStatusLine": "bad_request_line",
    "InvalidURLError": "bad_request_line",
    "LineTooLong": TOO_LONG,
    "InvalidHeader": "bad_header",
    "ContentLengthError": "bad_length",
    "TransferEncodingError": "bad_length",
}
"""The reason for each exception of the parser."""
OTHER = "bad_request"
DETAILS = {
    "bad_request_line": "the request line is not valid HTTP/1.1",
    TOO_LONG: "the request line, a header or the headers together are too long",
    "bad_header": "a header is not valid HTTP/1.1: a value may not contain control characters or line breaks",
    "bad_length": "the headers do not give the length of the body",
    OTHER: "not a valid HTTP/1.1 request; a control character or a line break in a header is one cause",
}

log = structlog.get_logger("receiver.web")


class Rejections:
    """Counts rejections, and logs them within limits."""

    def __init__(self, metrics: Metrics) -> None:
        """Create it without rejections."""
        self.metrics = metrics
        self._lines = 0
        self._suppressed = 0
        self._window: asyncio.TimerHandle | None = None

    def note(self, reason: str, peer: str) -> None:
        """Count a rejection, and log it if the window has lines left. Called from the loop."""
        self.metrics.rejected.labels(reason).inc()
        if self._window is None:
            self._window = asyncio.get_running_loop().call_later(WINDOW, self._end_window)
        if self._lines < LINES:
            self._lines += 1
            log.warning("request_rejected", reason=reason, peer=peer)
        else:
            self._suppressed += 1

    def _end_window(self) -> None:
        if self._suppressed:
            log.warning("request_rejected", reason="suppressed", count=self._suppressed)
        self._window, self._lines, self._suppressed = None, 0, 0


def answer_to(reason: str, status: int = 400) -> bytes:
    """Return the complete response to a rejected request: a problem document without an echo; then it is closed.

    `status` other than 400: the request itself was valid.
    """
    title = HTTPStatus(status).phrase
    detail = DETAILS[reason] if status == HTTPStatus.BAD_REQUEST else "internal error; see the log"
    body = orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    head = (
        f"HTTP/1.1 {status} {title}\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"Content-Security-Policy: {BARE}\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
