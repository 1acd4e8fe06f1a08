"""Writes every page that is generated from the code; `--check` only lists outdated ones, and exits with 1."""

from __future__ import annotations

import sys
from pathlib import Path

from reference.pages import DOCS, FOLDER, PAGES, TABLES


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` list those that would change. Returns the exit code."""
    old = []
    pages = [(FOLDER / name, make()) for name, make in PAGES.items()]
    pages += [(DOCS / name, fill((DOCS / name).read_text("utf-8"))) for name, fill in TABLES.items()]
    for file, text in pages:
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
