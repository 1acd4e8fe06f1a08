"""The digest of the last notification of each group at this replica, to recognize probable duplicates."""

from __future__ import annotations

from itertools import islice

DIGESTS = 10_000
"""Maximum number of groups whose last digest is kept."""


class LastDigests:
    """The digest of the last notification of each group, as hashes, which need a third of the memory.

    If two are equal by chance, the group is read once more.
    """

    def __init__(self) -> None:
        """Create it before the first notification."""
        self._digests: dict[int, int] = {}

    def has(self, group: str, digest: str) -> bool:
        """Return whether `digest` is the last digest of `group`."""
        return self._digests.get(hash(group)) == hash(digest)

    def keep(self, group: str, digest: str) -> None:
        """Store the digest of `group`; if there are too many groups, the oldest are removed."""
        key = hash(group)
        self._digests.pop(key, None)
        self._digests[key] = hash(digest)
        if len(self._digests) > DIGESTS:
            # The oldest are removed in bulk, because finding a dictionary's first key skips every removed entry.
            for old in list(islice(self._digests, DIGESTS // 10)):
                del self._digests[old]
