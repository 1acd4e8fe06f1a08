"""Every pod of every overlay meets the profile `restricted`, and the check detects every violation."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.deploy.kustomize import OVERLAYS, Manifest, build, only
from tests.deploy.pod_security import violations

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet")


def pods(overlay: str) -> dict[str, Manifest]:
    """The pod of each workload, by its name."""
    objects = build(overlay)
    assert not [each for each in objects if each["kind"] in ("Pod", "CronJob")], "check these too"
    return {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in objects if each["kind"] in WORKLOADS}


@pytest.mark.parametrize("overlay", [*OVERLAYS, "base"])
def test_every_pod_is_restricted(overlay: str) -> None:
    found = pods(overlay)
    assert "receiver" in found
    assert {name: violations(spec) for name, spec in found.items()} == {name: [] for name in found}
    for spec in found.values():
        assert spec["automountServiceAccountToken"] is False
        assert all(each["securityContext"]["readOnlyRootFilesystem"] is True for each in spec["containers"])
        assert {each["resources"]["limits"].keys() == {"memory"} for each in spec["containers"]} == {True}
        assert {each["resources"]["requests"].keys() == {"cpu", "memory"} for each in spec["containers"]} == {True}
    enforced = only(build(overlay), "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert enforced == "restricted"


POD, BOX = ("securityContext",), ("containers", 0, "securityContext")
WAYS: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("hostNetwork",), True, "hostNetwork"),
    (("hostPID",), True, "hostPID"),
    (("hostIPC",), True, "hostIPC"),
    (("volumes", 0), {"name": "host", "hostPath": {"path": "/"}}, "volumes.host"),
    ((*POD, "sysctls"), [{"name": "kernel.msgmax", "value": "1"}], "securityContext.sysctls"),
    ((*POD, "runAsUser"), 0, "securityContext.runAsUser"),
    ((*POD, "runAsNonRoot"), False, "containers.securityContext.runAsNonRoot"),
    ((*POD, "seccompProfile"), {"type": "Unconfined"}, "securityContext.seccompProfile"),
    ((*POD, "seccompProfile"), {}, "containers.securityContext.seccompProfile"),
    ((*POD, "appArmorProfile"), {"type": "Unconfined"}, "securityContext.appArmorProfile"),
    ((*POD, "seLinuxOptions"), {"type": "spc_t"}, "securityContext.seLinuxOptions"),
    ((*POD, "windowsOptions"), {"hostProcess": True}, "securityContext.windowsOptions"),
    ((*BOX, "runAsUser"), 0, "containers.securityContext.runAsUser"),
    ((*BOX, "runAsNonRoot"), False, "containers.securityContext.runAsNonRoot"),
    ((*BOX, "privileged"), True, "containers.securityContext.privileged"),
    ((*BOX, "allowPrivilegeEscalation"), True, "containers.securityContext.allowPrivilegeEscalation"),
    ((*BOX, "capabilities"), {}, "containers.securityContext.capabilities"),
    ((*BOX, "capabilities", "add"), ["NET_RAW"], "containers.securityContext.capabilities"),
    ((*BOX, "procMount"), "Unmasked", "containers.securityContext.procMount"),
    (("containers", 0, "ports", 0, "hostPort"), 8080, "containers.ports.hostPort"),
    (("containers", 0, "livenessProbe", "httpGet", "host"), "169.254.169.254", "containers.livenessProbe.host"),
    (("initContainers",), [{"name": "first"}], "initContainers.securityContext.allowPrivilegeEscalation"),
]


@pytest.mark.parametrize(("path", "value", "said"), WAYS, ids=[f"{way[2]}={way[1]}" for way in WAYS])
def test_the_check_sees_it(path: tuple[str | int, ...], value: object, said: str) -> None:
    spec = copy.deepcopy(pods("base")["receiver"])
    where: Any = spec
    for step in path[:-1]:
        where = where[step]
    where[path[-1]] = value
    assert said in violations(spec)
