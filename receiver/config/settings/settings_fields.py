"""The fields of a settings type, and their types."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr


def kinds(annotation: Any) -> Iterator[Any]:
    """Yield what `annotation` may be, without Annotated and unions."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from kinds(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from kinds(part)
    else:
        yield annotation


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the settings models that `annotation` may be."""
    for kind in kinds(annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind


def keys(annotation: Any) -> set[str]:
    """Return the keys that a mapping of this type may have, as they are written."""
    return {field.alias or name for model in models(annotation) for name, field in model.model_fields.items()}


def below(annotation: Any, key: str | int) -> list[Any]:
    """Return the possible types of `key`; none if the key is unknown."""
    found: list[Any] = []
    for model in models(annotation):
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        gathers = getattr(model, "gathers", None)
        if key in fields:
            found.append(fields[str(key)])
        elif gathers:
            found += below(model.model_fields[gathers].annotation, key)
    for kind in kinds(annotation):
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is dict:
            found.append(arguments[1])
        elif origin in (list, tuple, set, frozenset) and isinstance(key, int):
            found.append(arguments[0])
    return found


def is_secret(annotation: Any) -> bool:
    """Return whether the value is a secret."""
    return any(kind is SecretStr for kind in kinds(annotation))
