"""The API conforms to its OpenAPI document: tested with generated requests, with a token and without."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.test_process import House
from tests.faults.programs import ROOT

COMMAND = "import tests.e2e.contract_hooks; from schemathesis.cli import schemathesis; schemathesis()"
SECONDS = os.environ.get("CONTRACT_SECONDS", "30")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300 + 2 * int(SECONDS))]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    try:
        yield await made.open()
    finally:
        await made.close()


async def asked(house: House, *more: str) -> tuple[int, str]:
    """Return the exit code and report of the generator."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, "run", f"{house.url}/api/openapi.json",
        "--no-color", "-n", "6",
        "--phases", "examples,coverage,fuzzing", "--exclude-path", "/api/v1/events", "--continue-on-failure",
        "--max-time", SECONDS, *more,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=house.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_with_a_token_every_answer_is_as_described(house: House) -> None:
    code, report = await asked(house, "-H", "Authorization: Bearer administrator-token")
    assert code == 0, report[:6000] + report[-6000:]


async def test_without_a_token_nothing_is_done(house: House) -> None:
    code, report = await asked(house)
    assert code == 0, report[:6000] + report[-6000:]
    assert await house.incidents() == []
