"""The base of all configuration models: frozen, without unknown keys, and without the input in errors."""

from __future__ import annotations

from pydantic import ConfigDict

from receiver.model.base import Frozen


class Settings(Frozen):
    """A part of the configuration. The text under each field describes it in the reference page."""

    # A validation error repeats its input, and here the input may be a token.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
