"""An earlier release of the service, from the repository's own history, to run together with this one."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

from tests.faults.programs import ROOT

COMMIT = "277331fc3551f917d2300b6d6811e88a7d8d369e"
NEEDED = """\
The commit {commit} of this repository is missing, and without it this release cannot run together with the earlier one.
A shallow clone lacks it: `git fetch --unshallow` gets it (in CI: clone the whole history, `fetch-depth: 0`); an
archive without .git cannot run this test: clone the repository. git said: {said}"""


class HistoryMissing(AssertionError):
    """The repository's history is missing or incomplete."""


def extract(folder: Path, root: Path = ROOT, commit: str = COMMIT) -> Path:
    """Extract package and configuration of the earlier release into `folder` and return it.

    Raises HistoryMissing, with the action to take.
    """
    command = ["git", "-C", str(root), "archive", "--format=zip", commit, "receiver", "config"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as missing:
        raise HistoryMissing(NEEDED.format(commit=commit, said=missing)) from None
    if done.returncode:
        raise HistoryMissing(NEEDED.format(commit=commit, said=done.stderr.decode("utf-8", "replace").strip()))
    with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder)
    return folder
