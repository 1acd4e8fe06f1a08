"""What the locks name and this environment has, put into another one as pip would have put it there: no download."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import Distribution, distributions
from pathlib import Path


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def seed(lock: Path, site: Path) -> int:
    """Copy every distribution that `lock` pins and that is here in that version. Returns how many were copied."""
    pinned = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text("utf-8"), re.MULTILINE))
    pinned = {_name(name): version for name, version in pinned.items()}
    here: dict[str, Distribution] = {_name(each.metadata["Name"]): each for each in distributions()}
    found = [here[name] for name, version in pinned.items() if name in here and here[name].version == version]
    for each in found:
        for file in each.files or ():
            source = Path(str(each.locate_file(file)))
            if ".." not in file.parts and source.is_file():
                target = site / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
    return len(found)
