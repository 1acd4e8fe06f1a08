"""Checks whether the service can listen on its addresses, before anything else starts."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Mapping

from receiver.config.settings.addresses import split_listen

MAIN = "main"
STATUS_SETTING = "server.status_page_listen"
OTHER_PORT = "another port: receiver serve --listen 127.0.0.1:8081, or make run LISTEN=127.0.0.1:8081"
RESOLVE_LIMIT = 3.0
"""Seconds to resolve the name in an address to listen on: the system's own limit may be half a minute."""


class CannotListen(Exception):
    """An address cannot be listened on. The message is for a person, on one line."""

    def __init__(self, address: str, why: str) -> None:
        """`why`: the problem and its correction."""
        super().__init__(f"cannot listen on {address}: {why}")


def check_addresses(addresses: Mapping[str, str]) -> None:
    """Return if the service can listen on all `addresses` (`ServerSettings.addresses`). Raises CannotListen."""
    for name, address in addresses.items():
        if name != MAIN and address == addresses.get(MAIN):
            raise CannotListen(address, f"the service itself listens there (write another port for {STATUS_SETTING})")
        check_free(address, OTHER_PORT if name == MAIN else f"another port for {STATUS_SETTING}")


def check_free(address: str, other: str = OTHER_PORT) -> None:
    """Return if the service can listen on `address` (host:port). Raises CannotListen; `other` suggests another one.

    The service listens only once its store is available, which may take a minute; a port in use is reported at once,
    before the data folder is touched.
    """
    host, port = split_listen(address)
    failed: OSError | None = None
    places = _resolved(address, host, port)
    for family, place in places:
        try:
            _try(family, place)
        except OSError as error:
            # A name may have an IPv6 address although this machine has none: one address is enough.
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise CannotListen(address, reason_of(error, other)) from None
            failed = error
            places = [one for one in places if one != (family, place)]
    if failed is not None and not places:
        raise CannotListen(address, reason_of(failed, other))


def reason_of(error: OSError, other: str = OTHER_PORT) -> str:
    """Return a readable reason why listening failed."""
    if error.errno == errno.EADDRINUSE:
        return f"the port is in use (end the program that listens there, or choose {other})"
    if error.errno == errno.EACCES:
        return "this user may not listen on this port (choose one above 1023, such as 127.0.0.1:8080)"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address (write 127.0.0.1, or 0.0.0.0 for all addresses)"
    if isinstance(error, socket.gaierror):
        return "the host name is unknown (write 127.0.0.1, or 0.0.0.0 for all addresses)"
    return os.strerror(error.errno) if error.errno else str(error)


def _try(family: int, place: tuple[str, int]) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as one:
        # Like the server: connections of a previous process that have just ended do not matter.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(place)
        # Linux lets two such sockets bind one port until one of them listens.
        one.listen(1)


def _resolved(address: str, host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    found: list[tuple[int, tuple[str, int]]] = []
    failed: list[OSError] = []

    def resolve() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else socket.gaierror(str(error)))
        else:
            found.extend((int(family), (str(place[0]), port)) for family, _, _, _, place in answers)

    # In a thread, because the resolver cannot be interrupted.
    asking = threading.Thread(target=resolve, daemon=True, name="resolve")
    asking.start()
    asking.join(RESOLVE_LIMIT)
    if failed:
        raise CannotListen(address, reason_of(failed[0]))
    if not found:
        raise CannotListen(address, f"the host name was not resolved within {RESOLVE_LIMIT:g} s")
    return list(dict.fromkeys(found))
