"""A store with TLS, a private authority and client certificates, configured by settings and by the address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.active_config_builder import store_endpoint
from receiver.config import load_text
from receiver.model.base import to_ms
from receiver.store.client.connection import Connection
from receiver.store.client.store_errors import StoreAway
from tests.config.sample import SMALL
from tests.faults.waiting import until
from tests.incident.fixtures import NOW
from tests.store.clusters import Cluster
from tests.store.fixtures import Rooms, grown, owing
from tests.store.servers import DURABLE, Server, certificates, ended

FILES = {"ca_file": "ca", "cert_file": "client", "key_file": "client.key"}


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that requires TLS and a client certificate; its files are in `tmp_path`."""
    made = certificates(tmp_path)
    server = Server(
        tmp_path / "server",
        "redis7",
        (
            *DURABLE, "--tls-cert-file", str(made["server"]), "--tls-key-file", str(made["server.key"]),
            "--tls-ca-cert-file", str(made["ca"]), "--tls-auth-clients", "yes", "--user", "default", "off",
            "--user", "receiver", "on", ">p:w", "~*", "+@all",
        ),
    )  # fmt: skip
    server.command[server.command.index("--port")] = "--tls-port"
    server.command += ["--port", "0", "--bind", "127.0.0.1", "127.0.0.2"]
    with ended(server):
        await server.start()
        yield server


async def looked(base: Path, url: str, files: dict[str, str]) -> str:
    """Return the store level that a configuration with these settings detects."""
    named = "".join(f", {name}: {path}" for name, path in files.items())
    config = load_text(f"{SMALL}\nredis: {{url: '{url}'{named}}}\n", "r.yaml", {}, base)
    where = store_endpoint(config)
    assert where is not None
    connection = Connection(where, "test")
    try:
        return await connection.server.inspect()
    finally:
        await connection.close()


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
async def test_the_files_of_the_settings_are_used(secured: Server, tmp_path: Path, scheme: str) -> None:
    files = {name: f"{file}.pem" for name, file in FILES.items()}
    url = f"{scheme}://receiver:p%3Aw@127.0.0.1:{secured.port}/0"
    assert await looked(tmp_path, url, files) == "fsync"
    with pytest.raises(StoreAway):
        await looked(tmp_path, url, {"ca_file": "ca.pem"})
    with pytest.raises(StoreAway, match=r"(?i)certificate"):
        await looked(tmp_path, url, {})


async def test_files_in_the_address_still_are(secured: Server, tmp_path: Path) -> None:
    files = f"ssl_ca_certs={tmp_path}/ca.pem&ssl_certfile={tmp_path}/client.pem&ssl_keyfile={tmp_path}/client.key.pem"
    url = f"rediss://receiver:p%3Aw@localhost:{secured.port}/0?{files}"
    assert await looked(tmp_path, url, {}) == "fsync"


async def test_a_server_of_another_name_is_not_believed(secured: Server, tmp_path: Path) -> None:
    files = {name: f"{file}.pem" for name, file in FILES.items()}
    with pytest.raises(StoreAway, match=r"(?i)certificate"):
        await looked(tmp_path, f"rediss://receiver:p%3Aw@127.0.0.2:{secured.port}/0", files)


async def test_a_cluster_over_tls_is_found_and_followed(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster", "redis7", namespace="test", tls=certificates(tmp_path))
    with ended(*cluster.nodes):
        await cluster.start()
        with pytest.raises(StoreAway, match=r"(?i)certificate"):
            await looked(tmp_path, cluster.address, {})
        with pytest.raises(StoreAway):
            await looked(tmp_path, cluster.address.replace("rediss", "redis"), {})
        rooms = Rooms(cluster.url)
        files = f"\nredis: {{url: '{cluster.address}', ca_file: ca.pem}}\n"
        where = store_endpoint(load_text(SMALL + files, "r.yaml", {}, tmp_path))
        assert where is not None
        rooms.connection = Connection(where, "test")
        rooms.incidents.connection = rooms.due.connection = rooms.connection
        try:
            assert await rooms.connection.server.inspect() == "fsync"
            done = await rooms.owed(owing())
            assert done.incident is not None
            before = cluster.owner
            await cluster.fail_over()

            async def written() -> bool:
                try:
                    return (await rooms.commit(grown(done.incident), to_ms(NOW))).incident is not None
                except StoreAway:
                    return False

            await until(written, "a commit at the new primary", 5)
            assert rooms.connection.locator is not None
            assert rooms.connection.locator.where == ("127.0.0.1", cluster.owner.port) != ("127.0.0.1", before.port)
        finally:
            await rooms.close()
