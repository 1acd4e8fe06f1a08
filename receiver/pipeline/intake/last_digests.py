"""The digest of the last notification of each group at this replica, to recognize probable duplicates."""

from __future__ import annotations

from receiver.pipeline.intake.hashed_values import LOW, HashedValues

DIGESTS = 16_384
"""Entries of the table: 10,000 groups take three fifths of them."""


class LastDigests:
    """The digest of the last notification of each group, as hashes in 128 KiB.

    If two are equal by chance, the group is read once more.
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
