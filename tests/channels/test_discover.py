"""Channels are found by scanning their folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from receiver.channels import discover
from receiver.channels.log import Log


def test_two_channels_of_one_kind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Log, "kind", "slack")
    with pytest.raises(TypeError, match="two channels claim the kind 'slack'"):
        dict(discover())


def test_a_kind_is_found_without_the_others(tmp_path: Path) -> None:
    code = "import sys; from receiver.channels import discover; discover()['log']; print(*sys.modules, sep='\\n')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    loaded = {name for name in ended.stdout.split() if name.startswith("receiver.channels.")}
    needed = ("base", "delivery_error", "http_client", "log", "safe_text")
    assert loaded == {f"receiver.channels.{name}" for name in needed}
