"""The matchers of one entry of Alertmanager's `matchers:`: perhaps several, perhaps in braces."""

from __future__ import annotations

from receiver.triage.matchers import Matcher, MatcherError, classic_matcher, parse_matcher, split_matchers
from receiver.triage.safe_text import quoted


def upstream_matchers(text: str) -> tuple[list[Matcher], list[str], list[str]]:
    """Return the matchers in `text` as Alertmanager reads it, the mistakes in it, and the warnings."""
    found: list[Matcher] = []
    wrong: list[str] = []
    odd: list[str] = []
    for part in split_matchers(text):
        try:
            found.append(classic_matcher(part) or parse_matcher(part))
        except MatcherError as error:
            (wrong if error.refused else odd).append(explained(error))
            continue
        if found[-1].value.startswith("=") and "==" in part:
            odd.append(f"{quoted(part, 80)} matches a value that begins with =; equality is written with one =")
    return found, wrong, odd


def explained(error: MatcherError) -> str:
    """Return the message for `error`. A pattern that Alertmanager accepts is not a mistake, only unsupported."""
    return (
        str(error) if error.refused else f"{error} here; Alertmanager accepts it, so what this route matches is unknown"
    )
