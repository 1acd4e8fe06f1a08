"""A service with the default configuration imports no modules of features that are not configured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import atexit, sys
from receiver.cli import main
atexit.register(lambda: print(*sys.modules, sep="\\n"))
main()
"""
UNNEEDED = (
    "apprise", "aiosmtplib", "cryptography.fernet", "icalendar", "jinja2", "markdown_it", "pygments", "rich",
    "receiver.config.alertmanager_file", "receiver.config.file_checks", "receiver.triage.lint",
    "tenacity", "xml.etree", "receiver.channels.apprise",
    "receiver.channels.confluence.channel", "receiver.channels.email.channel", "receiver.channels.jira.channel",
    "receiver.channels.statuspage", "receiver.channels.webhook",
)  # fmt: skip
"""Modules that are imported only when their feature is configured."""


@pytest.mark.timeout(120)
def test_a_start_loads_no_module_that_is_not_configured(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, "serve", "--listen", "127.0.0.1:0"]
    env = {**os.environ, "RECEIVER_DATA_DIR": str(tmp_path / "data")}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path) as service:
        assert service.stdout is not None
        assert service.stderr is not None
        log: list[str] = []
        for line in service.stderr:
            log.append(line)
            if '"service_started"' in line:
                break
        service.terminate()
        loaded = set(service.stdout.read().split())
    assert {"receiver.app", "receiver.channels.log"} <= loaded, "".join(log[-5:])
    assert not loaded & set(UNNEEDED)
