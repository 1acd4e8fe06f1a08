"""What was changed before an incident: deployments and releases, as GitHub tells."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from receiver.model.base import Kept


class RecentChange(Kept):
    """One deployment or release. Its texts are foreign."""

    kind: Literal["deployment", "release"]
    name: str
    """What was deployed: a description or a ref; of a release its tag."""
    at: datetime
    by: str = ""
    environment: str = ""
    production: bool = False
    """Whether GitHub marks its environment as production."""
    transient: bool = False
    """Its environment is one that goes away again, as the preview of a pull request."""
    sha: str = ""
    state: str = ""
    """The final state of a deployment, such as `success`; empty: unknown."""
    url: str | None = None


class Changes(Kept):
    """What a repository tells about the day before an incident."""

    repository: str
    items: tuple[RecentChange, ...] = ()
    """The newest first."""
    likely: int | None = None
    """Index of the one that most likely is the cause; None: none is."""
    why: str
    """Why that one, or why none."""
