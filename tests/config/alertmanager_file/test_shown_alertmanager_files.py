"""Alertmanager's files in the documentation cause no errors or warnings."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.config import check_files
from tests.config.alertmanager_file.test_alertmanager_file import NOW
from tests.docs.pages import DOCS, ROOT, blocks

AM = ROOT / "tests" / "samples" / "upstream" / "alertmanager"


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "getting-started.md"], ids=lambda page: page.name)
def test_a_file_that_a_page_shows_is_good(page: Path, tmp_path: Path) -> None:
    (block,) = [one for one in blocks(page) if one.name == "alertmanager.yml"]
    file = tmp_path / "alertmanager.yml"
    file.write_text(block.text)
    assert check_files([AM / "base.yaml", file], {}, now=NOW) == ([], [])
    assert check_files([file], {}, now=NOW) == ([], []), "and alone, with the built-in configuration"
