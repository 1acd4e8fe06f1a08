"""`python -m deploy.grafana`: write the dashboard, and the copies in the package."""

from __future__ import annotations

import shutil
from pathlib import Path

from deploy.grafana.dashboard import text

HERE = Path(__file__).parent
DEPLOY = HERE.parent
DATA = DEPLOY.parent / "receiver" / "data"
CARRIED = (HERE / "receiver.json", DEPLOY / "prometheus" / "recording.yaml", DEPLOY / "prometheus" / "alerts.yaml")
"""The files that `receiver dashboard` and `receiver alert-rules` print, from copies in the package."""


def main() -> None:
    """Write `deploy/grafana/receiver.json` and the copies in `receiver/data/`."""
    CARRIED[0].write_text(text(), "utf-8")
    for path in CARRIED:
        shutil.copyfile(path, DATA / path.name)


if __name__ == "__main__":
    main()
