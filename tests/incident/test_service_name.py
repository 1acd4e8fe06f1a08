"""The service of an incident."""

from __future__ import annotations

import pytest

from receiver.incident.service_name import SERVICE_FROM, names_exporter, service_of


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"service": "checkout", "namespace": "shop"}, "checkout"),
        ({"service": "kube-prometheus-stack-kube-state-metrics", "namespace": "payments", "pod": "api-6d"}, "payments"),
        ({"service": "prom-prometheus-node-exporter", "app": "node-exporter", "deployment": "web"}, "web"),
        ({"service": "blackbox", "app.kubernetes.io/name": "shop"}, "shop"),
        ({"service": "prometheus-blackbox-exporter"}, None),
        ({"service": "mysqld-exporter-7f", "statefulset": "orders-db"}, "orders-db"),
        ({"app": "exporter", "job_name": "backup-1"}, "backup-1"),
        ({"service": " ", "daemonset": "logs"}, "logs"),
        ({"team": "x"}, None),
    ],
)
def test_the_first_label_that_names_no_exporter(labels: dict[str, str], service: str | None) -> None:
    assert service_of(labels) == service


def test_the_labels_are_a_setting_and_may_have_dots() -> None:
    labels = {"service": "a", "service.name": "zahlung", "k8s.cluster/name": "eu"}
    assert service_of(labels, ("service.name", "service")) == "zahlung"
    assert service_of(labels, ("k8s.cluster/name",)) == "eu"
    assert service_of(labels, ("absent",)) is None
    assert SERVICE_FROM[0] == "service"


@pytest.mark.parametrize(
    "value", ["exporters-shop", "state-metrics", "importer", "metrics", "nodes", "expo", "Kube-State"]
)
def test_what_only_looks_like_an_exporter(value: str) -> None:
    assert not names_exporter(value)
