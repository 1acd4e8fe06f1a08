"""The text under a setting: found for each field, and not read by a service that starts."""

from __future__ import annotations

import subprocess
import sys

from receiver.config.setting_docs import field_docs
from receiver.config.settings.whole_config import Sections
from receiver.model.settings_base import Settings


class Plain(Settings):
    """A section."""

    first: int = 1
    """The first
    of them."""
    second: int = 2
    third: int = 3
    """The third."""


class Special(Plain):
    """A section with another text."""

    third: int = 4
    """Replaced."""


def test_the_text_under_a_field_describes_it() -> None:
    assert field_docs(Plain) == {"first": "The first\nof them.", "third": "The third."}
    assert field_docs(Special) == {"first": "The first\nof them.", "third": "Replaced."}


def test_a_class_without_source_code_has_no_texts() -> None:
    program: dict[str, object] = {"Settings": Settings, "__name__": "made"}
    exec("class Made(Settings):\n    one: int = 1\n    'Text.'", program)
    made = program["Made"]
    assert isinstance(made, type) and issubclass(made, Settings)
    assert field_docs(made) == {}


def test_every_section_is_described() -> None:
    assert set(field_docs(Sections)) == set(Sections.model_fields)


def test_a_start_does_not_read_the_source_of_settings() -> None:
    program = "import linecache, receiver.config.settings.whole_config; print(*linecache.cache, sep='\\n')"
    read = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "settings" not in read
