"""The objects of the Prometheus Operator: the same rules as Prometheus, a scrape of this service, and its webhook."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from receiver.config import check_files
from tests.deploy.kustomize import K8S, Manifest, build, only, source

OVERLAY = "prometheus-operator"
TOKEN = "a-token-of-thirty-two-characters"
KINDS = ("ServiceMonitor", "PrometheusRule", "AlertmanagerConfig")


@pytest.fixture
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prometheusrule", K8S / "prometheusrule.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dropped(given: Any, kept: Any, path: str = "") -> list[str]:
    """Return the paths of `given` that are not in `kept`: the operator's models drop unknown fields."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [one for key in given for one in dropped(given[key], kept.get(key), f"{path}.{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [one for at, each in enumerate(given) for one in dropped(each, kept[at], f"{path}[{at}]")]
    return [] if kept is not None and str(given) == str(kept) else [path]


def read(each: Manifest) -> list[str]:
    version = each["apiVersion"].rpartition("/")[2]
    model = getattr(importlib.import_module(f"cloudcoil.models.prometheus_operator.{version}"), each["kind"])
    kept = json.loads(model.model_validate(each).model_dump_json(by_alias=True, exclude_unset=True))
    return dropped(each, kept)


def test_the_operator_knows_every_field() -> None:
    objects = build(OVERLAY)
    for kind in KINDS:
        assert read(only(objects, kind)) == []
    wrong = only(objects, "ServiceMonitor")
    wrong = {**wrong, "spec": {**wrong["spec"], "endpoints": [{"port": "http", "intervall": "15s"}]}}
    assert read(wrong) == [".spec.endpoints[0].intervall"]


def test_the_rules_are_those_of_prometheus(generator: ModuleType) -> None:
    """If this fails, `make boards` regenerates the file."""
    made = only(build(OVERLAY), "PrometheusRule")
    expected = [group for file in generator.SOURCES for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    assert expected
    assert made["spec"]["groups"] == expected
    assert generator.TARGET.read_text("utf-8") == generator.render()


def test_promtool_takes_the_rules_out_of_the_object(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(only(build(OVERLAY), "PrometheusRule")["spec"]))
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: `make tools` installs it"
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_scrape_finds_the_service() -> None:
    objects = build(OVERLAY)
    spec, service = only(objects, "ServiceMonitor")["spec"], only(objects, "Service")
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert spec["namespaceSelector"]["matchNames"] == [service["metadata"]["namespace"]]
    assert [each["port"] for each in spec["endpoints"]] == [port["name"] for port in service["spec"]["ports"]]
    pod = only(objects, "Deployment")["spec"]["template"]
    assert "annotations" not in pod["metadata"], "otherwise every pod is scraped twice"


def as_alertmanager(spec: Manifest) -> Manifest:
    """Return the Alertmanager file that the operator generates from the object."""

    def route(given: Manifest) -> Manifest:
        made = {re.sub("[A-Z]", lambda m: f"_{m[0].lower()}", key): value for key, value in given.items()}
        if "matchers" in made:
            made["matchers"] = [f'{m["name"]}{m["matchType"]}"{m["value"]}"' for m in made["matchers"]]
        if "routes" in made:
            made["routes"] = [route(each) for each in made["routes"]]
        return made

    def receiver(given: Manifest) -> Manifest:
        hooks = [
            {
                "url": hook["url"], "send_resolved": hook["sendResolved"], "max_alerts": hook["maxAlerts"],
                "http_config": {
                    "follow_redirects": hook["httpConfig"]["followRedirects"],
                    "authorization": {"credentials": TOKEN},
                },
            }
            for hook in given["webhookConfigs"]
        ]  # fmt: skip
        return {"name": given["name"], "webhook_configs": hooks}

    return {"route": route(spec["route"]), "receivers": [receiver(each) for each in spec["receivers"]]}


def test_amtool_and_check_config_take_what_alertmanager_is_told(tmp_path: Path) -> None:
    objects = build(OVERLAY)
    spec = only(objects, "AlertmanagerConfig")["spec"]
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(as_alertmanager(spec)))
    amtool = shutil.which("amtool")
    assert amtool is not None, "amtool is missing: `make tools` installs it"
    done = subprocess.run([amtool, "check-config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    secrets = {**source("secret.example.yaml")["stringData"], "REDIS_URL": "rediss://:a@redis.test:6380/0"}
    secrets |= {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s" * 32, "ALERTMANAGER_TOKEN": TOKEN}
    secrets |= {"RESPONDER_TOKEN": "r" * 32, "ADMIN_TOKEN": "a" * 32}
    now = datetime(2026, 11, 23, tzinfo=UTC)
    problems, _ = check_files([K8S / "base" / "receiver.yaml"], secrets, now=now, alertmanager=file)
    assert [str(problem) for problem in problems] == []


def test_alerts_come_to_this_service_with_its_token() -> None:
    objects = build(OVERLAY)
    spec = only(objects, "AlertmanagerConfig")["spec"]
    (hook,) = spec["receivers"][0]["webhookConfigs"]
    service = only(objects, "Service")["metadata"]
    assert hook["url"] == f"http://{service['name']}.{service['namespace']}.svc/webhooks/alertmanager"
    assert (hook["sendResolved"], hook["maxAlerts"], hook["httpConfig"]["followRedirects"]) == (True, 0, False)
    asked = hook["httpConfig"]["authorization"]["credentials"]
    example = source("secret.example.yaml")
    assert asked["name"] == example["metadata"]["name"]
    assert asked["key"] in example["stringData"]
    (watchdog,) = spec["route"]["routes"]
    assert watchdog["matchers"] == [{"name": "alertname", "matchType": "=", "value": "Watchdog"}]
    minutes = [timedelta(minutes=int(watchdog[key].removesuffix("m"))) for key in ("repeatInterval", "groupInterval")]
    assert minutes[0] + 2 * minutes[1] < timedelta(minutes=5), "repeated before its silence opens an incident"
