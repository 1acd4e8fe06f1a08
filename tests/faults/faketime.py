"""A clock that a test can set for whole processes: Debian's libfaketime, which reads it from a file."""

from __future__ import annotations

from pathlib import Path

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class FakeTime:
    """The date of processes that are started with `env`; their monotonic clocks are not changed."""

    def __init__(self, file: Path, ahead: float = 0.0) -> None:
        """`ahead`: initial seconds ahead of the machine's clock."""
        assert LIBRARIES, "libfaketime is not installed: make tools"
        self.file = file
        self.ahead = ahead
        self.set(ahead)

    def set(self, ahead: float) -> None:
        """Set the clock that many seconds ahead of the machine's; it takes effect within a second."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{ahead:+.0f}\n", "ascii")
        fresh.rename(self.file)
        self.ahead = ahead

    @property
    def env(self) -> dict[str, str]:
        """The environment of a process with this clock."""
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }
