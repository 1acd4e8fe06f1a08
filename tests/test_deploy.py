"""What is shipped for containers fits together: names, ports, probes, users, and the configuration it mounts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import receiver
from receiver.config import load

ROOT = Path(__file__).parents[1]
K8S = ROOT / "deploy" / "k8s"
USER = 65532

Manifest = dict[str, Any]


def manifest(name: str) -> Manifest:
    loaded = yaml.safe_load((K8S / name).read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture
def kustomization() -> Manifest:
    return manifest("kustomization.yaml")


@pytest.fixture
def objects(kustomization: Manifest) -> dict[str, Manifest]:
    """Every object of the kustomization, by its kind."""
    loaded = [manifest(name) for name in kustomization["resources"]]
    return {each["kind"]: each for each in loaded}


@pytest.fixture
def pod(objects: dict[str, Manifest]) -> Manifest:
    spec: Manifest = objects["Deployment"]["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: Manifest) -> Manifest:
    (only,) = pod["containers"]
    assert isinstance(only, dict)
    return only


def test_every_file_is_used_or_an_example(kustomization: Manifest) -> None:
    generated = [name for entry in kustomization["configMapGenerator"] for name in entry["files"]]
    used = {*kustomization["resources"], *generated, "kustomization.yaml", "secret.example.yaml"}
    assert {path.name for path in K8S.iterdir()} == used


def test_each_selector_meets_the_pods(objects: dict[str, Manifest], pod: Manifest) -> None:
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        objects["Deployment"]["spec"]["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector and selector.items() <= labels


def test_every_name_that_is_used_exists(
    objects: dict[str, Manifest], pod: Manifest, container: Manifest, kustomization: Manifest
) -> None:
    (generated,) = kustomization["configMapGenerator"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert mounted.keys() == volumes.keys()
    assert volumes["config"]["configMap"]["name"] == generated["name"]
    assert container["args"] == ["serve", "--config", f"{mounted['config']}/{generated['files'][0]}"]
    assert container["envFrom"] == [{"secretRef": {"name": manifest("secret.example.yaml")["metadata"]["name"]}}]
    assert pod["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"]
    assert objects["Namespace"]["metadata"]["name"] == kustomization["namespace"]
    (image,) = kustomization["images"]
    assert container["image"] == image["name"]
    assert image["newTag"] == receiver.__version__


def test_ports_are_the_one_it_listens_on(objects: dict[str, Manifest], container: Manifest) -> None:
    (port,) = container["ports"]
    listen = yaml.safe_load((K8S / "receiver.yaml").read_text("utf-8"))["server"]["listen"]
    assert listen == f"0.0.0.0:{port['containerPort']}"
    assert objects["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert objects["NetworkPolicy"]["spec"]["ingress"][0]["ports"] == [{"port": port["name"]}]
    assert f"EXPOSE {port['containerPort']}\n" in (ROOT / "Dockerfile").read_text("utf-8")


def test_probes_ask_what_they_are_for(container: Manifest) -> None:
    paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert container["livenessProbe"]["timeoutSeconds"] > 1


def test_it_meets_the_restricted_standard(objects: dict[str, Manifest], pod: Manifest, container: Manifest) -> None:
    """Kubernetes' Pod Security Standards, profile restricted, which the namespace enforces."""
    assert objects["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == USER
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert objects["ServiceAccount"]["automountServiceAccountToken"] is False


def test_two_replicas_of_which_one_always_stays(objects: dict[str, Manifest]) -> None:
    assert objects["Deployment"]["spec"]["replicas"] == 2
    assert objects["PodDisruptionBudget"]["spec"]["minAvailable"] == 1
    assert objects["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_configuration_loads_and_ends_within_the_grace(pod: Manifest) -> None:
    secrets = manifest("secret.example.yaml")["stringData"]
    assert all(isinstance(value, str) for value in secrets.values()), "stringData holds text only"
    config = load(K8S / "receiver.yaml", {**secrets, "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s" * 32})
    assert config.server.shutdown_grace.total_seconds() < pod["terminationGracePeriodSeconds"] - 3
    assert not config.notes


def test_the_example_secret_has_every_variable_and_no_other() -> None:
    text = (K8S / "receiver.yaml").read_text("utf-8")
    assert set(re.findall(r"\$\{(\w+)", text)) == set(manifest("secret.example.yaml")["stringData"])


def test_the_image_runs_as_nobody_and_without_a_shell() -> None:
    last = (ROOT / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2]
    assert f"\nUSER {USER}:{USER}\n" in last
    assert '\nENTRYPOINT ["receiver"]\n' in last
    assert re.search(r'HEALTHCHECK [^\n]*\\\n\s+CMD \["python", .*/healthz', last)


def test_the_image_has_the_users_own_store_as_its_default() -> None:
    assert "REDIS_URL=redis://" in (ROOT / "Dockerfile").read_text("utf-8")


def test_both_stages_stand_on_the_same_exact_base() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])


def test_everything_the_image_copies_gets_into_its_context() -> None:
    let_in = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE))
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert {name for line in copied for name in line.split()} == let_in


def test_every_file_that_is_no_code_gets_into_the_wheel() -> None:
    package = ROOT / "receiver"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    globs = project["tool"]["setuptools"]["package-data"]["receiver"]
    packed = {path for glob in globs for path in package.glob(glob)}
    others = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert others
    assert others <= packed


def test_a_lock_names_versions_and_hashes_and_no_place() -> None:
    for name in ("requirements.lock", "requirements-test.lock", "requirements-build.lock"):
        lines = (ROOT / name).read_text("utf-8").splitlines()
        for line in lines:
            assert re.match(r"$|#|\s+#|\s+--hash=sha256:[0-9a-f]{64}( \\)?$|[a-z0-9.-]+==\S+( ; .+)? \\$", line), line


def test_the_test_lock_agrees_with_the_one_that_is_shipped() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / name).read_text("utf-8"), re.MULTILINE))

    assert pins("requirements.lock") < pins("requirements-test.lock")
