"""The text under each field of a model, which describes a setting in the reference page and in the schemas.

Pydantic can read it as well (`use_attribute_docstrings`), but does so for each class at each start. This took 8 % of
the CPU of a start and kept the source of every settings module in memory, for text that a running service never shows.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


@cache
def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """Return the text of each field that has one, by the field's name; a base class's text counts unless replaced.

    A class without source code has no texts.
    """
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            found |= _own_docs(one)
    explicit = {name: field.description for name, field in model.model_fields.items() if field.description}
    return {name: text for name, text in (found | explicit).items() if name in model.model_fields}


def _own_docs(model: type[BaseModel]) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    except (OSError, TypeError):
        return {}
    definition = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    docs = {}
    for field, text in pairwise(definition.body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            docs[field.target.id] = inspect.cleandoc(text.value.value)
    return docs
