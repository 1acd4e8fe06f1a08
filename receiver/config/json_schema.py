"""JSON schemas of the files, generated from the settings, so that an editor can complete and check them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from receiver.channels import discover
from receiver.config.loader.secret_files import SUFFIX
from receiver.config.setting_docs import field_docs
from receiver.config.settings import settings_fields
from receiver.config.settings.alertmanager_address import AlertmanagerAddress
from receiver.config.settings.whole_config import Sections
from receiver.config.yaml.yaml_document import EXTENSION
from receiver.model.setting_values import parse_number, parse_ratio, parse_size
from receiver.model.severity_policy import SEVERITY_DEFAULTS, SeveritySettings
from receiver.triage.measurements.alert_fields import SourceSettings
from receiver.triage.rules.rule_tests import RuleTests
from receiver.triage.rules.rules_file import RulesSettings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = r"\$\{"
"""A reference to a variable: the environment decides the value of a text that contains one."""


class Kind(StrEnum):
    """Which file."""

    CONFIG = "config"
    RULES = "rules"
    RULE_TESTS = "rule-tests"


FILES = {
    Kind.CONFIG: "receiver.schema.json",
    Kind.RULES: "severity-rules.schema.json",
    Kind.RULE_TESTS: "severity-rules.test.schema.json",
}
"""Their names in `config/`."""
_TITLES = {
    Kind.CONFIG: "Configuration of receiver",
    Kind.RULES: "Severity rules of receiver",
    Kind.RULE_TESTS: "Tests of severity rules of receiver",
}
_MODELS: Mapping[Kind, type[BaseModel]] = {
    Kind.CONFIG: Sections,
    Kind.RULES: RulesSettings,
    Kind.RULE_TESTS: RuleTests,
}
_TEXTS: Mapping[Any, JsonSchemaValue] = {
    parse_size: {"type": ["integer", "string"], "pattern": r"^\d+\s*(B|KB|kB|MB|GB|KiB|MiB|GiB)?$"},
    parse_number: {"type": ["number", "string"], "pattern": r"^[+-]?[0-9.]+([eE][+-]?\d+)?\s*%?$"},
    parse_ratio: {"type": ["number", "string"], "pattern": r"^\+?[0-9.]+([eE][+-]?\d+)?\s*%?$"},
}
"""Quantities whose form in a file differs from their stored form."""


def schema(kind: Kind) -> str:
    """Return the JSON schema of a kind of file, as text with a final line break."""
    model = _MODELS[kind]
    models: list[type[BaseModel]] = [model]
    if kind is Kind.CONFIG:
        models += [channel.Settings for _, channel in sorted(discover().items())]
    refs, made = models_json_schema([(one, "validation") for one in models], schema_generator=_Writer)
    definitions: dict[str, Any] = made["$defs"]
    top = definitions.pop(_name(refs[model, "validation"]))
    if kind is Kind.CONFIG:
        definitions.pop("ChannelSettings", None)
        entries = [refs[one, "validation"] for one in models[1:]]
        top["properties"]["channels"]["additionalProperties"] = {"anyOf": entries}
        for name, section in top["properties"].items():
            if name not in top["required"]:
                # A section that is written but empty counts as omitted.
                top["properties"][name] = {"anyOf": [section, {"type": "null"}]}
    top["patternProperties"] = {f"^{EXTENSION}": {"description": "Anchors for other places of the file; no setting."}}
    document = {"$schema": DIALECT, **top, "title": _TITLES[kind], "$defs": dict(sorted(definitions.items()))}
    _named_keys(document, definitions)
    return json.dumps(_tidied(document, variables=kind is Kind.CONFIG), indent=1, ensure_ascii=False) + "\n"


class _Writer(GenerateJsonSchema):
    def timedelta_schema(self, schema: Any) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d|w))+$"}

    def time_schema(self, schema: Any) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"}

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        text = _TEXTS.get(schema["function"]["function"])
        return dict(text) if text is not None else super().function_before_schema(schema)

    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(written(dft))

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        made, model = super().model_schema(schema), schema["cls"]
        properties: dict[str, Any] = made.get("properties", {})
        required = set(made.pop("required", ()))
        docs = field_docs(model)
        for name, field in model.model_fields.items():
            key = field.alias or name
            if name in docs:
                properties[key].setdefault("description", docs[name])
            if settings_fields.is_secret(field.annotation):
                said = f"A file that contains `{key}`."
                properties[f"{key}{SUFFIX}"] = {"type": "string", "description": said}
                required.discard(key)
        gathers = getattr(model, "gathers", None)
        if gathers:
            # Every other key belongs to the gathered field.
            made["additionalProperties"] = properties.pop(gathers)["additionalProperties"]
        if model is SeveritySettings:
            required -= {key for defaults in SEVERITY_DEFAULTS.values() for key in defaults}
        if "kind" in properties and "const" in properties["kind"]:
            required.add("kind")
        if required:
            made["required"] = sorted(required)
        if model is SourceSettings:
            return {"anyOf": [{"type": "string", "pattern": r"^(labels|annotations)\..+$"}, made]}
        if model is AlertmanagerAddress:
            return {"anyOf": [{"type": "string"}, made]}
        return made


def written(value: Any) -> Any:
    """Return `value` as it is written in a file: a duration as `15m`, a secret as its text."""
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value


def _duration(value: timedelta) -> str:
    milliseconds = round(value.total_seconds() * 1000)
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _name(reference: JsonSchemaValue) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _named_keys(node: Any, definitions: Mapping[str, Any]) -> None:
    """Turn mappings whose keys come from a fixed list into mappings with these keys, which an editor can complete."""
    if isinstance(node, dict):
        names = node.get("propertyNames")
        words = definitions.get(_name(names), {}).get("enum") if isinstance(names, dict) and "$ref" in names else None
        if words:
            del node["propertyNames"]
            node["properties"] = dict.fromkeys(words, node["additionalProperties"])
            node["additionalProperties"] = False
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _named_keys(item, definitions)


def _tidied(node: Any, *, variables: bool, top: bool = True, named: bool = False) -> Any:
    """Return a schema without pydantic's additions; with `variables` every scalar may be a ${NAME}."""
    if isinstance(node, list):
        return [_tidied(item, variables=variables, top=False) for item in node]
    if not isinstance(node, dict):
        return node
    if named:  # keys are names, not words of the schema
        return {key: _tidied(item, variables=variables and key != "kind", top=False) for key, item in node.items()}
    found = {
        key: _tidied(item, variables=variables, top=False, named=key in ("properties", "$defs"))
        for key, item in node.items()
        if not (key == "title" and not top)
        and key not in ("writeOnly", "examples")
        and not (key == "format" and item in ("password", "duration"))
        and not (key == "default" and (item is None or isinstance(item, dict | list)))
    }
    return _or_variable(found) if variables else found


def _or_variable(found: dict[str, Any]) -> dict[str, Any]:
    kinds = found.get("type")
    if "pattern" in found and found["pattern"] != VARIABLE:
        return {**found, "pattern": f"{found['pattern']}|{VARIABLE}"}
    if "enum" in found or kinds in ("integer", "number", "boolean") or "format" in found:
        kept: dict[str, Any] = {key: found.pop(key) for key in ("description", "default") if key in found}
        return {**kept, "anyOf": [found, {"type": "string", "pattern": VARIABLE}]}
    return found
