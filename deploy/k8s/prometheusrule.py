"""Generates the PrometheusRule of the operator's overlay from deploy/prometheus: `make boards`.

There is one source in two forms: Prometheus reads deploy/prometheus directly, while the operator needs the same groups
in an object.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[1]
SOURCES = (DEPLOY / "prometheus" / "recording.yaml", DEPLOY / "prometheus" / "alerts.yaml")
TARGET = DEPLOY / "k8s" / "overlays" / "prometheus-operator" / "prometheusrule.yaml"
HEAD = "# Generated from deploy/prometheus by `make boards`. Do not edit: a test compares them.\n"


class _Dumper(yaml.SafeDumper):
    """Indents lists, and keeps long expressions in one piece."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def groups() -> list[dict[str, Any]]:
    """Return the groups of every source, recording rules first, because alerts may use their results."""
    loaded = [yaml.safe_load(source.read_text("utf-8")) for source in SOURCES]
    return [group for document in loaded for group in document["groups"]]


def render() -> str:
    """Return the whole file."""
    made = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "receiver", "labels": {"app.kubernetes.io/name": "receiver"}},
        "spec": {"groups": groups()},
    }
    return HEAD + yaml.dump(made, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)


if __name__ == "__main__":
    TARGET.write_text(render(), "utf-8")
