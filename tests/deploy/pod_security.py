"""Kubernetes' Pod Security Standards, profile `restricted` (which has `baseline` in it), as a function of a pod's spec.

The profile is a list of fields with what each may be; here is every one of them that a Linux pod has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
PROFILES = ("RuntimeDefault", "Localhost")
SELINUX = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}  # fmt: skip

Spec = dict[str, Any]


def violations(spec: Spec) -> list[str]:
    """Return the path of each field that the profile does not allow; none is the answer that is wanted."""
    return [*_pod(spec), *(f"{kind}.{path}" for kind, each in _containers(spec) for path in _container(each, spec))]


def _containers(spec: Spec) -> Iterator[tuple[str, Spec]]:
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for each in spec.get(kind, ()):
            yield kind, each


def _pod(spec: Spec) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield field
    for volume in spec.get("volumes", ()):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"volumes.{volume['name']}"
    context = spec.get("securityContext", {})
    if any(each["name"] not in SYSCTLS for each in context.get("sysctls", ())):
        yield "securityContext.sysctls"
    yield from _both(context)


def _both(context: Spec) -> Iterator[str]:
    # What may stand at the pod and at each of its containers.
    if context.get("runAsUser") == 0:
        yield "securityContext.runAsUser"
    if context.get("seccompProfile", {}).get("type", "RuntimeDefault") not in PROFILES:
        yield "securityContext.seccompProfile"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in PROFILES:
        yield "securityContext.appArmorProfile"
    options = context.get("seLinuxOptions", {})
    if options.get("type") not in SELINUX or options.get("user") or options.get("role"):
        yield "securityContext.seLinuxOptions"
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield "securityContext.windowsOptions"


def _container(container: Spec, spec: Spec) -> Iterator[str]:
    context = container.get("securityContext", {})
    yield from _both(context)
    effective = {**spec.get("securityContext", {}), **context}
    if effective.get("runAsNonRoot") is not True:
        yield "securityContext.runAsNonRoot"
    if effective.get("seccompProfile", {}).get("type") not in PROFILES:
        yield "securityContext.seccompProfile"
    if context.get("privileged"):
        yield "securityContext.privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "securityContext.allowPrivilegeEscalation"
    capabilities = context.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()) or set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "securityContext.capabilities"
    if context.get("procMount", "Default") != "Default":
        yield "securityContext.procMount"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield "ports.hostPort"
    yield from _host_of_probes(container)


def _host_of_probes(container: Spec) -> Iterator[str]:
    hooks = container.get("lifecycle", {})
    asked = {name: container.get(name, {}) for name in ("livenessProbe", "readinessProbe", "startupProbe")}
    asked |= {f"lifecycle.{name}": hook for name, hook in hooks.items()}
    for name, probe in asked.items():
        if any(probe.get(way, {}).get("host") for way in ("httpGet", "tcpSocket")):
            yield f"{name}.host"
