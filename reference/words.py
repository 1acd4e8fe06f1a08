"""The type of a setting and its default, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from receiver.config.json_schema import written
from receiver.config.settings import addresses
from receiver.model import setting_values
from receiver.model.oncall import rotation_settings

_BY_READER = {
    setting_values.parse_size: "size, such as `32MiB`",
    setting_values.parse_ratio: "fraction, such as `99.9%`",
    setting_values.parse_number: "number, such as `0.05` or `5%`",
    setting_values.check_zone: "time zone, such as `Europe/Berlin`",
    rotation_settings.check_handoff: "day and time, such as `Monday 09:00`",
    rotation_settings.check_weekly: "day and time, such as `Sunday 03:00`",
}
"""Quantities whose form in a file differs from their stored form, by the function that reads them."""
_BY_KIND: dict[Any, str] = {
    timedelta: "duration",
    date: "day, such as `2026-11-02`",
    time: "time of day, such as `09:00`",
    datetime: "time",
    bool: "true or false",
    int: "whole number",
    float: "number",
    SecretStr: "secret",
    str: "text",
}
_BY_NAME = {addresses.Listen: "address to listen on, such as `127.0.0.1:8080`", addresses.WebAddress: "http(s) address"}


def wording(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Return the form of a value of this type: `duration, as 15m`, `list of text`, `one of ...`."""
    known = _known(annotation, metadata)
    if known:
        return known
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return wording(arguments[0], arguments[1:])
    if origin in (Union, UnionType):
        kinds = [kind for kind in arguments if kind is not NoneType]
        return " or ".join(dict.fromkeys(wording(kind, metadata) for kind in kinds))
    if origin is Literal:
        return _one_of(arguments)
    if origin in (tuple, list):
        return f"list of {wording(arguments[0])}"
    if origin is dict:
        return f"{wording(arguments[1])} by name"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _one_of(annotation)
    return "section"


def _known(annotation: Any, metadata: Sequence[Any]) -> str | None:
    for name, text in _BY_NAME.items():
        if annotation == name or (annotation is str and set(get_args(name)[1:]) <= set(metadata)):
            return text
    for item in metadata:
        if isinstance(item, BeforeValidator | AfterValidator) and item.func in _BY_READER:
            return _BY_READER[item.func]
    return _BY_KIND.get(annotation) if isinstance(annotation, type) else None


def _one_of(words: Any) -> str:
    shown = [f"`{word}`" for word in words]
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else shown[0]


def size(count: int) -> str:
    """Return a number of bytes as it is written in a file: `32MiB`."""
    for unit in ("", "KiB", "MiB"):
        if count % 1024 or not count:
            return f"{count}{unit}"
        count //= 1024
    return f"{count}GiB"


def limits(field: FieldInfo) -> str:
    """Return the limits of a number, as `1 to 599`; "" without any."""
    least = next((item.ge for item in field.metadata if isinstance(item, annotated_types.Ge)), None)
    most = next((item.le for item in field.metadata if isinstance(item, annotated_types.Le)), None)
    if least is None:
        return ""
    return f", {least} or more" if most is None else f", {least} to {most}"


def default(field: FieldInfo) -> str:
    """Return its default: `15m`, `-` for none, `required` if it must be written."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, int) and any(
        getattr(item, "func", None) is setting_values.parse_size for item in field.metadata
    ):
        return f"`{size(value)}`"
    return "-" if value is PydanticUndefined else _shown(value)


def _shown(value: Any) -> str:
    if value is None or value in ("", (), {}) or isinstance(value, BaseModel):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"`{name}: {_text(item)}`" for name, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(f"`{_text(item)}`" for item in value)
    text = _text(value)
    return f"`{text}`" if text else "-"


def _text(value: Any) -> str:
    made = written(getattr(value, "source", value))
    if isinstance(made, bool):
        return str(made).lower()
    return made.strftime("%H:%M") if isinstance(made, time) else str(made)


def models(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the nested settings, and the form of their place: ``, `[]` in a list, `.NAME` in a map."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from models(arguments[0])
    elif origin in (Union, UnionType):
        for kind in arguments:
            yield from models(kind)
    elif origin in (tuple, list):
        yield from ((f"[]{rest}", model) for rest, model in models(arguments[0]))
    elif origin is dict:
        yield from ((f".NAME{rest}", model) for rest, model in models(arguments[1]))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
