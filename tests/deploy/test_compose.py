"""The compose file: mounted files exist and are valid, and no service is open to the network."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import receiver
from receiver.config import check_files, load
from tests.deploy.kustomize import ROOT, build, only
from tests.deploy.sandbox import program

HERE = ROOT / "deploy" / "compose"
VARIABLES = dict(re.findall(r"^(\w+)=(.*)$", (HERE / "env.example").read_text("utf-8"), re.MULTILINE))

Service = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((HERE / "compose.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Service]:
    found: dict[str, Service] = compose["services"]
    return found


def mounts(service: Service) -> list[list[str]]:
    return [mount.split(":") for mount in service.get("volumes", ())]


def test_it_has_the_service_and_what_it_works_beside(services: dict[str, Service]) -> None:
    assert list(services) == ["receiver", "store", "alertmanager", "prometheus", "grafana"]


def test_every_image_is_pinned_by_digest_and_ours_is_built(services: dict[str, Service]) -> None:
    for name, service in services.items():
        if name == "receiver":
            assert (HERE / service["build"] / "Dockerfile").exists()
            assert service["image"] == f"receiver:{receiver.__version__}"
        else:
            assert re.fullmatch(r"docker\.io/[\w./-]+:v?[\d.]+(-alpine)?@sha256:[0-9a-f]{64}", service["image"])
    store = only(build("embedded-store"), "StatefulSet", "receiver-store")["spec"]["template"]["spec"]
    assert services["store"]["image"] == store["containers"][0]["image"]


def test_everything_that_is_mounted_or_waited_for_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    named = set()
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        for source, *rest in mounts(service):
            if source.startswith("."):
                assert rest[1:] == ["ro"], f"{source} is writable"
                assert (HERE / source).exists(), source
            else:
                named.add(source)
    assert named == set(compose["volumes"])


def test_nothing_is_open(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert not service.get("privileged") and not service.get("network_mode")


def test_every_variable_is_in_the_example_which_has_no_secret() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?see env\.example\}", (HERE / "compose.yaml").read_text("utf-8")))
    bare = re.findall(r"\$\{\w+\}", (HERE / "compose.yaml").read_text("utf-8"))
    assert (asked, bare) == (set(VARIABLES), []), "an unset variable must be reported, not be empty"
    assert set(VARIABLES.values()) == {""}
    assert ".env" in (ROOT / ".gitignore").read_text("utf-8").split()


@pytest.fixture
def environment(services: dict[str, Service]) -> dict[str, str]:
    given: dict[str, str] = services["receiver"]["environment"]
    return {name: re.sub(r"\$\{(\w+)[^}]*\}", r"a-secret-of-32-characters-\1", text) for name, text in given.items()}


def test_the_configuration_loads_and_alertmanagers_file_fits_it(environment: dict[str, str]) -> None:
    files = [HERE / "receiver.yaml"]
    now = datetime(2026, 11, 23, tzinfo=UTC)
    problems, notes = check_files(files, environment, now=now, alertmanager=HERE / "alertmanager.yml")
    assert [str(problem) for problem in problems] == []
    said = "an unencrypted connection to a store that is not on the loopback address"
    assert [note.message for note in notes] == [said]


def test_addresses_and_times_fit(services: dict[str, Service], environment: dict[str, str]) -> None:
    config = load(HERE / "receiver.yaml", environment)
    (port,) = services["receiver"]["ports"]
    assert config.server.listen == f"0.0.0.0:{port.rpartition(':')[2]}"
    hook = yaml.safe_load((HERE / "alertmanager.yml").read_text("utf-8"))["receivers"][0]["webhook_configs"][0]
    assert hook["url"] == "http://receiver:8080/webhooks/alertmanager"
    secret = hook["http_config"]["authorization"]["credentials_file"]
    assert secret == f"/run/secrets/{services['alertmanager']['secrets'][0]}"
    scraped = yaml.safe_load((HERE / "prometheus.yml").read_text("utf-8"))
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in scraped["scrape_configs"]}
    assert jobs["receiver"] == ["receiver:8080"]
    assert scraped["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]
    asked = config.server.shutdown_grace + config.redis.send_deadline
    assert int(services["receiver"]["stop_grace_period"].removesuffix("s")) > asked.total_seconds() + 5


def test_amtool_takes_alertmanagers_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [program("amtool"), "check-config", HERE / "alertmanager.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_prometheus_file_with_its_rules(tmp_path: Path, services: dict[str, Service]) -> None:
    """The files have the layout of the container."""
    for source, target, _ in [mount for mount in mounts(services["prometheus"]) if len(mount) == 3]:
        there, here = HERE / source, tmp_path / Path(target).relative_to("/etc/prometheus")
        if there.is_dir():
            shutil.copytree(there, here)
        else:
            shutil.copy(there, here)
    done = subprocess.run(
        [program("promtool"), "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = [int(number) for number in re.findall(r"(\d+) rules found", done.stdout)]
    assert len(found) == 3 and all(found), "the dead man's switch, the recording rules, and the alert rules"


def test_grafana_finds_its_source_and_its_dashboards(services: dict[str, Service]) -> None:
    targets = {target for _, target, *_ in mounts(services["grafana"])}
    (provider,) = yaml.safe_load((HERE / "grafana" / "dashboards.yaml").read_text("utf-8"))["providers"]
    assert any(target.startswith(provider["options"]["path"] + "/") for target in targets)
    (source,) = yaml.safe_load((HERE / "grafana" / "datasources.yaml").read_text("utf-8"))["datasources"]
    assert (source["url"], source["isDefault"]) == ("http://prometheus:9090", True)
