"""Channels are found by scanning their folder."""

from __future__ import annotations

import pytest

from receiver.channels import discover
from receiver.channels.log import Log


def test_two_channels_of_one_kind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Log, "kind", "slack")
    with pytest.raises(TypeError, match="two channels claim the kind 'slack'"):
        discover()
