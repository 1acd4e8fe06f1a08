"""`receiver simulate --alertmanager`: what the alerts of the real Alertmanager would do."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_file_commands import receiver
from tests.e2e.programs import Alertmanager
from tests.faults.waiting import until

pytestmark = pytest.mark.e2e


async def test_the_present_alerts_of_an_alertmanager(tmp_path: Path) -> None:
    program = Alertmanager(tmp_path)
    try:
        await program.open(["http://127.0.0.1:9/webhooks/alertmanager"], "token")
        rate = {"error_rate": "7.3%"}
        await program.post(
            "alerts",
            [
                {"labels": {"alertname": "HighErrorRate", "service": "api"}, "annotations": rate},
                {"labels": {"alertname": "HighErrorRate", "service": "web"}, "annotations": rate},
                {"labels": {"alertname": "ApiDown", "service": "api"}},
            ],
        )
        now = datetime.now(UTC)
        await program.post(
            "silences",
            {
                "matchers": [{"name": "service", "value": "web", "isRegex": False, "isEqual": True}],
                "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
                "createdBy": "alice", "comment": "known",
            },
        )  # fmt: skip
        words = ("simulate", "--alertmanager", program.url, "--format", "json")

        async def asked() -> list[Any]:
            result = await asyncio.to_thread(receiver, *words)
            assert result.exit_code == 0, result.output
            found: list[Any] = json.loads(result.output)["groups"]
            return found

        async def silenced() -> bool:
            return [group["silenced"] for group in await asked()].count(1) == 1

        await until(silenced, "the silence to hold")
        groups = {group["labels"]["alertname"]: group for group in await asked()}
        assert {name: (group["severity"], group["silenced"]) for name, group in groups.items()} == {
            "HighErrorRate": ("SEV-2", 1),
            "ApiDown": ("SEV-1", 0),
        }
        assert {group["receiver"] for group in groups.values()} == {"incident.service"}
        told = (await asyncio.to_thread(receiver, *words[:3])).output
        assert "to incident.service: {alertname=HighErrorRate}, 1 suppressed by a silence or an inhibition" in told
        others = await asyncio.to_thread(receiver, *words, "--receiver", "other")
        assert json.loads(others.output) == {"groups": []}
    finally:
        program.stop()
