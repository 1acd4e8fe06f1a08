"""Alerts that fire on purpose and report no problem: the Watchdog, which must not stop, and InfoInhibitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from receiver.triage.matchers import Matcher

QUIET = ("Watchdog", "InfoInhibitor")
"""Alerts of kube-prometheus that always fire, and that fire to inhibit those of severity info."""
QUIET_SEVERITIES = ("", "none")
"""Their severities there: an alert of that name with another severity is a user's own."""


def is_no_alarm(labels: Mapping[str, str]) -> bool:
    """Return whether an alert with these labels is one of those kube-prometheus alerts that fire on purpose."""
    # The name first, which decides for nearly all, because this is called for each alert.
    return labels.get("alertname") in QUIET and labels.get("severity", "").strip().casefold() in QUIET_SEVERITIES


def opens(labels: Mapping[str, str], watchdog: Sequence[Matcher]) -> str:
    """Return the kind of an alert with these labels: `incident` if it opens one, else `heartbeat` or `inhibitor`.

    `watchdog` are the matchers of ingest.watchdog, none if it is off.
    """
    if watchdog and all(matcher.matches(labels) for matcher in watchdog):
        return "heartbeat"
    if is_no_alarm(labels):
        return "heartbeat" if labels.get("alertname") == QUIET[0] else "inhibitor"
    return "incident"
