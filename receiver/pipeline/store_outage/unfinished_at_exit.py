"""Writes refused notifications that are pending when this process ends to the data folder, for the next start."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

import orjson
import structlog

from receiver.model.alert.alert import BadNotification, parse_notification
from receiver.pipeline.store_outage.refused_notifications import RefusedNotifications
from receiver.store.refused_notifications_file import RefusedNotificationsFile

END_LIMIT = 5.0
"""Maximum seconds for writing pending notifications before the process ends."""
OLDEST = 15 * 60.0
"""Maximum age in seconds of a pending notification that the next start restores: by then Alertmanager has sent its
group again, or the group has ended, which Alertmanager does not report if it never delivered the beginning."""

log = structlog.get_logger("receiver.refused")


class UnfinishedAtExit:
    """Keeps the file of pending notifications up to date."""

    def __init__(self, refused: RefusedNotifications, file: RefusedNotificationsFile | None) -> None:
        """`file` is None if there is no data folder: then they are logged."""
        self.refused = refused
        self.file = file
        self._restored = False
        refused.all_settled = self._settled

    def restore(self) -> None:
        """Restore the notifications that an earlier process left pending in this folder."""
        try:
            owed = self.file.read() if self.file else []
        except OSError as error:
            log.error("owed_notifications_read_failed", reason=str(error))
            return
        now = self.refused.clock.now().timestamp()
        bodies = [(body, sender) for at, body, sender in owed if now - at <= OLDEST]
        for body, sender in bodies:
            try:
                self.refused.add(parse_notification(body).model_copy(update={"sender": sender}), body)
            except BadNotification as bad:
                log.error("owed_notification_dropped", reason=bad.detail)
        if owed:
            self._restored = True
            log.warning("owed_notifications_restored", count=len(bodies), too_old=len(owed) - len(bodies))

    def save(self) -> None:
        """Write pending notifications.

        Safe to call from any thread, and raises nothing, because the process is ending.
        """
        bodies = self.refused.owed()
        if not bodies:
            self._settled()
            return
        if self.file is not None:
            try:
                self.file.write(bodies, self.refused.clock.now().timestamp())
            except OSError as error:
                _write_line(
                    event="owed_notifications_save_failed", was="owed_notifications_not_saved", reason=str(error)
                )
            else:
                _write_line(event="owed_notifications_saved", count=len(bodies))
                return
        for body, _ in bodies:
            _write_line(event="notification_owed", body=body.decode("utf-8", "replace"))

    def _settled(self) -> None:
        if self._restored and self.file is not None:
            with suppress(OSError):
                self.file.remove()
                self._restored = False


def _write_line(**record: object) -> None:
    # Not through the logger, because its thread may not run anymore.
    with suppress(OSError):
        os.write(sys.stderr.fileno(), orjson.dumps({"level": "critical", **record}) + b"\n")


def end_process(reason: str, owed: UnfinishedAtExit) -> None:
    """Save pending notifications, write the reason, and end this process at once with exit code 70."""
    # A disk that hangs, or a log that is not read, must not keep the process alive.
    timer = threading.Timer(END_LIMIT, os._exit, (70,))
    timer.daemon = True
    timer.start()
    try:
        owed.save()
        _write_line(event="process_ended", reason=reason, hint="start it again")
    finally:
        os._exit(70)
