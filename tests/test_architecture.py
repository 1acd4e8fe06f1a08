"""The architecture is as documented: allowed imports, modules that read a clock, and broad exception handlers."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "receiver"
FILES = sorted(PACKAGE.rglob("*.py"))

SHARED = {"clock", "metrics", "log", "config"}
"""Modules and packages that every outer package may import."""
INNER_PACKAGES = {"model", "triage", "incident", "store", "channels", "sources", "review"}
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "triage": {"model"},
    "incident": {"model"},
    "loop_time": {"clock"},
    "store": {"model", "loop_time"},
    "channels": {"model", "host_resolver"},
    "sources": {"model", "host_resolver"},
    "host_resolver": set(),
    "review": {"model"},
    "clock": {"model"},
    "metrics": {"model"},
    "log": {"model", "terminal"},
    "terminal": set(),
    "config": {"model", "triage", "incident", "channels"},
    "pipeline": INNER_PACKAGES | SHARED,
    "web": {"model", "pipeline", "store", "review"} | SHARED,
    "decision_policies": {"model", "triage", "incident", "review", "config"},
    "active_config_builder": {"decision_policies"} | INNER_PACKAGES | SHARED | {"pipeline"},
    "replica": INNER_PACKAGES | SHARED | {"pipeline", "active_config_builder"},
    "reload": SHARED | {"replica"},
    "app": INNER_PACKAGES | SHARED | {"pipeline", "web", "active_config_builder", "replica", "reload"},
    "cli": INNER_PACKAGES
    | SHARED
    | {"pipeline", "web", "active_config_builder", "replica", "reload", "app", "terminal"},
    "__main__": {"cli"},
}
PURE = ("model", "triage", "incident", "review")
DOES_IO = {
    *("aiohttp", "asyncio", "http", "logging", "multiprocessing", "os", "random", "redis", "requests", "secrets"),
    *("select", "shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "structlog", "subprocess", "tempfile"),
    *("threading", "time", "uuid", "uvloop"),
}
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"} | {
    *("process_time", "process_time_ns", "thread_time", "clock_gettime", "localtime", "gmtime", "ctime")
}
EMPTY_NAMES = {"utils", "util", "manager", "service", "core", "helpers", "helper", "common", "misc", "base_service"}


def package_of(path: Path) -> str:
    """Return the package of a file, or its own name if it is next to the packages."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and dotted name of each import of a module, including those in functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if module == "receiver":
                yield from ((node.lineno, f"receiver.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def forbidden_imports(package: str, tree: ast.AST) -> list[str]:
    found = []
    for line, name in imports(tree):
        parts = name.split(".")
        if name.startswith("."):
            found.append(f"{line}: {name}: write the whole name, so that it can be read where it leads")
        elif parts[0] == "receiver" and len(parts) > 1 and not parts[1].startswith("__version"):
            if parts[1] != package and parts[1] not in MAY_IMPORT[package]:
                found.append(f"{line}: {package} may not import {parts[1]}")
        elif package in PURE and parts[0] in DOES_IO:
            found.append(f"{line}: {package} is pure and may not import {parts[0]}")
    return found


def clock_reads(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{node.lineno}: from time import {a.name}" for a in node.names if a.name in CLOCKS]
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            last = owner.rpartition(".")[2]
            from_time = last == "time" and node.attr in CLOCKS
            from_date = last in ("datetime", "date") and node.attr in ("now", "utcnow", "today")
            from_loop = node.attr == "time" and (last.endswith("loop") or last.endswith("loop()"))
            if from_time or from_date or from_loop:
                found.append(f"{node.lineno}: {owner}.{node.attr}")
    return found


def broad_catches(tree: ast.AST) -> list[str]:
    """Return where everything is caught and kept; a clean-up that ends in a bare `raise` keeps nothing."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            last = node.body[-1]
            passes_on = isinstance(last, ast.Raise) and last.exc is None
            if is_broad(node.type) and not passes_on:
                found.append(f"{node.lineno}: except {ast.unparse(node.type) if node.type else ''}".rstrip())
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            found += [f"{node.lineno}: {ast.unparse(node)}" for argument in node.args if is_broad(argument)]
    return found


def is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(ast.unparse(name).rpartition(".")[2] in ("Exception", "BaseException") for name in names)


def label(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@pytest.mark.parametrize("path", FILES, ids=label)
def test_imports_go_one_way(path: Path) -> None:
    package = package_of(path)
    if package != "__init__":
        assert package in MAY_IMPORT, f"{label(path)} is in no package of docs/architecture"
        assert forbidden_imports(package, parse(path)) == []


@pytest.mark.parametrize("path", [path for path in FILES if path != PACKAGE / "clock.py"], ids=label)
def test_only_the_clock_reads_a_clock(path: Path) -> None:
    assert clock_reads(parse(path)) == []


# The work loop, the loops next to it, and request handling continue after any failure of a step, and count it.
LOOPS = (
    PACKAGE / "pipeline" / "worker" / "leased_deliveries.py",
    PACKAGE / "pipeline" / "supervision.py",
    PACKAGE / "web" / "http" / "error_responses.py",
)


@pytest.mark.parametrize("path", [path for path in FILES if path not in LOOPS], ids=label)
def test_only_a_loop_catches_everything(path: Path) -> None:
    assert broad_catches(parse(path)) == []


@pytest.mark.parametrize("path", FILES, ids=label)
def test_every_folder_is_a_package_and_every_name_says_something(path: Path) -> None:
    assert (path.parent / "__init__.py").exists(), "the wheel leaves out a folder without __init__.py"
    assert not EMPTY_NAMES & set(path.relative_to(PACKAGE).with_suffix("").parts)


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("triage", "from receiver.store.keys import Keys"),
        ("store", "import receiver.channels.base"),
        ("channels", "from receiver import store"),
        ("model", "def f():\n    from receiver.clock import Clock"),
        ("pipeline", "from receiver.web import errors"),
        ("web", "from receiver.channels import base"),
        ("incident", "import time"),
        ("triage", "import aiohttp.web"),
        ("model", "from .base import Frozen"),
    ],
)
def test_a_wrong_import_is_seen(package: str, source: str) -> None:
    assert len(forbidden_imports(package, ast.parse(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "time.monotonic()",
        "from time import perf_counter",
        "field(default_factory=time.time)",
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "date.today()",
        "asyncio.get_running_loop().time()",
        "self.loop.time()",
    ],
)
def test_a_clock_read_is_seen(source: str) -> None:
    assert len(clock_reads(ast.parse(source))) == 1


@pytest.mark.parametrize("source", ["clock.now()", "self.clock.monotonic()", "moment.time()", "time.sleep(1)"])
def test_what_reads_no_clock_is_let_pass(source: str) -> None:
    assert clock_reads(ast.parse(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    f()\nexcept:\n    pass",
        "try:\n    f()\nexcept (ValueError, Exception) as e:\n    log(e)",
        "try:\n    f()\nexcept builtins.BaseException:\n    raise Other from None",
        "with contextlib.suppress(Exception):\n    f()",
    ],
)
def test_a_broad_catch_is_seen(source: str) -> None:
    assert len(broad_catches(ast.parse(source))) == 1


@pytest.mark.parametrize(
    "source",
    ["try:\n    f()\nexcept ValueError:\n    pass", "try:\n    f()\nexcept BaseException:\n    close()\n    raise"],
)
def test_a_narrow_catch_is_let_pass(source: str) -> None:
    assert broad_catches(ast.parse(source)) == []


def test_coverage_is_measured_in_the_pure_packages_by_tests_that_exist() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["coverage"]["run"]
    assert settings["source"] == [f"receiver/{name}" for name in PURE]
    assert settings["branch"] is True
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    lines = re.findall(r"^(PURE|STORIES|SWEEPS|MEASURED) *:?= (.+)$", text, re.MULTILINE)
    made = {name: words.split() for name, words in lines}
    assert tuple(made["PURE"]) == PURE
    files = [f"tests/stories/test_{name}.py" for name in made["STORIES"]]
    files += [f"tests/{name}" for name in PURE] + made["SWEEPS"]
    files += [name for name in made["MEASURED"] if re.fullmatch(r"tests/[\w/]+\.py", name)]
    assert len(files) > 30
    assert [name for name in files if not (ROOT / name).exists()] == []
