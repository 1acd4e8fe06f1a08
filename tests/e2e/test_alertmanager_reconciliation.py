"""The state of the real Alertmanager: silences, alerts that never arrived here, alerts that it has lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.e2e.programs import Alertmanager
from tests.e2e.test_process import INGEST, READ, House
from tests.faults.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


class Asked(House):
    """A house whose service queries its Alertmanager."""

    upstream: Alertmanager

    async def open(self, redis: str = "embedded") -> House:
        self.upstream = Alertmanager(self.folder)
        self.programs.append(self.upstream)
        await super().open(redis)
        return self

    async def start(self) -> None:
        config = self.folder / "receiver.yaml"
        content = yaml.safe_load(config.read_text("utf-8"))
        content["ingest"]["alertmanagers"] = [self.upstream.url]
        content["ingest"]["reconcile"] = {"every": "1s", "forgotten_after": "6s", "unheard_after": "3s"}
        content["verification"] = {"checks": []}
        config.write_text(yaml.safe_dump(content), "utf-8")
        await super().start()

    async def do(self, path: str, body: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {READ}"}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.post(f"{self.url}/api/v1{path}", json=body) as answer,
        ):
            return answer.status, await answer.json()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Asked]:
    made = Asked(tmp_path)
    try:
        yield made
        assert made.site.mistakes() == []
    finally:
        await made.close()


def fires(name: str, **labels: str) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "labels": {"alertname": name, "service": "api", **labels},
            "annotations": {"error_rate": "7%"} if "Error" in name else {},
            "startsAt": (now - timedelta(minutes=1)).isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
        }
    ]  # fmt: skip


async def test_a_silence_is_made_there_shown_here_and_ends_with_the_incident(house: Asked) -> None:
    await house.open()
    await house.upstream.open([f"{house.url}/webhooks/alertmanager"], INGEST)
    await house.upstream.post("alerts", fires("HighErrorRate"))
    await until(lambda: house.pager.rung >= 1, "a page")
    status, incident = await house.do("/incidents/INC-2026-0001/silence", {"duration": 7200, "text": "known"})
    assert status == 200, incident
    again, _ = await house.do("/incidents/INC-2026-0001/silence", {"duration": 7200})
    assert again == 200

    async def silences() -> list[Any]:
        async with aiohttp.ClientSession() as client, client.get(f"{house.upstream.url}/api/v2/silences") as answer:
            return [one for one in await answer.json() if one["status"]["state"] == "active"]

    (first,) = await silences()
    status, _ = await house.do("/incidents/INC-2026-0001/silence", {"duration": 14400})
    (made,) = await silences()
    assert (status, made["id"]) == (200, first["id"])
    ends = datetime.fromisoformat(made["endsAt"]) - datetime.fromisoformat(first["endsAt"])
    assert ends > timedelta(hours=1, minutes=59)
    timeline = (await house.get("/api/v1/incidents/INC-2026-0001/timeline"))[1]["items"]
    assert sum(one["kind"] == "silenced" for one in timeline) == 2, "created, then extended; another one is no change"
    assert made["comment"].split()[0] == "INC-2026-0001"
    assert {one["name"]: one["value"] for one in made["matchers"]} == {"alertname": "HighErrorRate", "service": "api"}

    async def shown() -> bool:
        return (await house.get("/api/v1/incidents/INC-2026-0001"))[1]["upstream"] == {"silenced": 1}

    await until(shown, "the incident shows that its alert is silenced there")
    assert (await house.get("/api/v1/incidents/INC-2026-0001"))[1]["state"] == "open"
    await house.do("/incidents/INC-2026-0001/resolve", {})

    async def ended() -> bool:
        return await silences() == []

    await until(ended, "the silence ends with the incident")


async def test_an_alert_that_never_reached_us_opens_its_incident(house: Asked) -> None:
    await house.open()
    await house.upstream.open([f"{house.url}/webhooks/alertmanager"], INGEST)
    await house.upstream.post("alerts", fires("HighErrorRate"))
    await until(lambda: house.pager.rung >= 1, "a page")
    house.upstream.stop()
    # The same Alertmanager restarts with another route: it has the alert, and does not notify us.
    config = house.upstream.folder / "config.yaml"
    config.write_text(
        config.read_text("utf-8").replace(f"{house.url}/webhooks", "http://127.0.0.1:1/webhooks"), "utf-8"
    )
    await house.upstream.start(
        "--config.file=config.yaml", f"--web.listen-address=127.0.0.1:{house.upstream.port}", "--storage.path=data",
        "--cluster.listen-address=",
    )  # fmt: skip
    await house.upstream.post("alerts", fires("HighErrorRate") + fires("IntegrationDown"))

    async def opened() -> bool:
        return len(await house.incidents()) == 2

    await until(opened, "an incident for what never reached us")


async def test_what_alertmanager_has_forgotten_is_over_or_asked_about(house: Asked) -> None:
    await house.open()
    await house.upstream.open([f"{house.url}/webhooks/alertmanager"], INGEST)
    await house.upstream.post("alerts", fires("HighErrorRate") + fires("DataLag"))

    async def both() -> bool:
        return len(await house.incidents()) == 2

    await until(both, "two incidents")
    house.upstream.stop()
    await house.upstream.start(
        "--config.file=config.yaml", f"--web.listen-address=127.0.0.1:{house.upstream.port}", "--storage.path=data2",
        "--cluster.listen-address=",
    )  # fmt: skip

    async def over() -> bool:
        found = {one["severity"]: one["state"] for one in await house.incidents()}
        return found["SEV-3"] in ("monitoring", "resolved")

    await until(over, "the mild one is over", 90)
    grave = next(one for one in await house.incidents() if one["severity"] == "SEV-2")
    assert grave["state"] == "open"

    async def asked() -> bool:
        _, timeline = await house.get(f"/api/v1/incidents/{grave['id']}/timeline")
        return any(event["reason"] == "unknown_upstream" for event in timeline["items"])

    await until(asked, "people are asked about the grave one")
