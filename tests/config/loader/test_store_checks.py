"""The address of the store: each valid form with its meaning, and the errors of invalid ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.config import ConfigError, load_text
from receiver.config.settings.store_settings import Redis
from receiver.model.store_address import StoreKind, parse_store_address
from tests.config.sample import SMALL, problems_of, text_of
from tests.store.servers import certificates

PRIMARY = ("primary", "redis://u:p%40@s1:26379/2")


@pytest.mark.parametrize(
    ("text", "kind", "tls", "nodes", "url"),
    [
        ("redis://h", "server", False, [("h", 6379)], "redis://h:6379/"),
        ("valkey://h:1/3", "server", False, [("h", 1)], "redis://h:1/3"),
        ("valkeys://:p@[::1]/", "server", True, [("::1", 6379)], "rediss://:p@[::1]:6379/"),
        ("unix:///run/s?db=2", "socket", False, [], "unix:///run/s?db=2"),
        ("redis://h?db=4&ssl_ca_certs=/x", "server", False, [("h", 6379)], "redis://h:6379/?db=4&ssl_ca_certs=%2Fx"),
        (
            "redis+sentinel://u:p%40@s1,s2:1/primary?db=2", "sentinel", False, [("s1", 26379), ("s2", 1)],
            "redis://u:p%40@s1:26379/2",
        ),
        ("valkeys+sentinel://s/p", "sentinel", True, [("s", 26379)], "rediss://s:26379/"),
        ("rediss+sentinel://s/p", "sentinel", True, [("s", 26379)], "rediss://s:26379/"),
        ("valkey+sentinel://s/p", "sentinel", False, [("s", 26379)], "redis://s:26379/"),
        ("redis+cluster://n1,n2:7/0", "cluster", False, [("n1", 6379), ("n2", 7)], "redis://n1:6379/0"),
        ("valkeys+cluster://u:p@n1", "cluster", True, [("n1", 6379)], "rediss://u:p@n1:6379/"),
        ("valkey+cluster://n1", "cluster", False, [("n1", 6379)], "redis://n1:6379/"),
    ],
)  # fmt: skip
def test_each_form(text: str, kind: str, tls: bool, nodes: list[tuple[str, int]], url: str) -> None:
    found = parse_store_address(text)
    assert (found.kind, found.tls, list(found.nodes), found.url) == (kind, tls, nodes, url)
    assert (found.primary != "") is (found.kind is StoreKind.SENTINEL)
    assert Redis.model_validate({"url": text}).address == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("redis://h/notanumber", "the database is not a number"),
        ("redis://h?db=x", "the database is not a number"),
        ("redis://h/1/2", "the database is not a number"),
        ("redis://a,b/0", "several hosts (write redis+sentinel:// or redis+cluster://"),
        ("redis+sentinel://s1,s2", "the name of the primary is missing"),
        ("redis+sentinel://s1/p?db=two", "the database is not a number"),
        ("redis+cluster://n1/3", "database 0 only"),
        ("redis+cluster://n1?db=3", "database 0 only"),
        ("redis+sentinel://", "not a store address"),
        ("redis+cluster://", "not a store address"),
        ("redis+socket://x", "not a store address"),
        ("unix+sentinel://s/p", "not a store address"),
        ("unix://", "not a store address"),
        ("redis://h:0", "not a store address"),
        ("redis://h:99999", "not a store address"),
        ("redis://h h", "not a store address"),
        ("", "not a store address"),
    ],
)
def test_what_is_wrong_is_said_without_the_text(text: str, why: str) -> None:
    (problem,) = problems_of(f"{SMALL}redis: {{url: '{text.replace('://', '://user:hunter2@', 1)}'}}")
    assert why in problem
    assert "hunter2" not in problem
    assert "redis.url" in problem


@pytest.mark.parametrize(
    ("text", "shown", "exposed"),
    [
        ("embedded", "embedded", False),
        ("redis://u:p@127.0.0.1/0?password=x", "redis://127.0.0.1:6379/0", False),
        ("valkey://u:p@store", "redis://store:6379", True),
        ("unix://u:p@/run/s?password=x", "unix:///run/s", False),
        ("redis+sentinel://u:p@127.0.0.1,store/p?db=1", "redis+sentinel://127.0.0.1:26379,store:26379/p", True),
        ("rediss+cluster://u:p@a,b", "rediss+cluster://a:6379,b:6379", False),
    ],
)
def test_what_people_see_of_it(text: str, shown: str, exposed: bool) -> None:
    redis = Redis.model_validate({"url": text})
    assert (redis.shown, redis.exposed) == (shown, exposed)


def notes_of(redis: str) -> list[str]:
    return [str(note) for note in text_of(f"{SMALL}redis: {{{redis}}}").notes if "redis." in str(note)]


def test_what_is_valid_but_unwise() -> None:
    assert notes_of("url: 'rediss+sentinel://s/p', replicas: 1") == []
    (told,) = notes_of("url: 'rediss+cluster://n'")
    assert "redis.replicas: a failover loses" in told
    (told,) = notes_of("url: 'redis://10.0.0.1'")
    assert "unencrypted" in told


def test_files_of_tls_are_looked_at_first(tmp_path: Path) -> None:
    made = certificates(tmp_path)
    (tmp_path / "empty.pem").write_text("")

    def problems(files: str) -> list[str]:
        text = f"{SMALL}redis: {{url: 'rediss://h', {files}}}"
        try:
            return [str(note) for note in load_text(text, "r.yaml", {}, tmp_path).notes]
        except ConfigError as error:
            return [str(problem) for problem in error.problems]

    assert problems("ca_file: ca.pem, cert_file: client.pem, key_file: client.key.pem") == []
    assert problems(f"ca_file: {made['ca']}") == []
    assert "redis.ca_file: the file cannot be read: No such file" in problems("ca_file: nowhere.pem")[0]
    assert "redis.ca_file: the file has no certificate" in problems("ca_file: empty.pem")[0]
    wrong = "cert_file: client.pem, key_file: server.key.pem"
    assert "redis.cert_file: the file has no certificate with its matching key" in problems(wrong)[0]
    assert "key_file without cert_file" in problems("key_file: client.key.pem")[0]
    text = f"{SMALL}redis: {{ca_file: ca.pem}}"
    (note,) = load_text(text, "r.yaml", {}, tmp_path).notes
    assert "redis.ca_file: not used" in str(note)
