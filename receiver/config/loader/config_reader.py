"""Reads one configuration section by section and collects every error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path as FilePath
from typing import Annotated, Any

from pydantic.fields import FieldInfo

from receiver.config.config_errors import MOST, ConfigError, Path, Problem, dotted, one_of
from receiver.config.loader import cross_checks, secret_files
from receiver.config.loader.channel_entries import read_channels
from receiver.config.loader.config_draft import Draft
from receiver.config.loader.included_files import include_files
from receiver.config.loader.rules_loader import load_rules
from receiver.config.loader.store_checks import read_store_files
from receiver.config.loader.validation import validate
from receiver.config.settings.whole_config import Config, Sections
from receiver.config.yaml.yaml_document import Document, Mark
from receiver.model.severity import Severity, meant_severity
from receiver.model.severity_policy import SEVERITY_DEFAULTS
from receiver.triage.rules.rules_file import RulesSettings

HASH_DIGITS = 16


class Reading:
    """The parts of a document that have been read so far, and the errors in it."""

    def __init__(self, document: Document, base: FilePath) -> None:
        """Create it for a document; its files are relative to the folder `base`."""
        self.document = document
        self.base = base
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.parts: dict[str, Any] = {}
        self.rules: RulesSettings | None = None
        self.rules_document: Document | None = None
        self.draft: Draft | None = None
        self.partly: dict[str, dict[Any, Any]] = {}
        """Entries with errors of their own, without the settings that are wrong."""
        self.off: dict[str, str] = {}
        self.hash = ""

    def read(self, overrides: Mapping[str, str], included: Callable[[FilePath], Document] | None = None) -> None:
        """Read every section, then check the references between them; `overrides` replace values of the document.

        `included` reads one of the files that `include` names.
        """
        raw = {} if self.document.value is None else self.document.value
        if not isinstance(raw, dict):
            self.problems.append(self.document.problem((), "not a mapping", "write sections, such as channels:"))
        if not isinstance(raw, dict) or (self.document.value is None and self.document.problems):
            return
        # A section that is written but empty counts as omitted, because people comment out its lines.
        raw = self.overridden({key: value for key, value in raw.items() if value is not None}, overrides)
        if included is not None:
            problems, notes = include_files(raw, self.document, self.base, included)
            self.problems += problems
            self.notes += notes
        unknown = [key for key in raw if key not in Sections.model_fields]
        for key in unknown[:MOST]:
            hint = one_of(key, Sections.model_fields)
            self.problems.append(self.document.problem((key,), "unknown key", hint, at_key=True))
        if unknown[MOST:]:
            self.problems.append(self.document.problem((), f"{len(unknown) - MOST} more unknown keys"))
        for name, info in Sections.model_fields.items():
            if name in raw:
                self.section(name, info, raw[name])
            elif info.is_required():
                hint = "write at least one" if name == "channels" else "write SEV-1 to SEV-4"
                self.problems.append(self.document.problem((name,), "missing", hint))
        self.together(raw)

    def overridden(self, raw: dict[str, Any], overrides: Mapping[str, str]) -> dict[str, Any]:
        """Return `raw` with the values of `overrides`, by dotted key."""
        for name, value in overrides.items():
            section, _, setting = name.partition(".")
            if isinstance(raw.get(section, {}), dict):
                kept = {key: item for key, item in raw.get(section, {}).items() if key != f"{setting}_file"}
                raw[section] = {**kept, setting: value}
                # It is not in the file, so a problem is reported at the section, with the full name of the key.
                marks = self.document.marks
                marks[section, setting] = marks.setdefault((section,), Mark(1, 1, 1, 1))
        return raw

    def section(self, name: str, info: FieldInfo, value: Any) -> None:
        """Read one section into `parts`."""
        if name == "channels" and isinstance(value, dict):
            self.parts[name], problems, notes = read_channels(value, self.document, self.base)
            self.problems += problems
            self.notes += notes
            return
        self.problems += secret_files.read_files(value, info.annotation, self.document, self.base, (name,))
        if name == "redis":
            self.problems += read_store_files(value, self.document, self.base)
        if name != "people":  # an address is a credential only for a pager; elsewhere it is a plain identifier
            self.notes += secret_files.in_clear(value, info.annotation, self.document, (name,))
        if name == "severities" and isinstance(value, dict):
            value = {key: _with_defaults(key, item) for key, item in value.items()}
        kind = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        if name not in _NAMED or not isinstance(value, dict):
            found, problems = validate(kind, value, self.document, (name,))
            self.problems += problems
            if not problems:
                self.parts[name] = found
            return
        # Each entry is read separately: one with an error must not hide the errors of the others.
        self.parts[name] = {}
        for key, item in value.items():
            found, problems = validate(kind, {key: item}, self.document, (name,))
            self.problems += problems
            self.parts[name] |= found or {}
            if problems and isinstance(item, dict) and len(item) < MOST:
                self.partly.setdefault(name, {}).update(self.without(kind, (name, key), item, problems))

    def without(self, kind: Any, path: Path, item: dict[Any, Any], problems: list[Problem]) -> dict[Any, Any]:
        """Return the entry at `path` without its invalid settings, so that references in the others are checked."""
        name, key = path
        wrong = [problem.path for problem in problems]
        kept = {
            field: value
            for field, value in item.items()
            if not any(at == (own := dotted((*path, field))) or at.startswith((f"{own}.", f"{own}[")) for at in wrong)
        }
        kept = _with_defaults(key, kept) if name == "severities" else kept
        found, _ = validate(kind, {key: kept}, self.document, (str(name),))
        return found or {}

    def together(self, raw: dict[str, Any]) -> None:
        """Read the rules, and check the references between sections."""
        named = self.parts.get("severity_rules")
        self.rules, problems, self.rules_document = load_rules(named, self.document, self.base)
        self.problems += problems
        self.parts["severities"] = {**_severities(self.document), **self.parts.get("severities", {})}
        draft = self.draft = Draft(
            self.document, raw, Sections.model_construct(**{"channels": {}, **self.parts}), self.rules
        )
        self.problems += islice(cross_checks.problems(draft), MOST)
        if self.partly:
            more = {name: {**self.parts.get(name, {}), **entries} for name, entries in self.partly.items()}
            parts = {"channels": {}, **self.parts, **more}
            partly = Draft(self.document, raw, Sections.model_construct(**parts), self.rules)
            told = set(self.problems)
            self.problems += [one for one in islice(cross_checks.names(partly), MOST) if one not in told]
        self.notes += cross_checks.notes(draft)
        self.off = draft.off
        rules = None if self.rules_document is None else self.rules_document.value
        content = json.dumps([raw, rules], sort_keys=True, default=str)
        self.hash = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:HASH_DIGITS]

    @property
    def mistakes(self) -> list[Problem]:
        """Every error."""
        places = {(problem.file, problem.line, problem.column) for problem in self.document.problems}
        # An error of YAML is not reported again for the value that is missing.
        later = [problem for problem in self.problems if (problem.file, problem.line, problem.column) not in places]
        return [*self.document.problems, *later]

    def config(self) -> Config:
        """Return the configuration. Raises ConfigError if there was an error."""
        if self.rules is None or self.mistakes:
            raise ConfigError(self.mistakes)
        notes = tuple(sorted(set(self.notes)))
        file = self.document.file
        return Config(**self.parts, rules=self.rules, notes=notes, off=self.off, hash=self.hash, file=file)


_NAMED = ("severities", "escalations", "contacts", "people", "schedules", "teams")


def _with_defaults(severity: Any, value: Any) -> Any:
    # A wrong key is one error, not another one for each setting that its entry may omit.
    known = meant_severity(severity) or Severity.SEV1
    return {**SEVERITY_DEFAULTS[known], **value} if isinstance(value, dict) else value


def _severities(document: Document) -> dict[Any, Any]:
    kind = Sections.model_fields["severities"].annotation
    return validate(kind, dict(SEVERITY_DEFAULTS), document)[0] or {}
