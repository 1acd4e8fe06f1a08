"""The line of a file that a problem refers to, with a caret under the place. Possible secrets are hidden."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from receiver.channels import discover
from receiver.config.config_errors import ConfigError, Path, Problem
from receiver.config.settings import settings_fields
from receiver.config.settings.whole_config import Sections
from receiver.config.yaml.yaml_document import Document, Mark, read
from receiver.triage.rules.rules_file import RulesSettings

WIDEST = 110
"""Characters of a line that are shown: more would wrap on a terminal, and the caret would point elsewhere."""
HIDDEN = "***"

_VARIABLE = re.compile(r"(['\"]?)\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\}\1")
LONGEST = 4096
"""Maximum length of a line or a value that is examined; a longer one is not shown."""
_WORD = re.compile(r"[^\s'\"]+")
_RUN = re.compile(r"[A-Za-z0-9+/_=.~-]{16,}")
_SCHEME = re.compile(r"[A-Za-z0-9_]{1,32}://")
_SECRET_KEY = re.compile(r"(?i)tok|secret|pass|key|cred|auth|url|addr|pager|user|hook|sid|dsn")
"""Parts of the names of keys that hold credentials, or the misspelling of one."""
_WORDS = 24
"""Maximum length of a value under an unknown key that is shown anyway, because the word itself may be the mistake."""
_KEPT = re.compile(r"(?i)((?:token|secret|password|key|credentials|url|pager|user)\w*['\"]?\s*:\s*)(?!\s|\{|\[|$).*")
"""A key whose value may be a secret, on a line that is not YAML."""
_PLAIN_KEYS = frozenset(
    {
        *("name", "receiver", "matchers", "continue", "group_by", "group_wait", "group_interval", "repeat_interval"),
        *("send_resolved", "max_alerts", "mute_time_intervals", "active_time_intervals"),
        *("groupBy", "groupWait", "groupInterval", "repeatInterval", "sendResolved", "maxAlerts"),
        *("muteTimeIntervals", "activeTimeIntervals", "matchType", "apiVersion", "kind"),
    }
)
"""Keys of Alertmanager's file whose values are not secret."""
_UPSTREAM = frozenset({"route", "receivers", "apiVersion", "alertmanager", "alertmanager_config"})
"""Top-level keys of Alertmanager's files and of the objects that contain them."""

Span = tuple[int, int]
"""The first column, and the one after the last, counted from 1."""


@dataclass
class _File:
    lines: list[str]
    broken: bool
    """Whether it is not YAML, so that the values on its lines are unknown."""
    document: Document
    values: dict[int, list[Path]] = field(default_factory=dict)
    """The values on each line."""


class Excerpts:
    """Lines of files; each file is read once."""

    def __init__(self, read_text: Callable[[FilePath], str]) -> None:
        """`read_text` returns the text of a file, or raises ConfigError."""
        self._read = read_text
        self._files: dict[str, _File | None] = {}

    def under(self, problem: Problem) -> list[str]:
        """Return the line of `problem` and the line with the caret; nothing if there is no such line."""
        if problem.file not in self._files:
            self._files[problem.file] = self._open(problem.file)
        file = self._files[problem.file]
        if file is None or not 0 < problem.line <= len(file.lines):
            return []
        line = file.lines[problem.line - 1]
        if len(line) > LONGEST:
            return []
        spans = sorted(_secrets(file, problem.line))
        text, place = _shown(line, spans, problem.column - 1)
        if file.broken:
            text = _KEPT.sub(lambda found: found[1] + HIDDEN, _hidden(text))
            place = min(place, len(text))
        text, place = _window(text, place)
        number = f"{problem.line:>6} | "
        return [(number + text).rstrip(), " " * (len(number) - 2) + "| " + " " * place + "^"]

    def redact(self, name: str) -> list[str]:
        """Return every line of a file, with possible secrets hidden. Raises ConfigError for an unreadable file."""
        self._read(FilePath(name))
        file = self._files.setdefault(name, self._open(name))
        shown = []
        for number, line in enumerate(file.lines if file else (), 1):
            text, _ = _shown(line, sorted(_secrets(file, number)), 0) if file else (line, 0)
            # A comment, like a line that is not YAML, has no known values.
            unknown = file is None or file.broken or text.lstrip().startswith("#")
            shown.append(_KEPT.sub(lambda found: found[1] + HIDDEN, _hidden(text)) if unknown else text)
            if len(line) > LONGEST:
                shown[-1] = HIDDEN
        return shown

    def _open(self, name: str) -> _File | None:
        try:
            text = self._read(FilePath(name))
        except ConfigError:
            return None
        document = read(text, name)
        file = _File(text.splitlines(), document.value is None, document)
        for path, mark in document.marks.items():
            if mark.end != (0, 0) and _is_scalar(document.value, path):
                for line in range(mark.line, mark.end[0] + 1):
                    file.values.setdefault(line, []).append(path)
        return file


def _secrets(file: _File, line: int) -> list[Span]:
    """Return the places of possible secrets on `line`."""
    found = []
    for path in file.values.get(line, ()):
        mark = file.document.marks[path]
        if _may_be_secret(file.document, path, _written(file.lines, mark)):
            found += [span for at, span in _spans(mark, file.lines) if at == line]
    return found


def _credentials(text: str) -> Iterator[Span]:
    """Yield the places in `text` that look like a secret: a long word of letters and digits, or a URL with a user."""
    for word in _WORD.finditer(text):
        shown, begin = word[0], word.start()
        address = _SCHEME.search(shown)
        if address and "@" in shown[address.end() :]:
            yield begin + address.start(), word.end()
        elif any(c.isdigit() for c in shown) and any(c.isalpha() for c in shown):
            for run in _RUN.finditer(shown):
                yield begin + run.start(), begin + run.end()


def _hidden(text: str) -> str:
    out, at = "", 0
    for begin, end in _credentials(text):
        out, at = out + text[at:begin] + HIDDEN, end
    return out + text[at:]


def _written(lines: list[str], mark: Mark) -> str:
    if mark.line != mark.end[0]:
        return "\n" * (mark.end[0] - mark.line)
    return lines[mark.line - 1][mark.column - 1 : mark.end[1] - 1] if mark.line <= len(lines) else ""


def _spans(mark: Mark, lines: list[str]) -> list[tuple[int, Span]]:
    last, behind = mark.end
    found = []
    for line in range(mark.line, min(last, len(lines)) + 1):
        begins = mark.column if line == mark.line else len(lines[line - 1]) - len(lines[line - 1].lstrip()) + 1
        ends = behind if line == last else len(lines[line - 1]) + 1
        if begins < ends:
            found.append((line, (begins, ends)))
    return found


def _is_scalar(value: Any, path: Path) -> bool:
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return True
    return not isinstance(value, dict | list)


def _may_be_secret(document: Document, path: Path, written: str) -> bool:
    if not written or _VARIABLE.fullmatch(written):
        return False
    top = set(document.value) if isinstance(document.value, dict) else set()
    if len(written) > LONGEST:
        return True
    credential = next(_credentials(written), None) is not None
    if top & _UPSTREAM:
        keys = [part for part in path if isinstance(part, str)]
        plain = _PLAIN_KEYS.intersection(keys[-1:]) or {"match", "match_re", "matchers"}.intersection(keys)
        return credential or not plain
    if "tests" in top or top <= set(RulesSettings.model_fields):
        return credential
    found = _known_in_config(document.value, path)
    if not found and not credential:
        # An unknown key or kind of channel: its value is shown if it is an ordinary word.
        key = path[-1] if path and isinstance(path[-1], str) else ""
        return len(written) > _WORDS or not key or bool(_SECRET_KEY.search(key))
    return not found or any(settings_fields.is_secret(kind) for kind in found) or credential


def _known(annotation: Any, path: Path) -> list[Any]:
    found = [annotation]
    for part in path:
        found = [inner for outer in found for inner in settings_fields.below(outer, part)]
    return found


def _known_in_config(value: Any, path: Path) -> list[Any]:
    if len(path) > 2 and path[0] == "channels":
        entry = value["channels"].get(path[1])
        kind = entry.get("kind") if isinstance(entry, dict) else None
        channel = discover().get(kind) if isinstance(kind, str) else None
        return _known(channel.Settings, path[2:]) if channel else []
    # `token_file` names a file, and is shown.
    last = path[-1] if path else ""
    if isinstance(last, str) and last.endswith("_file"):
        return [str]
    return _known(Sections, path)


def _shown(line: str, spans: list[Span], place: int) -> tuple[str, int]:
    out, at, moved = "", 0, place
    for first, behind in spans:
        if first - 1 < at:
            continue
        out += line[at : first - 1] + HIDDEN
        at = behind - 1
        if place >= at:
            moved += len(HIDDEN) - (behind - first)
        elif place >= first - 1:
            moved = len(out) - len(HIDDEN)
    return "".join(c if c.isprintable() else " " for c in out + line[at:]), max(0, moved)


def _window(text: str, place: int) -> tuple[str, int]:
    if len(text) <= WIDEST:
        return text, place
    start = max(0, min(place - WIDEST // 2, len(text) - WIDEST))
    head, tail = "…" if start else "", "…" if start + WIDEST < len(text) else ""
    return head + text[start : start + WIDEST] + tail, place - start + len(head)
