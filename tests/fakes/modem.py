"""A real gammu-smsd with its folders and gammu's dummy modem; the test passes the messages that it receives."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.faults.programs import Program

FOLDERS = ("inbox", "outbox", "sent", "error")
CONFIG = """
[gammu]
device = {folder}/modem
connection = none
model = dummy
[smsd]
service = files
logfile = {folder}/log
commtimeout = 1
receivefrequency = 1
loopsleep = 1
checksecurity = 0
checkbattery = 0
checksignal = 0
checknetwork = 0
hangupcalls = 0
inboxpath = {folder}/inbox/
outboxpath = {folder}/outbox/
sentsmspath = {folder}/sent/
errorsmspath = {folder}/error/
inboxformat = unicode
outboxformat = unicode
"""


class Modem:
    """A modem and its gammu-smsd."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (*FOLDERS, *(f"modem/sms/{number}" for number in range(1, 6)), "modem/fs", "modem/pbk/ME"):
            (folder / name).mkdir(parents=True)
        self.config = folder / "smsd.conf"
        self.config.write_text(CONFIG.format(folder=folder))
        program = shutil.which("gammu-smsd")
        assert program is not None, "gammu-smsd is missing: `make tools` installs it"
        self.program = Program([program, "-c", str(self.config)], folder / "output")

    def receive(self, number: str, text: str) -> None:
        """Simulate an incoming message."""
        words = ["gammu", "-c", str(self.config), "savesms", "TEXT", "-folder", "1", "-unread"]
        subprocess.run([*words, "-sender", number, "-text", text], check=True, capture_output=True, timeout=20)

    def sent(self, number: str) -> list[str]:
        """Return the texts that the modem has sent to `number`, oldest first."""
        files = sorted((self.folder / "sent").glob(f"OUT*_{number}_*"), key=lambda file: file.stat().st_mtime_ns)
        return [text_of(file.read_bytes()) for file in files]

    def waiting(self) -> list[str]:
        """Return the names of the messages that wait to be sent."""
        return sorted(file.name for file in (self.folder / "outbox").iterdir() if file.name.startswith("OUT"))


def text_of(content: bytes) -> str:
    """Return a message's text as gammu-smsd stores it."""
    return content[2:].decode("utf-16-be") if content.startswith(b"\xfe\xff") else content.decode("ascii")
