"""Data that was missing when a severity was decided: which alert rule to fix, and how."""

from __future__ import annotations

from typing import NamedTuple

KINDS = ("measurement", "missing", "scope", "severity", "service", "query", "team")
"""A small fixed set, suitable for a metric's label (`severity_unknowns_total{kind}`)."""
_REMEDY = {
    "measurement": "write it in the alert rule as a number with its unit, as in 7.3%, 6.2s or 1.6x",
    "missing": "add it to the alert rule's annotations, as the rules file says in `measurements`",
    "scope": "give the alert rule a scope that the rules file knows in `scope.order`",
    "severity": "give the alert rule a severity that `otherwise.map` knows, or add the word there",
    "service": "correct the label service of the alert rule, or add a component to `status_page.components`",
    "team": "add a matcher for it to a team in `teams`, or a last team without matchers that owns the rest",
    "query": "check the query in `measurements`, and that Prometheus answers it",
}


class SeverityUnknown(NamedTuple):
    """One value of an alert that the rules could not use."""

    alertname: str
    kind: str
    text: str
    """The reason as text; untrusted text in it is quoted."""
    generator_url: str
    """The address of the alert rule according to the sender: text to show, never an address to request."""

    @property
    def about(self) -> str:
        """Its subject: an alert rule is listed once per subject, however its values vary."""
        return self.text.split(" ", 1)[0] if self.kind in ("measurement", "missing", "query") else self.kind


def remedy(kind: str) -> str:
    """Return the correction for one of `KINDS`."""
    return _REMEDY[kind]
