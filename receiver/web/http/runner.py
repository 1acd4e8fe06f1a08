"""Runs the HTTP server of an application, with more than one handle of each socket."""

from __future__ import annotations

import os
import socket
from typing import Any

from aiohttp import web

from receiver.web.http.server import HttpServer, Listener
from receiver.web.http.shared_answers import SHARED

ACCEPTS = 4
"""Number of connections that are accepted in one iteration of the loop; each costs a check of every handle."""


class Runner(web.AppRunner):
    """Runs an application behind an HttpServer."""

    def __init__(self, app: web.Application, listener: Listener, **more: Any) -> None:
        """`more` are the arguments of aiohttp's own class."""
        super().__init__(app, **more)
        self._listener = listener

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return HttpServer(made, self._listener, self.app.get(SHARED), **made._kwargs)


def same_sockets(runner: web.AppRunner) -> list[socket.socket]:
    """Return additional handles of the sockets on which `runner` listens.

    libuv accepts one connection per handle in each iteration of the loop. With one handle, a busy loop leaves new
    connections waiting for seconds, including probes of the kubelet.
    """
    sockets = [one for site in runner.sites for one in site._server.sockets]  # type: ignore[union-attr]
    return [socket.socket(fileno=os.dup(one.fileno())) for one in sockets for _ in range(ACCEPTS - 1)]
