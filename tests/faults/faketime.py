"""A clock that a test may set, for whole processes: Debian's libfaketime, read from a file that is written anew."""

from __future__ import annotations

from pathlib import Path

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class FakeTime:
    """The date of the processes that are started with `env`; their monotonic clocks stay as they are."""

    def __init__(self, file: Path, ahead: float = 0.0) -> None:
        """`ahead`: seconds that they are ahead of the machine's clock at first."""
        assert LIBRARIES, "libfaketime is not installed: make tools"
        self.file = file
        self.ahead = ahead
        self.set(ahead)

    def set(self, ahead: float) -> None:
        """Let the clock be that many seconds ahead of the machine's, within a second."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{ahead:+.0f}\n", "ascii")
        fresh.rename(self.file)
        self.ahead = ahead

    @property
    def env(self) -> dict[str, str]:
        """The environment of a process whose clock this is."""
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }
