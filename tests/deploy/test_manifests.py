"""Every overlay can be built, is valid for Kubernetes and the operator, and matches the service's names and ports."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

import receiver
from receiver.config import ConfigError, load
from tests.deploy.kustomize import K8S, OVERLAYS, ROOT, Manifest, build, only, source

KUBERNETES = "1.37.0"
STORES = ("cluster", "embedded-store", "external-redis", "sentinel")
NOT_APPLIED = {"secret.example.yaml", "tls.example.yaml"}
SLACK = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s" * 32}
SECRETS: dict[str, str] = source("secret.example.yaml")["stringData"]
OWN = {name: f"{name}-of-somebody-else" for name in SECRETS if name.endswith("_TOKEN")}


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> list[Manifest]:
    return build(request.param)


@pytest.fixture
def deployment(objects: list[Manifest]) -> Manifest:
    return only(objects, "Deployment")


@pytest.fixture
def pod(deployment: Manifest) -> Manifest:
    spec: Manifest = deployment["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: Manifest) -> Manifest:
    (found,) = pod["containers"]
    assert isinstance(found, dict)
    return found


def test_the_overlays_are_those_that_are_promised() -> None:
    assert OVERLAYS == ["cluster", "embedded-store", "external-redis", "prometheus-operator", "sentinel"]


def test_kubernetes_knows_every_field(objects: list[Manifest]) -> None:
    own = [each for each in objects if not each["apiVersion"].startswith("monitoring.coreos.com/")]
    assert len(own) >= 7
    for each in own:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_the_validation_sees_a_misspelt_field() -> None:
    wrong = only(build("external-redis"), "Deployment") | {"spec": {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_every_file_is_used_or_an_example() -> None:
    used = {path / "kustomization.yaml" for path in (K8S / "base", *(K8S / "overlays" / name for name in OVERLAYS))}
    for file in list(used):
        text = file.read_text("utf-8")
        used |= {file.parent / name for name in re.findall(r"[\w.-]+\.yaml", re.sub("#.*", "", text))}
    there = {path for path in K8S.rglob("*.yaml") if path.name not in NOT_APPLIED}
    assert there == used


def test_everything_is_in_its_namespace_and_no_secret_is_among_it(objects: list[Manifest]) -> None:
    kinds = {each["kind"] for each in objects}
    assert "Secret" not in kinds
    assert not kinds & {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}, "it has no permissions"
    name = only(objects, "Namespace")["metadata"]["name"]
    assert {each["metadata"]["namespace"] for each in objects if each["kind"] != "Namespace"} == {name}
    example = source("secret.example.yaml")
    assert example["metadata"]["namespace"] == name
    assert all(isinstance(value, str) for value in example["stringData"].values()), "stringData has only text"


def test_each_selector_meets_the_pods(objects: list[Manifest], deployment: Manifest, pod: Manifest) -> None:
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        only(objects, "Service")["spec"]["selector"],
        only(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in pod["topologySpreadConstraints"]),
    ]
    assert len(selectors) == 6
    for selector in selectors:
        assert selector and selector.items() <= labels


def _volumes(objects: list[Manifest]) -> list[Manifest]:
    pods = [each for each in objects if each["kind"] in ("Deployment", "StatefulSet")]
    return [volume for each in pods for volume in each["spec"]["template"]["spec"].get("volumes", [])]


def test_every_name_that_is_used_exists(objects: list[Manifest], pod: Manifest, container: Manifest) -> None:
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert mounted.keys() == volumes.keys()
    maps = {each["metadata"]["name"]: each for each in objects if each["kind"] == "ConfigMap"}
    (made,) = [each for name, each in maps.items() if name.startswith("receiver-config")]
    # Each overlay with a store has its configuration, and perhaps a certificate that users create.
    kept = {each.get("configMap", {}).get("name") for each in _volumes(objects)} - {None}
    assert kept == set(maps)
    secrets = {each["secret"]["secretName"] for each in _volumes(objects) if "secret" in each}
    assert secrets <= {source("overlays/embedded-store/tls.example.yaml")["metadata"]["name"]}
    assert volumes["config"]["configMap"]["name"] == made["metadata"]["name"]
    assert container["args"] == ["serve", "--config", f"{mounted['config']}/{next(iter(made['data']))}"]
    assert container["envFrom"] == [{"secretRef": {"name": source("secret.example.yaml")["metadata"]["name"]}}]
    assert pod["serviceAccountName"] == only(objects, "ServiceAccount")["metadata"]["name"]
    assert only(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    assert container["image"] == f"registry.example.com/receiver:{receiver.__version__}"


def test_ports_are_the_one_it_listens_on(objects: list[Manifest], container: Manifest) -> None:
    (port,) = container["ports"]
    assert source("base/receiver.yaml")["server"]["listen"] == f"0.0.0.0:{port['containerPort']}"
    assert only(objects, "Service")["spec"]["ports"][0]["targetPort"] == port["name"]
    assert only(objects, "NetworkPolicy")["spec"]["ingress"][0]["ports"] == [{"port": port["name"]}]
    assert f"EXPOSE {port['containerPort']}\n" in (ROOT / "Dockerfile").read_text("utf-8")


def test_probes_ask_what_they_are_for(container: Manifest) -> None:
    paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert container["livenessProbe"]["timeoutSeconds"] > 1


def test_two_replicas_of_which_one_always_stays(objects: list[Manifest], deployment: Manifest) -> None:
    assert deployment["spec"]["replicas"] == 2
    assert only(objects, "PodDisruptionBudget")["spec"]["minAvailable"] == 1
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_it_asks_for_the_cpu_that_a_storm_takes(container: Manifest) -> None:
    """5,000 groups in a minute from two Alertmanagers used 450m; the operating page documents the request."""
    asked = container["resources"]["requests"]["cpu"]
    assert asked.endswith("m")
    assert int(asked.removesuffix("m")) >= 450
    assert f"| `{asked}`, the request in `deploy/k8s` |" in (ROOT / "docs" / "operating.md").read_text("utf-8")


def test_it_runs_as_nobody(pod: Manifest) -> None:
    assert [pod["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")] == [65532] * 3


def test_the_configuration_loads_and_its_end_fits_the_grace(pod: Manifest, container: Manifest) -> None:
    given = {**SECRETS, **SLACK, "REDIS_URL": "rediss://:a@redis.test:6380/0"}
    with pytest.raises(ConfigError, match="a published placeholder"):
        load(K8S / "base" / "receiver.yaml", given)
    config = load(K8S / "base" / "receiver.yaml", {**given, **OWN})
    assert not config.notes
    sending = config.redis.send_deadline.total_seconds() + 1
    asked = config.server.shutdown_grace.total_seconds()
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert before == 5
    assert before + sending + asked + 5 <= pod["terminationGracePeriodSeconds"]


def test_every_variable_comes_from_somewhere(container: Manifest) -> None:
    """The configuration reads variables of the Secret and the overlay; the Secret has no unused ones."""
    text = (K8S / "base" / "receiver.yaml").read_text("utf-8")
    read, needed = set(re.findall(r"\$\{(\w+)", text)), set(re.findall(r"\$\{(\w+)\}", text))
    own = {each["name"] for each in container["env"]}
    given = set(SECRETS) | (own - {"STORE_PASSWORD"})
    assert needed <= given <= read
    assert "REDIS_URL" in own


@pytest.mark.parametrize("overlay", STORES)
def test_the_stores_secret_is_the_one_that_its_example_shows(overlay: str) -> None:
    example = source(f"overlays/{overlay}/secret.example.yaml")
    (box,) = only(build(overlay), "Deployment")["spec"]["template"]["spec"]["containers"]
    asked = [each["valueFrom"]["secretKeyRef"] for each in box["env"] if "valueFrom" in each]
    assert {each["name"] for each in asked} == {example["metadata"]["name"]}
    assert {each["key"] for each in asked} == example["stringData"].keys()


@pytest.mark.parametrize(("overlay", "kind"), [("sentinel", "sentinel"), ("cluster", "cluster")])
def test_a_store_that_fails_over_is_asked_for_a_replica(overlay: str, kind: str) -> None:
    url = source(f"overlays/{overlay}/secret.example.yaml")["stringData"]["url"]
    (box,) = only(build(overlay), "Deployment")["spec"]["template"]["spec"]["containers"]
    plain = {each["name"]: each["value"] for each in box["env"] if "value" in each}
    config = load(K8S / "base" / "receiver.yaml", {**SECRETS, **OWN, **SLACK, **plain, "REDIS_URL": url})
    assert (config.notes, config.redis.replicas) == ((), 1)
    assert config.redis.address is not None
    assert config.redis.address.kind == kind


def test_it_may_call_names_vendors_and_what_watches_and_nothing_else() -> None:
    egress = only(build("base"), "NetworkPolicy")["spec"]["egress"]
    assert all(rule["to"] and rule["ports"] for rule in egress), "a rule without `to` allows every destination"
    ports = [sorted(port["port"] for port in rule["ports"]) for rule in egress]
    assert ports == [[53, 53], [443, 587], [9090, 9093]]
    outside = [block["ipBlock"] for block in egress[1]["to"]]
    assert [block["cidr"] for block in outside] == ["0.0.0.0/0", "::/0"]
    assert "169.254.0.0/16" in outside[0]["except"], "the metadata address of clouds, which returns credentials"
    assert only(build("base"), "NetworkPolicy")["spec"]["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize(
    ("overlay", "ports"),
    [("embedded-store", [6379]), ("external-redis", [6380]), ("sentinel", [26379, 6379]), ("cluster", [6379])],
)
def test_an_overlay_opens_the_way_to_its_store_alone(overlay: str, ports: list[int]) -> None:
    before = only(build("base"), "NetworkPolicy")["spec"]["egress"]
    after = only(build(overlay), "NetworkPolicy")["spec"]["egress"]
    assert after[:-1] == before
    assert (len(after[-1]["to"]), after[-1]["ports"]) == (1, [{"port": port} for port in ports])


def test_the_store_in_the_cluster_is_met_by_its_names() -> None:
    objects = build("embedded-store")
    store, door = only(objects, "StatefulSet", "receiver-store"), only(objects, "Service", "receiver-store")
    labels = store["spec"]["template"]["metadata"]["labels"].items()
    policy = only(objects, "NetworkPolicy", "receiver-store")["spec"]
    way = only(objects, "NetworkPolicy")["spec"]["egress"][-1]["to"][0]["podSelector"]["matchLabels"]
    selectors = (store["spec"]["selector"]["matchLabels"], door["spec"]["selector"], way)
    for selector in (*selectors, policy["podSelector"]["matchLabels"]):
        assert selector and selector.items() <= labels
    assert (policy["policyTypes"], policy.get("egress")) == (["Ingress", "Egress"], None), "it sends nothing"
    caller = policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"].items()
    assert caller <= only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    (box,) = store["spec"]["template"]["spec"]["containers"]
    (claim,) = store["spec"]["volumeClaimTemplates"]
    assert {"name": claim["metadata"]["name"], "mountPath": "/data"} in box["volumeMounts"]
    assert not any("$(" in word for word in (*box["command"], *box["args"])), "no argument contains a secret"
    (url,) = [
        each["value"]
        for each in only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
        if each["name"] == "REDIS_URL"
    ]
    place = f"{door['metadata']['name']}:{door['spec']['ports'][0]['port']}"
    assert url == f"rediss://receiver:$(STORE_PASSWORD)@{place}/0?ssl_ca_certs=/etc/receiver-store/ca.crt"


def test_every_image_is_pinned(objects: list[Manifest]) -> None:
    images: list[Any] = re.findall(r"image: (\S+)", yaml.safe_dump(objects, width=1000))
    assert len(images) == sum(each["kind"] in ("Deployment", "StatefulSet") for each in objects)
    for image in images:
        assert re.search(r"@sha256:[0-9a-f]{64}$|/receiver:\d+\.\d+\.\d+$", image), image
