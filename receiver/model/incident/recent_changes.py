"""Changes before an incident: deployments and releases on GitHub."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from receiver.model.base import Kept


class RecentChange(Kept):
    """One deployment or release. Its texts are untrusted."""

    kind: Literal["deployment", "release"]
    name: str
    """The deployed version: a description or a ref; for a release, its tag."""
    at: datetime
    by: str = ""
    environment: str = ""
    production: bool = False
    """Whether GitHub marks its environment as production."""
    transient: bool = False
    """Whether its environment is temporary, such as the preview of a pull request."""
    sha: str = ""
    state: str = ""
    """The final state of a deployment, such as `success`; empty: unknown."""
    url: str | None = None


class Changes(Kept):
    """The changes in a repository in the day before an incident."""

    repository: str
    items: tuple[RecentChange, ...] = ()
    """The newest first."""
    likely: int | None = None
    """Index of the most likely cause; None if there is none."""
    why: str
    """The reason for that choice."""
