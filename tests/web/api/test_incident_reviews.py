"""Reviews of incidents through the API and by commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_service_client import receiver
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House

ONE = "/api/v1/incidents/INC-2026-0001"


@pytest.fixture
async def fired(house: House) -> House:
    """A house with one incident, whose label contains markup."""
    await house.world.post(notification(alert("AuthFailing", annotations={"summary": "<script>x</script> \x1b[31m"})))
    return house


@pytest.mark.parametrize(
    ("version", "refused"),
    [("1", 404), ("167171", 404), ("9" * 4000, 404), ("", 400), ("-1", 400), ("x", 400), ("1.0", 400), ("²", 400)],
)
async def test_a_version_that_there_is_not(fired: House, version: str, refused: int) -> None:
    assert (await fired.get(f"{ONE}/postmortem?version={version}"))[0] == refused


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "application/json"), ("*/*", "application/json"), ("text/markdown", "text/markdown"),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/html;q=0.2, text/markdown;q=0.9", "text/markdown"), ("text/html;q=x", "application/json"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["timeline", "postmortem", "customer-email"])
async def test_each_kind_by_accept(fired: House, what: str, accept: str, kind: str) -> None:
    headers = {**READ, **({"Accept": accept} if accept else {})}
    async with fired.client.get(f"{ONE}/{what}", headers=headers) as response:
        assert (response.status, response.content_type) == (200, kind)
        text = await response.text()
    if kind == "text/html":
        assert text.startswith("<!doctype html>")
        assert "<script" not in text
    elif kind == "text/markdown":
        assert text.startswith(("## ", "Subject: "))
    else:
        json.loads(text)


async def test_commands(fired: House, tmp_path: Path) -> None:
    async def run(*words: str) -> tuple[int, str, str]:
        return await receiver(fired, "respond-token", *words)

    code, out, _ = await run("timeline", "INC-2026-0001")
    assert (code, out.splitlines()[0]) == (0, "## Incident Timeline")
    assert "| 14:02 | Alert: AuthFailing triggered |" in out
    assert "\x1b" not in out
    _, out, _ = await run("postmortem", "INC-2026-0001", "--format", "json")
    assert json.loads(out)["status"] == "draft"
    file = tmp_path / "review.html"
    assert (await run("postmortem", "INC-2026-0001", "--format", "html", "--out", str(file)))[0] == 0
    assert file.read_text().startswith("<!doctype html>")
    assert (await run("customer-email", "INC-2026-0001"))[1].startswith("Subject: Service Incident - API")
    assert (await run("timeline", "INC-2026-0001", "--format", "pdf"))[0] == 2
    assert (await run("timeline", "INC-2026-0009"))[0] == 1
