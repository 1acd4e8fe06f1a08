"""The image, built by its Dockerfile's steps and run as in a cluster: unprivileged, read-only, without a shell."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import receiver
from tests.deploy.kustomize import K8S, build, only, source
from tests.deploy.sandbox import USER, Build, Container

TOKENS = {
    "ALERTMANAGER_TOKEN": "a-token-of-the-alertmanager-32-characters",
    "RESPONDER_TOKEN": "a-token-of-the-responder-32-characters-",
    "ADMIN_TOKEN": "a-token-of-the-admin-of-32-characters---",
}


@pytest.fixture(scope="module")
def container(image: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """The container of the Deployment, with the configuration of the ConfigMap, and a store in its data folder."""
    config = tmp_path_factory.mktemp("config")
    config.chmod(0o755)
    (config / "receiver.yaml").write_text((K8S / "base" / "receiver.yaml").read_text("utf-8"), "utf-8")
    (box,) = only(build("base"), "Deployment")["spec"]["template"]["spec"]["containers"]
    env = {**source("secret.example.yaml")["stringData"], **TOKENS, "REDIS_URL": "embedded"}
    made = Container(image, config, box["args"], env)
    try:
        wait(made)
        yield made
    finally:
        made.stop()


def wait(container: Container) -> None:
    ends = time.monotonic() + 90
    while time.monotonic() < ends:
        if container.process.poll() is None and container.run(*container.stage.health).returncode == 0:
            return
        assert container.process.poll() is None, container.log.read_text()
        time.sleep(0.2)
    raise AssertionError(container.log.read_text())


def ask(container: Container, path: str) -> tuple[int, str]:
    script = (
        "import sys, urllib.request as u, urllib.error as e\n"
        "try: a = u.urlopen('http://127.0.0.1:8080' + sys.argv[1], timeout=5)\n"
        "except e.HTTPError as error: a = error\n"
        "print(a.status, a.read().decode())"
    )
    done = container.run("python", "-c", script, path)
    status, _, body = done.stdout.partition(" ")
    assert done.returncode == 0, done.stderr
    return int(status), body


def test_the_health_check_and_both_probes_answer(container: Container) -> None:
    assert container.run(*container.stage.health).returncode == 0
    assert ask(container, "/healthz")[0] == 200
    code, body = ask(container, "/readyz")
    assert (code, json.loads(body)["status"], json.loads(body)["store"]["up"]) == (200, "ready", True)


def test_process_1_is_the_service_and_it_is_nobody(container: Container) -> None:
    status = Path(f"/proc/{container.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert fields["NSpid"].split()[-1] == "1"
    if os.geteuid() == 0:
        assert fields["Uid"].split() == fields["Gid"].split() == [str(USER)] * 4
    assert container.run("python", "-c", "import os; print(os.getuid(), os.getgid())").stdout == f"{USER} {USER}\n"
    # A process that cannot drop its bounding set has no_new_privs, so it cannot gain capabilities.
    held = ("CapInh", "CapPrm", "CapEff", "CapAmb", *(["CapBnd"] if os.geteuid() == 0 else []))
    assert {fields[name].strip() for name in held} == {"0" * 16}
    assert fields["NoNewPrivs"].strip() == "1"


def test_only_tmp_and_the_data_folder_can_be_written(container: Container) -> None:
    script = (
        "import os\n"
        "can = lambda path: os.access(path, os.W_OK)\n"
        "print(*(top for top, _, _ in os.walk('/') if not top.startswith(('/proc', '/dev')) and can(top)))\n"
        "for place in ('/tmp', '/var/lib/receiver'): open(place + '/probe', 'w').close(), os.remove(place + '/probe')"
    )
    written = container.run("python", "-c", script).stdout.split()
    assert {"/tmp", "/var/lib/receiver"} <= set(written)
    assert all(re.match(r"/tmp(/|$)|/var/lib/receiver(/|$)", folder) for folder in written), written


def test_nothing_else_is_mounted_for_writing(container: Container) -> None:
    script = (
        "mounts = [line.split() for line in open('/proc/self/mountinfo')]\n"
        "print(*sorted(mount[4] for mount in mounts if 'rw' in mount[5].split(',')))"
    )
    found = [place for place in container.run("python", "-c", script).stdout.split() if place != "/proc"]
    assert [place for place in found if not place.startswith("/dev")] == ["/tmp", "/var/lib/receiver"]


def test_there_is_no_shell_in_it_and_none_is_missed(container: Container) -> None:
    script = "import shutil; print([shutil.which(n, path='/bin:/usr/bin:/sbin:/usr/sbin') for n in ('sh', 'bash')])"
    assert container.run("python", "-c", script).stdout == "[None, None]\n"
    assert container.run("/bin/sh", "-c", "true").returncode != 0
    assert container.run("receiver", "--version").stdout == f"receiver {receiver.__version__}\n"


def test_an_alert_becomes_an_incident_in_it(container: Container) -> None:
    sent = container.run(
        "receiver", "send-alert", "--alertname", "Slow", env={"RECEIVER_TOKEN": TOKENS["ALERTMANAGER_TOKEN"]}
    )
    assert sent.returncode == 0 and sent.stdout.startswith("opened: INC-"), sent.stdout + sent.stderr
    listed = container.run("receiver", "incident", "list", env={"RECEIVER_TOKEN": TOKENS["RESPONDER_TOKEN"]})
    assert sent.stdout.split()[1] in listed.stdout, listed.stderr


def test_sigterm_ends_it_in_time_and_nothing_is_lost(image: Build, container: Container) -> None:
    """The last test of this module, because it stops the container."""
    sent = container.run(
        "receiver", "send-alert", "--alertname", "Last", env={"RECEIVER_TOKEN": TOKENS["ALERTMANAGER_TOKEN"]}
    ).stdout.split()
    began = time.monotonic()
    os.kill(container.pid, signal.SIGTERM)
    assert container.process.wait(40) == 0, container.log.read_text()
    spec = only(build("base"), "Deployment")["spec"]["template"]["spec"]
    assert time.monotonic() - began < spec["terminationGracePeriodSeconds"] - 5
    log = container.log.read_text()
    assert '"shutdown_requested"' in log
    kept = image.folder / container.env["RECEIVER_DATA_DIR"].strip("/")
    assert sent[1].encode() in b"".join(path.read_bytes() for path in kept.rglob("*") if path.is_file())
