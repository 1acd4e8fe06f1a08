"""The file of severity rules that a configuration names."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path as FilePath

from receiver.config.config_errors import Problem
from receiver.config.loader.validation import validate
from receiver.config.yaml.yaml_document import Document, read
from receiver.triage.rules.rules_file import RulesSettings

PACKAGED = FilePath(str(files("receiver"))) / "data"
"""The folder of the default files."""


def read_rules(text: str, name: str) -> tuple[RulesSettings | None, list[Problem], Document]:
    """Return the rules in `text`, every problem, and the document. `name` is the file's name in messages."""
    document = read(text, name)
    if document.value is None and not document.problems:
        document.value = {}
    if document.problems:
        return None, document.problems, document
    rules, problems = validate(RulesSettings, document.value, document)
    return rules, problems, document


def load_rules(
    named: str | None, document: Document, base: FilePath
) -> tuple[RulesSettings | None, list[Problem], Document | None]:
    """Return the rules in the file `named`; without a name, the rules that ship with the service."""
    path = PACKAGED / "severity-rules.yaml" if named is None else base / named
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        problem = document.problem(("severity_rules",), "the file is not UTF-8 text", "save it as UTF-8")
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "not a path"
        message = f"the file cannot be read: {said}"
        problem = document.problem(("severity_rules",), message, "a path relative to this file")
    else:
        return read_rules(text, str(path))
    return None, [problem], None
