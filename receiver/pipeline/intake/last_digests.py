"""What each group said last to this replica: a group that says it again is hardly new."""

from __future__ import annotations

from receiver.pipeline.intake.hashed_values import LOW, HashedValues

DIGESTS = 16_384
"""Entries of the table: 10,000 groups take three fifths of them."""


class LastDigests:
    """The digest of the last notification of each group, as hashes in 128 KiB.

    Where two are equal by chance, the group is looked up once more.
    """

    def __init__(self) -> None:
        """Nothing was received yet."""
        self._digests = HashedValues(DIGESTS)

    def has(self, group: str, digest: str) -> bool:
        """Return whether `digest` is what `group` said last."""
        return self._digests.get(group) == hash(digest) & LOW

    def keep(self, group: str, digest: str) -> None:
        """Keep what `group` has said; of too many groups, those heard longest ago are forgotten."""
        self._digests.put(group, hash(digest) & LOW)
