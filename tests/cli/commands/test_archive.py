"""Export and import by the commands."""

from __future__ import annotations

import json
from pathlib import Path

from receiver.model.alert.alert import parse_notification
from receiver.model.command import Resolve
from receiver.model.incident.event import Actor, ActorKind
from tests.cli.test_service_client import receiver
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, JSON, READ, House

ALICE = Actor(kind=ActorKind.API, name="alice")


async def test_out_and_back(house: House, tmp_path: Path) -> None:
    for number in range(60):
        body = notification(alert("Odd", labels={"n": str(number)}), group=str(number))
        await house.world.one.intake.accept(parse_notification(body), house.world.clock.now())
    found = await house.world.one.incidents.listing(most=100)
    for one in found[1:]:
        await house.world.one.respond.act(one.id, Resolve(), ALICE, house.world.clock.now())
    file = tmp_path / "all.jsonl"
    code, out, _ = await receiver(house, "admin-token", "export", "--out", str(file))
    assert (code, out.splitlines()[0].split()[0]) == (0, str(len(found) - 1))
    assert {json.loads(line)["id"] for line in file.read_text().splitlines()} == {one.id for one in found[1:]}
    async with house.replica.connection.guarded() as client:
        await client.flushall()
    code, out, _ = await receiver(house, "admin-token", "import", str(file))
    assert (code, out.strip()) == (0, f"{len(found) - 1} imported, 0 already present, 0 rejected")
    status, page = await house.get("/api/v1/incidents?limit=500")
    assert (status, len(page["items"])) == (200, len(found) - 1)
    file.write_text('{"format": 1}\n')
    code, _, err = await receiver(house, "admin-token", "import", str(file))
    assert code == 1
    assert ":1: state: is missing" in err


async def test_only_who_may_do_everything(house: House) -> None:
    assert (await house.get("/api/v1/archive", READ))[0] == 403
    for cursor in ("x.y", "", "A", "0" * 65):
        assert (await house.get(f"/api/v1/archive?cursor={cursor}", ADMIN))[0] == 400
    for body in ("[]", '{"items": 1}', '{"items": [1]}', '{"items": [], "more": 1}', "{"):
        async with house.client.post("/api/v1/archive", data=body, headers={**ADMIN, **JSON}) as response:
            assert response.status == 400, body
