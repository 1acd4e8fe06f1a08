"""Reports in the API, in the command and in the console."""

from __future__ import annotations

from tests.cli.test_service_client import receiver
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House


async def test_by_accept_and_by_month(house: House) -> None:
    await house.post(notification(alert("AuthFailing", labels={"category": "<b>auth</b>"})))
    status, said = await house.get("/api/v1/reports/monthly?month=2026-11")
    assert (status, said["total"], said["by_severity"]["SEV-2"]) == (200, 1, 1)
    assert said["categories"] == [{"name": "<b>auth</b>", "count": 1}]
    _, figures = await house.get("/api/v1/reports/metrics")
    assert figures["month"] == "2026-11"
    assert [one["metric"] for one in figures["targets"]][:2] == ["mttd", "mttr"]
    async with house.client.get(
        "/api/v1/reports/monthly?month=2026-11", headers={**READ, "Accept": "text/html"}
    ) as response:
        page = await response.text()
    assert "<h2>Incident Review: November 2026</h2>" in page
    assert "<b>auth" not in page
    for wrong, refused, why in (
        ("2026-13", 400, "write it as 2026-11"), ("2027-01", 404, "has not begun"), ("x" * 500, 400, "is not a month"),
    ):  # fmt: skip
        for path in ("monthly", "metrics"):
            status, problem = await house.get(f"/api/v1/reports/{path}?month={wrong}")
            assert status == refused
            assert why in problem["detail"]
    status, _ = await house.get("/api/v1/reports/monthly", headers={})
    assert status == 401


async def test_for_people(house: House) -> None:
    await house.post(notification(alert("AuthFailing")))
    async with house.client.get("/reports/2026-11", headers=READ) as response:
        assert response.status == 200
        assert "script" not in (text := await response.text()).partition("<main")[2]
        assert "Incident Review: November 2026" in text
    async with house.client.get("/reports/2026-11") as response:
        assert response.status == 401
    async with house.client.get("/reports/soon", headers=READ) as response:
        assert response.status == 400


async def test_the_commands(house: House) -> None:
    await house.post(notification(alert("AuthFailing")))
    code, out, _ = await receiver(house, "respond-token", "report", "monthly", "2026-11")
    assert (code, out.splitlines()[0]) == (0, "## Incident Review: November 2026")
    code, out, _ = await receiver(house, "respond-token", "report", "metrics")
    assert (code, out.splitlines()[0]) == (0, "## Incident Metrics: November 2026")
    assert (await receiver(house, "respond-token", "report", "monthly", "soon"))[0] == 1
