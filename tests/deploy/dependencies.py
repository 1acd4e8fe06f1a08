"""Copies the distributions of a lock file from this environment into another one, like pip but without downloads."""

from __future__ import annotations

import csv
import os
import re
import shutil
from importlib.metadata import Distribution, distributions
from pathlib import Path


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def seed(lock: Path, site: Path) -> int:
    """Copy every distribution that `lock` pins and that is installed here in that version. Returns their number."""
    pinned = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text("utf-8"), re.MULTILINE))
    pinned = {_name(name): version for name, version in pinned.items()}
    here: dict[str, Distribution] = {_name(each.metadata["Name"]): each for each in distributions()}
    found = [here[name] for name, version in pinned.items() if name in here and here[name].version == version]
    made: set[Path] = set()
    for each in found:
        here_it_is = Path(str(each.locate_file("")))
        for name, *_ in csv.reader((each.read_text("RECORD") or "").splitlines()):
            if ".." not in name:
                _put(here_it_is / name, site / name, made)
    return len(found)


def _put(source: Path, target: Path, made: set[Path]) -> None:
    if target.parent not in made:
        target.parent.mkdir(parents=True, exist_ok=True)
        made.add(target.parent)
    try:
        os.link(source, target)  # read-only in practice: pip replaces files, and the container cannot write
    except FileNotFoundError:
        return
    except OSError:
        shutil.copy2(source, target)
