"""What a container engine would do with the Dockerfile, done with bubblewrap: the steps of the build one after another,
then the command, as process 1, as the image's user, in a network of its own, over a root that nobody can write to.

What differs from an engine: the base image is this machine's Python and its libraries, and what the lock names and the
tests' own environment has is copied, as if pip had just put it there. Of the machine's programs the running container
sees Python alone: there is no shell in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.deploy.containerfile import Stage, read
from tests.deploy.dependencies import seed

USER = 65532
VENV = "python -m venv --without-pip /opt/receiver"
PREFIX, BASE = Path(sys.prefix), Path(sys.base_prefix)
PYTHON = Path(sys.executable).resolve()
PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE", "PIP_TRUSTED_HOST", "PIP_CERT", "SSL_CERT_FILE")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def program(name: str) -> str:
    """Return where a program is; one that is missing fails the test, for it proves nothing then."""
    found = shutil.which(name)
    assert found is not None, f"{name} is missing: `make tools` installs it"
    return found


def _system(*folders: str) -> list[str]:
    # The machine's folders, read-only; some are links on Debian.
    made: list[str] = []
    for folder in folders:
        path = Path(folder)
        if path.is_symlink():
            made += ["--symlink", os.readlink(path), folder]
        elif path.exists():
            made += _bound(path)
    return made


def _bound(source: Path, target: str = "") -> list[str]:
    # Folders on the way that bubblewrap makes by itself are closed to others than its owner.
    target = target or str(source)
    above = [
        word for folder in reversed(Path(target).parents[:-1]) for word in ("--perms", "0755", "--dir", str(folder))
    ]
    return [*above, "--ro-bind", str(source), target]


def _base() -> list[str]:
    return [] if Path("/usr") == BASE else _bound(BASE)


class Build:
    """The image's files, made by the steps of the Dockerfile, in a folder."""

    def __init__(self, folder: Path, context: Path) -> None:
        """`context` holds the Dockerfile and what it copies. Raises AssertionError when a step fails."""
        self.folder = folder
        self.build, self.final = read(context / "Dockerfile")
        for name in ("src", "opt", "wheels", "var"):
            (folder / name).mkdir(parents=True)
        for word, rest in self.build.steps:
            if word == "COPY":
                *names, target = rest.split()
                for name in names:
                    self._copy(context / name, folder / self.build.folder.strip("/") / target)
            else:
                self._run(rest, self.build)
            if rest == VENV:
                (site,) = (folder / "opt/receiver/lib").glob("python3.*/site-packages")
                assert seed(context / "requirements.lock", site), "no distribution of the lock is installed here"
        for word, rest in self.final.steps:
            if word == "COPY":
                assert rest == "--from=build /opt/receiver /opt/receiver", rest
            else:
                self._run(rest, self.final)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target if target.suffix else target / source.name)

    def _run(self, line: str, stage: Stage) -> None:
        places = [
            word for name in ("src", "opt", "wheels", "var") for word in ("--bind", self.folder / name, f"/{name}")
        ]
        home = Path.home()
        cache = os.environ.get("PIP_CACHE_DIR") or str(home / ".cache" / "pip")
        command = [
            program("bwrap"), *_owner(), "--die-with-parent", "--tmpfs", "/",
            *_system("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/run"), *_base(),
            *_bound(PREFIX), *places, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
            "--bind-try", cache, cache, "--ro-bind-try", home / ".config" / "pip", home / ".config" / "pip",
            "--chdir", stage.folder if stage is self.build else "/", "/bin/sh", "-ec", line,
        ]  # fmt: skip
        # The image keeps no cache of pip; here it saves downloading everything for each run of the tests.
        env = {**stage.env, "PIP_CACHE_DIR": cache, "PATH": f"{PREFIX}/bin:/usr/bin:/bin", "HOME": str(home)}
        env.pop("PIP_NO_CACHE_DIR", None)
        env |= {name: os.environ[name] for name in (*PIP, *PROXIES) if name in os.environ}
        done = subprocess.run(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, f"RUN {line}\n{done.stdout}"


def _owner() -> list[str]:
    # Root may make files of anybody. Whoever is not root is the image's user in there, whose files it can make.
    return [] if os.geteuid() == 0 else ["--unshare-user", "--uid", str(USER), "--gid", str(USER)]


def _dropped(stage: Stage) -> list[str]:
    # What an engine does before it starts the command: its user, no capability, none to be won.
    user, group = stage.user.split(":")
    who = ["--reuid", user, "--regid", group, "--clear-groups"] if os.geteuid() == 0 else []
    caps = ["--bounding-set=-all"] if os.geteuid() == 0 else []
    return ["/setpriv", *who, "--no-new-privs", "--inh-caps=-all", *caps, "--"]


class Container:
    """The image, running."""

    def __init__(self, build: Build, config: Path, words: Sequence[str], env: Mapping[str, str]) -> None:
        """Start the image's entrypoint with `words`; `config` is mounted at /etc/receiver, read-only."""
        stage = build.final
        self.stage = stage
        self.env = {**stage.env, "PATH": "/opt/receiver/bin", **env}
        self.log = build.folder / "log"
        data = self.env["RECEIVER_DATA_DIR"]
        libraries = _system("/lib", "/lib64", "/usr/lib", "/usr/lib64")
        python = [] if Path("/usr") != BASE else _bound(PYTHON)
        read, write = os.pipe()
        command = [
            program("bwrap"), *_owner(), "--die-with-parent", "--unshare-pid", "--as-pid-1", "--unshare-net",
            "--unshare-ipc", "--unshare-uts", "--info-fd", str(write), "--tmpfs", "/", *libraries, *_base(), *python,
            "--ro-bind", program("setpriv"), "/setpriv",
            "--ro-bind", build.folder / "opt", "/opt", "--ro-bind", build.folder / "var", "/var",
            *_bound(config, "/etc/receiver"),
            "--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp",
            "--bind", build.folder / data.strip("/"), data, "--remount-ro", "/",
            "--chdir", stage.folder, *_dropped(stage), *stage.entrypoint, *words,
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log, pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as told:
            self.pid: int = json.load(told)["child-pid"]

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run one more program in the container, as `docker exec` does."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        command = [
            program("nsenter"), "--target", str(self.pid), *user, "--mount", "--net", "--pid", "--wdns=/",
            *_dropped(self.stage), *words,
        ]  # fmt: skip
        return subprocess.run(
            command, env={**self.env, **(env or {})}, capture_output=True, text=True, check=False, timeout=60
        )

    def stop(self) -> None:
        """End what is still there."""
        if self.process.poll() is None:
            os.kill(self.pid, 9)
            self.process.wait(10)
