"""Ordinary and hostile alerts whose texts are all marked: none of them may become public."""

from __future__ import annotations

import random
from typing import Any

from tests.stories.world import alert

MARK = "zq7x"
"""Part of every label value, annotation and label name that the generator writes."""
_SHAPES = (
    "{m}-db-17.internal.example", "10.{n}.0.7:{m}", "<script>{m}</script>", "{{{{ {m} }}}}", "{{{m}}}", "%s {m} %(x)s",
    "\u202e{m}\u202d", "{m}\x00\x1b[31m", "javascript:{m}", "https://{m}.example/?token=1", "alice@{m}.example",
    "]]>{m}<!--", "{m}\r\nSet-Cookie: {m}", "'\"><img src=x onerror={m}>", "\uffff{m}", "{m}" + "A" * 3000,
    "{m}\n\n# {m}", "<@U0{m}>", "*{m}*", "../../{m}", "{m}{n}",
)  # fmt: skip
_NAMES = (
    "instance",
    "pod",
    "host",
    "tenant",
    "customer",
    "job",
    "namespace",
    "summary",
    "runbook_url",
    "title",
    "status",
)


def hostile_alert(number: int) -> dict[str, Any]:
    """Return alert `number`: the same for the same number."""
    draw = random.Random(number)

    def text() -> str:
        return draw.choice(_SHAPES).format(m=f"{MARK}{number}", n=draw.randrange(255))

    labels = {draw.choice(_NAMES) if draw.random() < 0.8 else f"{MARK}_{number}": text() for _ in range(4)}
    labels |= {"service": draw.choice(("api", "dashboard", text()))}
    labels |= {
        "severity": draw.choice(("critical", "warning", "info", text())),
        "scope": draw.choice(("all_users", text())),
    }
    notes = {draw.choice(_NAMES): text() for _ in range(3)}
    name = draw.choice(("ApiDown", "HighErrorRate", "DiskFull", f"{MARK}Down"))
    return alert(name, labels=labels, annotations=notes)
