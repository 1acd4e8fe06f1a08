"""Makes a vendor fail all requests in one way for a while."""

from __future__ import annotations

from collections import deque

from tests.fakes import Answer


class VendorFailures(deque[Answer]):
    """Responses of a vendor that fails in the same way while `failure` is set."""

    failure = ""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline

    def __bool__(self) -> bool:
        return bool(self.failure)

    def popleft(self) -> Answer:
        late = {"status": "success", "message": "Event processed", "dedup_key": "late"}
        return {
            "error": Answer(500),
            "limited": Answer(429, headers={"Retry-After": "2"}),
            "reset": Answer(reset="before"),
            "hang": Answer(504, delay=60.0),
            "lost": Answer(reset="after"),
            "late": Answer(202, late, taken=True, delay=self.deadline + 1),
        }[self.failure]
