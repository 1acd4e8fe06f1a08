"""If the service cannot start, it prints one line without secrets and exits with code 1."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from receiver.cli import app
from receiver.web.http import listen_addresses
from receiver.web.http.listen_addresses import CannotListen, check_addresses, check_free

CONFIG = """
channels: {log: {kind: log}}
people: {me: {name: Me, log: me}}
contacts: {on-call: {person: me}}
severities: {SEV-1: {page: [on-call]}, SEV-2: {}, SEV-3: {}, SEV-4: {}}
escalations: {}
auth: {tokens: [{name: a, token: a-token-of-the-tests, scopes: [read]}]}
"""
FILES = {
    "good.yaml": CONFIG,
    "status.yaml": f"{CONFIG}server: {{listen: '127.0.0.1:0', status_page_listen: '${{STATUS}}'}}",
    "rules.yaml": f"{CONFIG}severity_rules: nowhere.yaml",
    "name.yaml": CONFIG.replace("page: [on-call]", "page: [on-cal]"),
    "binary.yaml": "\udcff",
}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        ("--listen 127.0.0.1:{taken}", {}, "cannot listen on 127.0.0.1:{taken}: the port is in use"),
        ("--listen localhost:{taken}", {}, "cannot listen on localhost:{taken}: the port is in use"),
        ("--config good.yaml --listen 0.0.0.0:{taken}", {}, "cannot listen on 0.0.0.0:{taken}: the port is in use"),
        ("--config status.yaml", {"STATUS": "127.0.0.1:{taken}"}, "cannot listen on 127.0.0.1:{taken}"),
        ("--config good.yaml --listen no-such-host.invalid:8080", {}, "no-such-host.invalid:8080: the host name"),
        ("--config good.yaml --listen 192.0.2.1:8080", {}, "this machine has no such address"),
        ("--listen 8080", {}, "--listen: not an address to listen on"),
        ("--listen 0.0.0.0:8080", {}, "--listen: listens on a non-loopback address without any token"),
        ("--redis mysql://user:secret-word@host", {}, "--redis: not a store address"),
        ("--redis redis://user:secret-word@host:x", {}, "--redis: not a store address"),
        ("--redis redis://secret-word@host/notanumber", {}, "--redis: the database is not a number"),
        ("--redis redis+sentinel://", {}, "--redis: not a store address"),
        ("", {"REDIS_URL": "redis+sentinel://secret-word@host"}, "REDIS_URL: the name of the primary is missing"),
        ("--redis=", {}, "--redis: not a store address"),
        ("--config nowhere.yaml", {}, "nowhere.yaml:1:1: the file cannot be read: No such file or directory"),
        ("--config .", {}, "the file cannot be read: Is a directory"),
        ("--config binary.yaml", {}, "the file is not UTF-8 text"),
        ("--config rules.yaml", {}, "severity_rules: the file cannot be read"),
        ("--config name.yaml", {}, "no contact is named 'on-cal'"),
        ("", {"RECEIVER_LOG_LEVEL": "loud"}, "RECEIVER_LOG_LEVEL: loud is not a log level"),
    ],
)
def test_it_is_one_line(
    words: str, env: dict[str, str], said: str, taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    filled = {name: value.format(taken=taken) for name, value in env.items()}
    done = CliRunner().invoke(app, ["serve", *words.format(taken=taken).split()], env=filled)
    assert done.exit_code == 1, done.output
    (line,) = done.output.splitlines()
    assert said.format(taken=taken) in line
    assert "secret-word" not in line


def test_a_port_that_is_free_stays_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    for address in (f"127.0.0.1:{port}", f"localhost:{port}", "127.0.0.1:0", ":0"):
        check_free(address)
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_name_that_is_not_resolved_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(listen_addresses, "RESOLVE_LIMIT", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [] * over.wait(30))
    try:
        with pytest.raises(CannotListen, match="not resolved within"):
            check_free("slow.example:8080")
    finally:
        over.set()


def test_the_address_of_the_status_page_has_a_hint_of_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotListen, match=r"in use .*choose another port for server\.status_page_listen"):
            check_addresses({"main": "127.0.0.1:0", "status": address})
        with pytest.raises(CannotListen, match=r"in use .*receiver serve --listen"):
            check_addresses({"main": address})
    with pytest.raises(CannotListen, match="the service itself listens there"):
        check_addresses({"main": address, "status": address})
    check_addresses({"main": address})
