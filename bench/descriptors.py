"""The file descriptors of a process by kind: some kinds may grow up to a limit, the others may not grow.

- `store`: connections to the store over a unix socket. Each kind of work opens as many as it needs at once, up to the
limit in receiver/store/client/connection_lanes.py, and keeps them.
- `in`: connections of senders and readers to the service's own port.
- `out`: connections to vendors.
- `other`: files, pipes, listeners, and those of the event loop.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from receiver.store.client.connection_lanes import SIZES

KINDS = ("store", "in", "out", "other")
MOST_TO_STORE = 2 * sum(SIZES.values())
"""Maximum number of connections to the store: twice the slots of each lane (ConnectionLanes)."""
LISTENS, ESTABLISHED = "0A", "01"
"""States of a socket in /proc/net/tcp."""


def descriptors(pid: int, port: int) -> Counter[str]:
    """Return the number of open descriptors of each kind of a process; `port`: the one that it listens on."""
    root = Path(f"/proc/{pid}")
    tcp = {row[9]: _port(row[1]) for row in _rows(pid) if row[3] != LISTENS}
    unix = {line.split()[6] for line in (root / "net" / "unix").read_text().splitlines()[1:]}
    found = Counter(dict.fromkeys(KINDS, 0))
    for entry in (root / "fd").iterdir():
        try:
            kind, _, rest = os.readlink(entry).partition(":[")
        except OSError:  # closed meanwhile
            continue
        inode = rest.rstrip("]")
        if kind == "socket" and inode in tcp:
            found["in" if tcp[inode] == port else "out"] += 1
        else:
            found["store" if kind == "socket" and inode in unix else "other"] += 1
    return found


def held_by_peers(pid: int, port: int) -> int:
    """Return how many connections to `port` peers on this machine have, in the network namespace of the process."""
    return sum(row[3] == ESTABLISHED and _port(row[2]) == port for row in _rows(pid))


def _rows(pid: int) -> list[list[str]]:
    tables = [Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6")]
    return [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
