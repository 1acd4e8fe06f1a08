"""The address of a store (`redis.url`): one server, or Sentinels or a cluster that locate the server."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

FORMS = (
    "embedded",
    "redis://HOST:6379/0",
    "rediss://HOST:6379/0",
    "unix:///PATH",
    "redis+sentinel://HOST:26379,HOST:26379/PRIMARY",
    "redis+cluster://HOST:6379,HOST:6379",
)
"""The forms of an address; `rediss` for TLS, and `valkey` and `valkeys` for `redis` and `rediss`."""
PORT = 6379
SENTINEL_PORT = 26379
HIGHEST_PORT = 65_535
_SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}

Node = tuple[str, int]
"""Host and port."""


class StoreKind(StrEnum):
    """How the server is located."""

    SERVER = "server"
    SOCKET = "socket"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True)
class StoreAddress:
    """A parsed address."""

    kind: StoreKind
    tls: bool
    nodes: tuple[Node, ...]
    """The server, or the Sentinels or cluster nodes that are queried first."""
    primary: str
    """The name of the primary at the Sentinels."""
    url: str
    """The address for a client of one server: scheme, user, password, database and options. Secret."""
    user: str
    """User and password as in the address, with the `@`; secret."""

    @property
    def shown(self) -> str:
        """The address without user, password and options, for people."""
        if self.kind is StoreKind.SOCKET:
            return self.url.partition("?")[0].replace(self.user, "", 1) if self.user else self.url.partition("?")[0]
        scheme = "rediss" if self.tls else "redis"
        if self.kind is StoreKind.SERVER:
            return f"{scheme}://{_joined(self.nodes)}{urlsplit(self.url).path}".rstrip("/")
        return f"{scheme}+{self.kind}://{_joined(self.nodes)}{f'/{self.primary}' if self.primary else ''}"


def parse_store_address(text: str) -> StoreAddress:
    """Parse the address `text`, which is not `embedded`.

    Raises ValueError without the text, which may contain a password.
    """
    scheme, colon, rest = text.partition("://")
    base, plus, ending = scheme.partition("+")
    try:
        kind = StoreKind(ending) if plus else StoreKind.SOCKET if scheme == "unix" else StoreKind.SERVER
    except ValueError:
        raise _no_address() from None
    if not colon or any(character.isspace() for character in text):
        raise _no_address()
    if kind is StoreKind.SOCKET and not plus:
        return _socket(text)
    if base not in _SCHEMES or (plus and ending not in ("sentinel", "cluster")):
        raise _no_address()
    return _network(kind, _SCHEMES[base], rest)


def _no_address() -> ValueError:
    return ValueError(f"not a store address (write one of {', '.join(FORMS)})")


def _socket(text: str) -> StoreAddress:
    parts = urlsplit(text)
    if not parts.path.strip("/"):
        raise _no_address()
    user, at, _ = parts.netloc.rpartition("@")
    return StoreAddress(StoreKind.SOCKET, False, (), "", text, f"{user}{at}")


def _network(kind: StoreKind, scheme: str, rest: str) -> StoreAddress:
    parts = urlsplit(f"//{rest}")
    user, at, hosts = parts.netloc.rpartition("@")
    nodes = tuple(_node(host, SENTINEL_PORT if kind is StoreKind.SENTINEL else PORT) for host in hosts.split(","))
    path = unquote(parts.path).strip("/")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    database = _database(options.pop("db", None) if kind is StoreKind.SENTINEL else options.get("db"))
    if kind is StoreKind.SENTINEL:
        if not path:
            raise ValueError(
                "the name of the primary is missing, as configured at the Sentinels "
                "(write redis+sentinel://HOST:26379,HOST:26379/PRIMARY)"
            )
        primary, path = path, database
    else:
        primary, path = "", _database(path)
        if len(nodes) > 1 and kind is StoreKind.SERVER:
            raise ValueError("several hosts (write redis+sentinel:// or redis+cluster://, which says what they are)")
        if kind is StoreKind.CLUSTER and {path, database} - {"", "0"}:
            raise ValueError("a cluster is used with database 0 only (write redis+cluster://HOST:6379,HOST:6379)")
    query = urlencode(options)
    url = f"{scheme}://{user}{at}{_joined(nodes[:1])}/{path}{f'?{query}' if query else ''}"
    return StoreAddress(kind, scheme == "rediss", nodes, primary, url, f"{user}{at}")


def _node(text: str, port: int) -> Node:
    try:
        parts = urlsplit(f"//{text}")
        host, given = parts.hostname, parts.port
    except ValueError:
        raise _no_address() from None
    if not host or given == 0:
        raise _no_address()
    return unquote(host), given or port


def _database(text: str | None) -> str:
    if text and not (text.isascii() and text.isdigit()):
        raise ValueError("the database is not a number (write redis://HOST:6379/0)")
    return text or ""


def _joined(nodes: tuple[Node, ...]) -> str:
    return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in nodes)
