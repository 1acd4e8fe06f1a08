"""Write every page that is made of the code; `--check` only says which of them are old, and ends with 1."""

from __future__ import annotations

import sys
from pathlib import Path

from reference.pages import FOLDER, PAGES


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` name those that would change. Returns the exit code."""
    old = []
    for name, make in PAGES.items():
        file, text = FOLDER / name, make()
        if file.is_file() and file.read_text("utf-8") == text:
            continue
        old.append(file)
        if "--check" not in arguments:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    for file in old:
        print(f"{'old' if '--check' in arguments else 'written'}: {file.relative_to(Path.cwd())}")
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
