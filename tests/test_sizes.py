"""Limits the length of functions and files of the service; longer functions are listed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "receiver"
LONG_FUNCTION, LONGEST_FUNCTION, LONGEST_FILE = 40, 60, 300
"""Lines; a few functions may be longer than the first limit, none longer than the second."""
MOST_LONG_FUNCTIONS = 10

LONG_FUNCTIONS = {
    "pipeline/intake/incident_writer.py:IncidentWriter.commit",
    "pipeline/intake/intake.py:Intake.accept",
}
"""The functions with more than 40 lines."""


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield the qualified name and the number of lines of every function of a module, nested ones included."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{prefix}{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield name, (node.end_lineno or node.lineno) - node.lineno + 1
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, prefix)


def lengths() -> tuple[dict[str, int], dict[str, int]]:
    """Return the lines of each function (`path:name`) and of each file."""
    by_function, by_file = dict[str, int](), dict[str, int]()
    for path in sorted(PACKAGE.rglob("*.py")):
        text, here = path.read_text("utf-8"), path.relative_to(PACKAGE).as_posix()
        by_file[here] = len(text.splitlines())
        by_function.update({f"{here}:{name}": lines for name, lines in functions(ast.parse(text))})
    return by_function, by_file


def over(found: dict[str, int], limit: int) -> set[str]:
    return {name for name, lines in found.items() if lines > limit}


def test_functions_and_files_are_short() -> None:
    """Shorten a function that is too long and not listed. Remove one from the list that is short enough."""
    by_function, by_file = lengths()
    assert over(by_function, LONGEST_FUNCTION) == set()
    assert over(by_function, LONG_FUNCTION) == LONG_FUNCTIONS
    assert len(LONG_FUNCTIONS) <= MOST_LONG_FUNCTIONS
    assert over(by_file, LONGEST_FILE) == set()


def test_a_long_function_is_seen() -> None:
    source = "class A:\n    def f(self):\n" + "        x = 1\n" * 60
    assert list(functions(ast.parse(source))) == [("A.f", 61)]
