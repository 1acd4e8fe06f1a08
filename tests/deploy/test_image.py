"""The Dockerfile and the lock files that it installs: names, versions, hashes, and copied files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
USER = 65532


def test_the_image_runs_as_nobody_and_without_a_shell() -> None:
    last = (ROOT / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2]
    assert f"\nUSER {USER}:{USER}\n" in last
    assert '\nENTRYPOINT ["receiver"]\n' in last
    assert re.search(r'HEALTHCHECK [^\n]*\\\n\s+CMD \["python", .*/healthz', last)


def test_the_image_has_the_users_own_store_as_its_default() -> None:
    assert "REDIS_URL=redis://" in (ROOT / "Dockerfile").read_text("utf-8")


def test_both_stages_stand_on_the_same_exact_base() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases[0])


def test_everything_the_image_copies_gets_into_its_context() -> None:
    let_in = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE))
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert {name for line in copied for name in line.split()} == let_in


def test_every_file_that_is_no_code_gets_into_the_wheel() -> None:
    package = ROOT / "receiver"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    globs = project["tool"]["setuptools"]["package-data"]["receiver"]
    packed = {path for glob in globs for path in package.glob(glob)}
    others = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert others
    assert others <= packed


def test_a_lock_names_versions_and_hashes_and_no_place() -> None:
    for name in ("requirements.lock", "requirements-test.lock", "requirements-phones.lock", "requirements-build.lock"):
        lines = (ROOT / name).read_text("utf-8").splitlines()
        for line in lines:
            assert re.match(r"$|#|\s+#|\s+--hash=sha256:[0-9a-f]{64}( \\)?$|[a-z0-9.-]+==\S+( ; .+)? \\$", line), line


def test_the_test_lock_agrees_with_the_one_that_is_shipped() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / name).read_text("utf-8"), re.MULTILINE))

    assert pins("requirements.lock") < pins("requirements-test.lock")
