"""docs/channels.md is correct: every kind, the source of its credentials, and every endpoint that a vendor calls."""

from __future__ import annotations

import re

import pytest

from receiver.channels import discover
from receiver.config.settings import settings_fields
from tests.docs.pages import DOCS

PAGE = (DOCS / "channels.md").read_text("utf-8")
TICKETS = (DOCS / "tickets-and-pages.md").read_text("utf-8")
KINDS = sorted(discover())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_where_its_credentials_come_from(kind: str) -> None:
    assert f"\n### {kind}\n" in PAGE
    section = PAGE.partition(f"\n### {kind}\n")[2].partition("\n#")[0]
    if "(tickets-and-pages.md#" in section:
        section += TICKETS.partition(f"\n## {kind.title()}\n")[2].partition("\n## ")[0]
    fields = discover()[kind].Settings.model_fields
    # Every setting that turns it on, and every secret, is named there.
    wanted = {
        field.alias or name
        for name, field in fields.items()
        if settings_fields.is_secret(field.annotation) or "off" in re.split(r"[;.:] ?", field.description or "")[-1]
    }
    assert {name for name in wanted if not re.search(rf"\b{name}\b", section)} == set()


def test_the_table_has_each_kind_and_no_other() -> None:
    rows = [row for row in re.findall(r"^\| (`[^|]*`) \|", PAGE, re.MULTILINE) if "/" not in row]
    assert sorted(kind for row in rows for kind in re.findall(r"`(\w+)`", row)) == KINDS
