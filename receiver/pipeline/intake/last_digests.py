"""What each group said last to this replica: a group that says it again is hardly new."""

from __future__ import annotations

from itertools import islice

DIGESTS = 10_000
"""Groups of which the digest of the last notification is kept."""


class LastDigests:
    """The digest of the last notification of each group, as hashes: a third of the texts' memory.

    Where two are equal by chance, the group is looked up once more.
    """

    def __init__(self) -> None:
        """Nothing was received yet."""
        self._digests: dict[int, int] = {}

    def has(self, group: str, digest: str) -> bool:
        """Return whether `digest` is what `group` said last."""
        return self._digests.get(hash(group)) == hash(digest)

    def keep(self, group: str, digest: str) -> None:
        """Keep what `group` has said; of too many groups, those heard longest ago are forgotten."""
        key = hash(group)
        self._digests.pop(key, None)
        self._digests[key] = hash(digest)
        if len(self._digests) > DIGESTS:
            # The oldest go together: to look for the first of a dictionary passes every one that was removed.
            for old in list(islice(self._digests, DIGESTS // 10)):
                del self._digests[old]
