"""How the service starts; if it cannot, it soon exits with code 1 and one line, and leaves nothing running."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.terminal import Terminal
from tests.faults.programs import free_port
from tests.store.servers import Server, ended

pytestmark = pytest.mark.e2e
RECEIVER = [sys.executable, "-c", "import sys; sys.argv[0] = 'receiver'; from receiver.cli import main; main()"]
SOON = 5.0
"""Seconds."""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "RECEIVER_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(Path(__file__).parents[2]), **more}


@pytest.mark.parametrize(
    ("data", "port", "said"),
    [
        ("data", "{taken}", "cannot listen on 127.0.0.1:{taken}: the port is in use"),
        ("/proc/receiver", "0", "cannot be used"),
    ],
)
def test_what_is_wrong_is_one_line_and_soon(tmp_path: Path, taken: int, data: str, port: str, said: str) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*RECEIVER, "serve", "--listen", f"127.0.0.1:{port.format(taken=taken)}"], cwd=tmp_path, capture_output=True,
        text=True, timeout=30, check=False, env=environment(tmp_path, RECEIVER_DATA_DIR=data),
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # It waits for nothing, so the time is CPU time, which hardly depends on the load of the machine.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SOON
    assert done.returncode == 1, done
    (line,) = (done.stdout + done.stderr).splitlines()
    assert said.format(taken=taken) in line
    assert not (tmp_path / "data").exists(), "a port in use is reported before the data folder is touched"


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("redis6", (), "Redis 6.2.5 is too old: Redis 7.0 or later, or Valkey, is needed"),
        ("valkey", ("--cluster-enabled", "yes"), "write redis+cluster://127.0.0.1:"),
    ],
)
async def test_a_server_that_cannot_be_the_store_is_one_line(
    tmp_path: Path, name: str, words: tuple[str, ...], said: str
) -> None:
    server = Server(tmp_path / "server", name, words)
    with ended(server):
        await server.start()
        command = [*RECEIVER, "serve", "--redis", server.url, "--listen", "127.0.0.1:0"]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
            env=environment(tmp_path),
        )  # fmt: skip
    assert done.returncode == 1, done
    (line,) = (done.stdout + done.stderr).splitlines()
    assert "startup_failed" in line
    assert said in line


def test_the_first_start_and_a_page_in_a_terminal(tmp_path: Path) -> None:
    port = free_port()
    env = environment(tmp_path, TERM="xterm", COLUMNS="100")
    terminal = Terminal([*RECEIVER, "serve", "--listen", f"127.0.0.1:{port}"], env, tmp_path)
    try:
        assert terminal.shows("has started")
        assert terminal.shows(f"http://127.0.0.1:{port}/")
        assert terminal.shows("this terminal only, which notifies no one (receiver init sets up a pager)")
        assert terminal.shows(f"- url: http://127.0.0.1:{port}/webhooks/alertmanager")
        url = f"http://127.0.0.1:{port}"
        subprocess.run(
            [*RECEIVER, "send-alert", "--alertname", "ApiDown", "--url", url], env=env, check=True, timeout=60
        )
        assert terminal.shows("PAGE")
        assert terminal.shows("ApiDown")
        assert terminal.shows(f"--url {url}")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(20) == 0
    finally:
        terminal.close()


def test_a_start_with_the_configuration_of_init_does_not_suggest_to_write_another(tmp_path: Path) -> None:
    env = environment(tmp_path, TERM="xterm", COLUMNS="100")
    subprocess.run(
        [*RECEIVER, "init", "--no-test"], cwd=tmp_path, env=env, input="\n" * 5, text=True, check=True, timeout=60
    )
    arguments = ["serve", "--config", "receiver.yaml", "--listen", f"127.0.0.1:{free_port()}"]
    terminal = Terminal([*RECEIVER, *arguments], env, tmp_path)
    try:
        assert terminal.shows("this terminal only, which notifies no one (to add a pager: docs/channels.md)")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(20) == 0
    finally:
        terminal.close()


def test_a_service_that_is_told_to_end_while_it_starts_ends(tmp_path: Path) -> None:
    # The store accepts no connections for as long as the service waits for it.
    with socket.create_server(("127.0.0.1", 0)) as store:
        url = f"redis://127.0.0.1:{store.getsockname()[1]}"
        process = subprocess.Popen(
            [*RECEIVER, "serve", "--redis", url, "--listen", "127.0.0.1:0"], cwd=tmp_path, env=environment(tmp_path),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        store.settimeout(30)
        caller, _ = store.accept()
        with caller:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "Traceback" not in said
