"""A month of a Kubernetes platform: the alerts of kube-prometheus with their labels, in several clusters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

CLUSTERS = ("eu-1", "us-1", "ap-1")
NAMESPACES = (
    "checkout", "payments", "search", "catalog", "accounts", "mail", "media", "ledger", "fraud", "ads", "web", "ci",
)  # fmt: skip
WORKLOADS = ("api", "worker", "cache", "db", "cron")
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
SCRAPE = {
    "job": "kube-state-metrics",
    "service": "kube-state-metrics",
    "instance": "10.2.0.9:8443",
    "endpoint": "https-main",
    "prometheus": "monitoring/k8s",
}
NODE = {"job": "node-exporter", "service": "node-exporter", "namespace": "monitoring", "container": "kube-rbac-proxy",
        "endpoint": "https", "prometheus": "monitoring/k8s"}  # fmt: skip

POD = {**SCRAPE, "pod": "{w}-{h}"}
HOST = {**NODE, "instance": "node-{n}-{w}:9100"}
CLAIM = {"job": "kubelet", "service": "kubelet", "persistentvolumeclaim": "data-{w}-0", "node": "node-{h}"}
ALERTS: dict[str, tuple[str, dict[str, str], str]] = {
    # name: (the labels by which it is grouped in addition to its name and cluster, its labels, its fixed summary)
    "KubePodCrashLooping": ("namespace pod", {**POD, "container": "app"}, "Pod is crash looping."),
    "KubePodNotReady": ("namespace pod", POD, "Pod has been in a non-ready state for more than 15 minutes."),
    "KubeContainerWaiting": ("namespace pod", {**POD, "container": "{w}"}, "Pod container waiting longer than 1 hour"),
    "KubeDeploymentReplicasMismatch": (
        "namespace deployment",
        {**SCRAPE, "deployment": "{w}"},
        "Deployment has not matched the expected number of replicas.",
    ),
    "KubeStatefulSetReplicasMismatch": (
        "namespace statefulset",
        {**SCRAPE, "statefulset": "{w}"},
        "StatefulSet has not matched the expected number of replicas.",
    ),
    "KubeDaemonSetRolloutStuck": (
        "namespace daemonset",
        {**SCRAPE, "daemonset": "{w}"},
        "DaemonSet rollout is stuck.",
    ),
    "KubeJobFailed": ("namespace job_name", {**SCRAPE, "job_name": "{w}-29401200"}, "Job failed to complete."),
    "KubeHpaMaxedOut": (
        "namespace horizontalpodautoscaler",
        {**SCRAPE, "horizontalpodautoscaler": "{w}"},
        "HPA is running at max replicas",
    ),
    "KubeQuotaExceeded": (
        "namespace",
        {**SCRAPE, "resource": "limits.cpu"},
        "Namespace quota has exceeded the limits.",
    ),
    "CPUThrottlingHigh": (
        "namespace pod",
        {"container": "app", "pod": "{w}-{h}"},
        "Processes experience elevated CPU throttling.",
    ),
    "KubePersistentVolumeFillingUp": ("namespace persistentvolumeclaim", CLAIM, "PersistentVolume is filling up."),
    "NodeFilesystemSpaceFillingUp": (
        "instance mountpoint",
        {**HOST, "device": "/dev/sda1", "mountpoint": "/"},
        "Filesystem is predicted to run out of space within the next 24 hours.",
    ),
    "NodeHighNumberConntrackEntriesUsed": (
        "instance",
        HOST,
        "Number of conntrack are getting close to the limit.",
    ),
    "KubeletDown": ("", {"job": "kubelet"}, "Target disappeared from Prometheus target discovery."),
    "KubeDeploymentRolloutStuck": (
        "namespace deployment",
        {**SCRAPE, "deployment": "{w}"},
        "A rollout does not go on.",
    ),
    "KubeDeploymentGenerationMismatch": (
        "namespace deployment",
        {**SCRAPE, "deployment": "{w}"},
        "A deployment is older than what was asked for.",
    ),
    "KubeStatefulSetUpdateNotRolledOut": (
        "namespace statefulset",
        {**SCRAPE, "statefulset": "{w}", "revision": "{w}-{h}"},
        "An update is not everywhere.",
    ),
    "KubeDaemonSetNotScheduled": ("namespace daemonset", {**SCRAPE, "daemonset": "{w}"}, "Pods are missing on nodes."),
    "KubeDaemonSetMisScheduled": ("namespace daemonset", {**SCRAPE, "daemonset": "{w}"}, "Pods are on wrong nodes."),
    "KubeJobNotCompleted": ("namespace job_name", {**SCRAPE, "job_name": "{w}-29401300"}, "A job takes too long."),
    "KubeHpaReplicasMismatch": (
        "namespace horizontalpodautoscaler",
        {**SCRAPE, "horizontalpodautoscaler": "{w}"},
        "It does not have as many as it wants.",
    ),
    "KubePdbNotEnoughHealthyPods": (
        "namespace poddisruptionbudget",
        {**SCRAPE, "poddisruptionbudget": "{w}"},
        "Too few are healthy.",
    ),
    "KubePersistentVolumeInodesFillingUp": ("namespace persistentvolumeclaim", CLAIM, "Few inodes are left."),
    "KubePersistentVolumeErrors": (
        "persistentvolume",
        {**SCRAPE, "persistentvolume": "pvc-{h}", "phase": "Failed"},
        "A volume could not be made.",
    ),
    "KubeNodeNotReady": ("node", {**SCRAPE, "node": "node-{n}-{w}", "condition": "Ready"}, "A node is not ready."),
    "KubeNodePressure": ("node condition", {**SCRAPE, "node": "node-{n}-{w}", "condition": "{c}"}, "It runs short."),
    "KubeletTooManyPods": ("node", {"job": "kubelet", "node": "node-{n}-{w}"}, "A node has nearly all its pods."),
    "KubeClientErrors": (
        "instance job",
        {"job": "{w}", "instance": "10.1.{h}:8443", "namespace": "{n}"},
        "Calls to the API fail.",
    ),
    "NodeFilesystemAlmostOutOfSpace": (
        "instance mountpoint",
        {**HOST, "device": "/dev/sdb1", "mountpoint": "/var/{c}"},
        "Little space is left.",
    ),
    "NodeNetworkReceiveErrs": ("instance device", {**HOST, "device": "eth-{c}"}, "Packets are lost."),
    "NodeClockSkewDetected": ("instance", HOST, "The clock is wrong."),
    "NodeRAIDDegraded": ("instance device", {**HOST, "device": "md-{c}"}, "A disk is missing."),
    "NodeSystemdServiceFailed": ("instance name", {**HOST, "name": "{c}.service"}, "A unit has failed."),
    "TargetDown": (
        "namespace service job",
        {"job": "{w}", "service": "{w}", "namespace": "{n}"},
        "Targets do not answer.",
    ),
    "PrometheusBadConfig": (
        "namespace pod",
        {"job": "prometheus-{w}", "service": "prometheus-{w}", "pod": "prometheus-{w}-0", "container": "prometheus"},
        "A configuration was refused.",
    ),
    "PrometheusRuleFailures": (
        "pod rule_group",
        {"job": "prometheus-{w}", "pod": "prometheus-{n}-{w}-0", "rule_group": "/etc/rules/{c}.yaml;{c}"},
        "Rules cannot be evaluated.",
    ),
    "AlertmanagerFailedReload": (
        "namespace pod",
        {"job": "alertmanager-{w}", "service": "alertmanager-{w}", "pod": "alertmanager-{w}-0"},
        "A configuration was refused.",
    ),
    "AlertmanagerClusterFailedToSendAlerts": (
        "namespace integration",
        {"job": "alertmanager-{w}", "service": "alertmanager-{w}", "integration": "{c}"},
        "Notifications fail.",
    ),
    "ConfigReloaderSidecarErrors": (
        "namespace pod",
        {"job": "prometheus-{w}", "pod": "prometheus-{w}-0", "container": "config-reloader"},
        "A sidecar cannot reload.",
    ),
}
BARE: dict[str, tuple[str, dict[str, str], str]] = {
    # Without a cluster or a namespace: hosts, and the alerts of etcd, Ceph, blackbox and databases.
    "PodRestarts": ("pod", {"pod": "{w}-{h}"}, "A pod restarts."),
    "PodOfAJob": ("pod container", {"pod": "{w}-{h}", "container": "{c}"}, "A pod restarts."),
    "TargetMissing": ("job instance", {"job": "{w}", "instance": "10.{h}:9100"}, "A target is missing."),
    "HostOutOfDiskSpace": ("instance device mountpoint", {"instance": "{n}-{w}:9100", "device": "/dev/{c}",
                           "mountpoint": "/{c}", "fstype": "xfs"}, "The disk is nearly full."),
    "etcdInsufficientMembers": ("job", {"job": "etcd-{n}-{w}"}, "The cluster has too few members."),
    "etcdMemberCommunicationSlow": ("job instance To", {"job": "etcd", "instance": "10.0.0.1:2379", "To": "{h}"},
                                    "Communication between members is slow."),
    "etcdHighNumberOfFailedGRPCRequests": ("grpc_method grpc_service instance job", {
        "job": "etcd", "instance": "10.{h}:2379", "grpc_service": "etcdserverpb.{c}", "grpc_method": "{w}"},
        "Many requests fail."),
    "CephOSDDown": ("ceph_daemon", {"ceph_daemon": "osd.{h}", "job": "ceph-mgr", "instance": "ceph"}, "It is down."),
    "CephPoolNearFull": ("name pool_id", {"name": "{n}-{w}", "pool_id": "{h}", "job": "ceph-mgr"}, "Nearly full."),
    "CephDaemonSlowOps": ("", {"ceph_daemon": "mon.{h}", "job": "ceph-mgr"}, "Operations are slow."),
    "ProbeFailed": ("target", {"job": "blackbox", "instance": "blackbox:9115", "target": "https://{n}.example/{w}"},
                    "A probe fails."),
    "ReplicationLag": ("server slot_name", {"server": "pg-{n}", "slot_name": "{w}_{c}"}, "A replica is behind."),
}  # fmt: skip
KINDS = ("memory", "disk", "pids")
"""The labels that distinguish alerts of one node."""


class Firing(NamedTuple):
    """One group of alerts that starts firing: one incident."""

    at: datetime
    group: dict[str, str]
    alerts: tuple[tuple[dict[str, str], dict[str, str]], ...]
    """Labels and annotations of each."""


EVERY = ("...",)
"""Alertmanager's name for grouping by all labels."""


def month(seed: int, each: int = 5, also: tuple[str, ...] = (), *, bare: bool = False) -> Iterator[Firing]:
    """Yield a month of groups, in order of time; each alert of each place begins to fire some `each` times.

    Alerts are grouped by their name, their cluster, what tells alerts of their kind apart, and `also` those labels.
    `bare`: alerts that say neither cluster nor namespace.
    """
    known = BARE if bare else ALERTS
    drawn = random.Random(seed)
    found = []
    for cluster in CLUSTERS:
        for namespace in NAMESPACES:
            for workload in WORKLOADS:
                for name in drawn.choices(list(known), k=each):
                    found.append(_firing(drawn, known[name], name, cluster, namespace, workload, also))
    yield from sorted(found, key=lambda one: one.at)


def _firing(
    drawn: random.Random,
    known: tuple[str, dict[str, str], str],
    name: str,
    cluster: str,
    namespace: str,
    workload: str,
    also: tuple[str, ...],
) -> Firing:
    own, form, summary = known
    by = [*own.split(), *also]
    severity = drawn.choice(("warning", "critical"))
    several = drawn.choice((1, 1, 3))
    alerts: list[tuple[dict[str, str], dict[str, str]]] = []
    place = {} if name in BARE else {"cluster": cluster, "namespace": namespace}
    base = {"alertname": name, "severity": severity, **place}
    for number in range(several):
        values = {"w": workload, "h": f"{drawn.randrange(16**6):06x}", "n": namespace, "c": drawn.choice(KINDS)}
        labels = base | {key: text.format(**values) for key, text in form.items()}
        if number:
            # The others of the group differ in labels by which it is not grouped.
            labels |= {key: value for key, value in alerts[0][0].items() if key in by or also == EVERY}
        notes = {"summary": summary, "description": f"{name} of {labels}", "runbook_url": "https://x.example"}
        alerts.append((labels, notes))
    names = alerts[0][0] if also == EVERY else ("alertname", "cluster", *by)
    # Alertmanager omits labels that an alert does not have.
    group = {key: alerts[0][0][key] for key in names if key in alerts[0][0]}
    # In the worst minute of a bad day, everything starts at once.
    at = BEGIN + timedelta(days=drawn.choice((3, 12, drawn.randrange(30))), minutes=drawn.randrange(90))
    return Firing(at, group, tuple(alerts))
