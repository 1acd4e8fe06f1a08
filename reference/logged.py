"""Reads the log events from the code: name, levels and fields, from the calls that log them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

CODE = Path(__file__).parents[1] / "receiver"
LEVELS = ("debug", "info", "warning", "error", "critical")
METHODS = {level: level for level in LEVELS} | {"exception": "error", "template": "info"}
"""The level of each method of a logger. `template` prepares a frequent line (`receiver.log.DirectLog`)."""
LOGGERS = ("get_logger", "DirectLog")
DEPENDS = "…"
"""Stands for fields that depend on the caller."""
OWN_LINE = re.compile(r'\\?"level\\?":\\?"(\w+)\\?",\\?"event\\?":\\?"(\w+)\\?",\\?"(\w+)\\?":')
"""A line that the writer of the log composes itself."""
LAST_WORDS = "_write_line"
"""The function that writes lines at level critical while the process ends, without the logger."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class LoggedEvent:
    """An event, from all calls that log it."""

    levels: set[str] = field(default_factory=set)
    fields: dict[str, None] = field(default_factory=dict)
    """In the order of the calls."""


@cache
def events() -> dict[str, LoggedEvent]:
    """Return all events by name, sorted. Raises ValueError for a call whose event or fields cannot be determined."""
    found: dict[str, LoggedEvent] = {}
    for path in sorted(CODE.rglob("*.py")):
        source = path.read_text("utf-8")
        if path.is_relative_to(CODE / "log"):
            lines: list[_Line] = [(name, {level}, [key]) for level, name, key in OWN_LINE.findall(source)]
        else:
            lines = list(lines_of(source, path.name)) if any(name in source for name in LOGGERS) else []
        for name, levels, fields in lines:
            event = found.setdefault(name, LoggedEvent())
            event.levels |= levels
            event.fields |= dict.fromkeys(fields)
    return dict(sorted(found.items()))


_Line = tuple[str, set[str], list[str]]


def lines_of(source: str, name: str) -> Iterator[_Line]:
    """Yield event, levels and fields of each call of a module that logs. Raises ValueError as `events` does."""
    module = _Module(ast.parse(source), name)
    for function, call in _calls(module.tree, None):
        if _called(call) == LAST_WORDS:
            yield from module.last_words(call)
        elif levels := module.levels(call.func, function):
            yield from module.lines(call, levels, function)


def _calls(node: ast.AST, function: ast.AST | None) -> Iterator[tuple[ast.AST | None, ast.Call]]:
    # Each call with the function that it is in.
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield function, child
        yield from _calls(child, child if isinstance(child, FUNCTIONS) else function)


class _Module:
    def __init__(self, tree: ast.Module, name: str) -> None:
        self.tree, self.name = tree, name
        self.loggers = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign) and _called(node.value) in LOGGERS
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def levels(self, called: ast.expr, function: ast.AST | None) -> set[str]:
        """Return the levels at which a call of `called` logs; none: it does not log."""
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            return {METHODS[called.attr]} if called.value.id in self.loggers and called.attr in METHODS else set()
        if isinstance(called, ast.Name) and function is not None:
            # `say = log.info if taken else log.warning`
            ways = [way for value in _assigned(function, called.id) for way in ast.walk(value)]
            return {level for way in ways if isinstance(way, ast.Attribute) for level in self.levels(way, None)}
        # `getattr(structlog.get_logger(name), level)(...)`: the function that chooses the level also gives the event.
        chosen = isinstance(called, ast.Call) and _called(called) == "getattr" and _called(called.args[0]) in LOGGERS
        return set(LEVELS) if chosen else set()

    def lines(self, call: ast.Call, levels: set[str], function: ast.AST | None) -> Iterator[_Line]:
        """Yield what a call logs."""
        if len(levels) == len(LEVELS):
            yield from self._chosen(call)
            return
        fields = [name for keyword in call.keywords for name in self._fields(keyword, function)]
        if isinstance(call.func, ast.Attribute) and call.func.attr == "exception":
            fields.append("exception")
        for name in self._names(call.args[0], function):
            yield name, levels, ["exception" if one == "exc_info" else one for one in fields]

    def last_words(self, call: ast.Call) -> Iterator[_Line]:
        """Yield what a call writes without the logger."""
        given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        for name in _branches(given.pop("event")):
            yield name, {"critical"}, list(given)

    def _names(self, event: ast.expr, function: ast.AST | None) -> list[str]:
        found: list[str] = []
        if isinstance(event, ast.Name) and function is not None:
            found = [text for value in _assigned(function, event.id) for text in _branches(value)]
        elif isinstance(event, ast.Subscript):
            # `EVENTS[kind]`: one of the values of a dictionary of the module
            tables = _assigned(self.tree, ast.unparse(event.value))
            found = [
                text for one in tables if isinstance(one, ast.Dict) for value in one.values for text in _branches(value)
            ]
        else:
            found = _branches(event)
        if not found:
            raise ValueError(f"{self.name}:{event.lineno}: the name of the event cannot be determined")
        return found

    def _chosen(self, call: ast.Call) -> Iterator[_Line]:
        # A function of the module returns level, event and fields.
        own = {keyword.arg for keyword in call.keywords if keyword.arg}
        for function in self.tree.body:
            for node in ast.walk(function) if isinstance(function, FUNCTIONS) else ():
                if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:
                    level, event, fields = node.value.elts
                    names = [*own, *_given(function, ast.unparse(fields))]
                    for name in _branches(event):
                        yield name, set(_branches(level)), names

    def _fields(self, keyword: ast.keyword, function: ast.AST | None) -> list[str]:
        if keyword.arg:
            return [keyword.arg]
        value, name = keyword.value, ast.unparse(keyword.value)
        if isinstance(value, ast.Call) and name.startswith("log_fields("):
            return list(_delivery_fields())
        if isinstance(function, FUNCTIONS) and function.args.kwarg is not None and function.args.kwarg.arg == name:
            return [DEPENDS]
        # `accepted.fields` is what `fields` or `line.fields` has been given.
        found = _keys(value) or _given(self.tree, name.rpartition(".")[2])
        if not found:
            raise ValueError(f"{self.name}:{value.lineno}: the fields of {name} cannot be determined")
        return found


def _called(node: ast.expr) -> str:
    # The name of the function that `node` calls.
    return ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


def _branches(node: ast.expr) -> list[str]:
    # The texts that an expression can be.
    if isinstance(node, ast.IfExp):
        return [*_branches(node.body), *_branches(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _assigned(tree: ast.AST, name: str) -> list[ast.expr]:
    # The values that are assigned to the variable or attribute `name`.
    found = []
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        if node_value := getattr(node, "value", None):
            found += [node_value for target in targets if ast.unparse(target).rpartition(".")[2] == name]
    return found


def _keys(node: ast.AST) -> list[str]:
    # The keys of the dictionaries that are written in an expression, in its order.
    written = [one for one in ast.walk(node) if isinstance(one, ast.Dict)]
    return [str(key.value) for one in written for key in one.keys if isinstance(key, ast.Constant)]


def _given(tree: ast.AST, name: str) -> list[str]:
    # The keys that a module gives to the dictionary `name`: in its definition, one by one, or by `update`.
    found = [key for value in _assigned(tree, name) for key in _keys(value)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-2:] == [name, "update"]:
            found += [keyword.arg for keyword in node.keywords if keyword.arg]
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            place, key = node.targets[0].value, node.targets[0].slice
            if ast.unparse(place).rpartition(".")[2] == name and isinstance(key, ast.Constant):
                found.append(str(key.value))
    return found


@cache
def _delivery_fields() -> list[str]:
    tree = ast.parse((CODE / "pipeline/delivery/delivery_log.py").read_text("utf-8"))
    return _keys(next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "log_fields"))
