"""Requests from commands to a running service, and their options."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from http.client import HTTPException
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import typer

LIMIT = 10.0
"""Timeout for a response of the service, in seconds."""
UNREACHED = 3
SHORTEST = 3
"""Minimum number of characters of an abbreviated id."""
ELSEWHERE = "is receiver running there? Give its address with --url or RECEIVER_URL"

Url = Annotated[str, typer.Option("--url", envvar="RECEIVER_URL", help="Address of the service.")]
Token = Annotated[
    str, typer.Option("--token", envvar="RECEIVER_TOKEN", help="Token for the service.", show_default=False)
]
AsJson = Annotated[str, typer.Option("--format", help="text or json.")]
HERE = "http://127.0.0.1:8080"


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect, so that a token is only sent to the given address."""


def ask(
    url: str, path: str, token: str, body: Any = None, method: str | None = None, *, absent: bytes | None = None
) -> Any:
    """Return the JSON of the response. Exit code 3 if the service cannot be reached, 1 if it refuses the request.

    `absent`: the response to assume for a service that does not have the path.
    """
    try:
        found = json.loads(fetch(url, path, token, body, method, absent=absent))
    except ValueError:
        typer.echo(f"the response of {url} is not JSON ({ELSEWHERE})", err=True)
        raise typer.Exit(UNREACHED) from None
    if not isinstance(found, dict):
        return found
    answer = _Answer(found)
    answer.url = url
    return answer


def fetch(
    url: str, path: str, token: str, body: Any = None, method: str | None = None, accept: str = "application/json, */*",
    *, absent: bytes | None = None,
) -> bytes:  # fmt: skip
    """Return the raw response; `body` is sent as JSON. Exit code 3 if the service does not answer, 1 if it refuses."""
    if not url.startswith(("http://", "https://")):
        typer.echo(f"{url}: not an http or https URL (write {HERE})", err=True)
        raise typer.Exit(2)
    headers = {"Content-Type": "application/json", "Accept": accept}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = Request(url.rstrip("/") + path, data, headers, method=method)  # noqa: S310  (checked above)
    try:
        with build_opener(_NoRedirect).open(request, timeout=LIMIT) as answer:
            read: bytes = answer.read()
            return read
    except HTTPError as error:
        if absent is not None and error.code == HTTPStatus.NOT_FOUND:
            return absent
        said, ours = _refusal(error, url, token)
        typer.echo(said, err=True)
        # 502 with a problem document: another system refused the request; the service itself was reached.
        no = error.code < HTTPStatus.INTERNAL_SERVER_ERROR or (ours and error.code == HTTPStatus.BAD_GATEWAY)
        raise typer.Exit(1 if no else UNREACHED) from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        typer.echo(
            f"{url} cannot be reached: {reason} (start it with `receiver serve`, or give its address with --url)",
            err=True,
        )
        raise typer.Exit(UNREACHED) from None


def whole_id(url: str, token: str, path: str, text: str) -> str:
    """Return the id among the items of `path` that begins with `text`, or `text` itself if there is not exactly one."""
    ids = {one["id"] for one in ask(url, path, token)["items"] if one["id"]}
    found = [one for one in ids if one.startswith(text)] if len(text) >= SHORTEST else []
    return text if text in ids or len(found) != 1 else str(found[0])


def _refusal(error: HTTPError, url: str, token: str) -> tuple[str, bool]:
    """Return the error message of the response, and whether the response comes from receiver."""
    try:
        detail = json.load(error).get("detail")
    except (OSError, HTTPException, ValueError, AttributeError):
        detail = None
    if not isinstance(detail, str):
        return f"{url} returned {error.code} {plain(str(error.reason))}, which receiver never does ({ELSEWHERE})", False
    hint = _token_hint(token) if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else ""
    return f"{plain(detail)}{hint}", True


def _token_hint(token: str) -> str:
    # The source of the token, in case it is set in two places.
    if not token:
        return " (give one with --token or RECEIVER_TOKEN)"
    if token == os.environ.get("RECEIVER_TOKEN"):
        return " (the token comes from RECEIVER_TOKEN; --token overrides it)"
    return " (the token comes from --token)"


class _Answer(dict[str, Any]):
    """A response of the service; a missing key shows that another program answered."""

    url = ""

    def __missing__(self, key: str) -> Any:
        """End the command."""
        typer.echo(f"the response of {self.url} has no {key}, so it is not from receiver ({ELSEWHERE})", err=True)
        raise typer.Exit(UNREACHED)


def pairs(texts: list[str], what: str) -> dict[str, str]:
    """Return the values of `name=value` texts by name; for another text, end the command with exit code 2."""
    found = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not (name and mark):
            typer.echo(f"{text}: not {what} (write name=value)", err=True)
            raise typer.Exit(2)
        found[name] = value
    return found


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows: as a table on a terminal, and otherwise with tabs between the cells and without a heading."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(plain(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(*columns)
    for row in rows:
        made.add_row(*(Text(plain(cell)) for cell in row))
    Console().print(made)


def plain(text: str) -> str:
    """Return untrusted text without escape sequences that a terminal would execute."""
    return "".join(c if c.isprintable() else " " for c in text)
