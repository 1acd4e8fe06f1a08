"""The settings of a severity rules file, and the check for every error in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from receiver.model.base import Frozen
from receiver.model.severity import Severity
from receiver.triage.matchers import MatcherText
from receiver.triage.measurements.measurements import MeasurementSettings
from receiver.triage.measurements.scope import DEFAULT_ORDER, ScopeSettings
from receiver.triage.measurements.units import Unit
from receiver.triage.rules.conditions import SCOPE, parse_condition
from receiver.triage.safe_text import quoted

OTHERWISE = "otherwise"
"""The rule name in a decision when no rule matched."""
WORDS = {
    Severity.SEV1: "sev1 sev-1",
    Severity.SEV2: "critical crit page fatal disaster emergency error high major p1 p2 sev2 sev-2",
    Severity.SEV3: "warning warn medium average minor p3 sev3 sev-3",
    Severity.SEV4: "info low notice ticket none p4 p5 sev4 sev-4",
}
"""Common values of the severity label, for rules without a `map`."""
_RESERVED = (OTHERWISE, "person")


def word_key(word: str) -> str:
    """Return `word` in lower case, without surrounding spaces, and with `-` for `_`."""
    return word.strip().casefold().replace("_", "-")


def _rule_name(name: str) -> str:
    if name in _RESERVED:
        raise ValueError(f"{name} is reserved for decisions without a rule; give the rule another name")
    if not name.isprintable() or name != name.strip():
        raise ValueError("a rule's name is one line of printable text without leading or trailing spaces")
    return name


def _measurement_name(name: str) -> str:
    if name == SCOPE:
        raise ValueError("scope has its own section; give the measurement another name")
    if not name.isidentifier() or not name.isascii():
        raise ValueError(f"{quoted(name)} is not a valid name; use letters, digits and underscores, as in error_rate")
    return name


class RuleSettings(Frozen):
    """A rule raises to `severity`, or caps with `at_most`, the alerts for which all its conditions hold."""

    name: Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_rule_name)] = Field(
        description="Name in decisions, messages and the label `rule` of metrics"
    )
    severity: Severity | None = Field(None, description="The alert is at least this severe")
    at_most: Severity | None = Field(None, description="A cap: the alert is never more severe than this")
    when: tuple[str, ...] = Field(
        (), description="Conditions on measurements and scope; all must hold. Operators: > >= < <= == !="
    )
    matchers: tuple[MatcherText, ...] = Field(
        (), description="Matchers on labels in Alertmanager's syntax; all must match"
    )
    unless: tuple[MatcherText, ...] = Field((), description="Matchers; if any matches, the rule does not apply")

    @model_validator(mode="after")
    def _raises_or_caps(self) -> Self:
        if (self.severity is None) == (self.at_most is None):
            raise ValueError("a rule has either `severity` (it raises) or `at_most` (it caps), exactly one of them")
        return self


class OtherwiseSettings(Frozen):
    """If no rule matched: the ecosystem's severity label, then the fallback."""

    label: str = Field("severity", min_length=1, description="The label with the severity")
    words: dict[str, Severity] = Field(
        {word: severity for severity, words in WORDS.items() for word in words.split()},
        alias="map",
        description="The label's values, in any case and with - or _, and what they mean",
    )
    fallback: Severity = Field(Severity.SEV3, description="For an alert without the label, or with another value")

    @model_validator(mode="after")
    def _one_case(self) -> Self:
        folded = [word.strip().casefold() for word in self.words]
        for word in self.words:
            if folded.count(word.strip().casefold()) > 1:
                raise ValueError(f"{quoted(word)} appears in `map` twice; case is ignored")
        meant: dict[str, Severity] = {}
        for word, severity in self.words.items():
            if meant.setdefault(word_key(word), severity) is not severity:
                raise ValueError(f"{quoted(word)} appears in `map` with two severities; - and _ are equivalent")
        return self


class RulesSettings(Frozen):
    """A whole severity rules file.

    Validation reports every error at once, each with its path; a condition's path is that of the condition.
    """

    measurements: dict[Annotated[str, AfterValidator(_measurement_name)], MeasurementSettings] = Field(
        {}, description="Named quantities that `when` may compare"
    )
    scope: ScopeSettings = Field(default_factory=ScopeSettings, description="Who is affected by a problem")
    rules: tuple[RuleSettings, ...] = Field(
        (),
        description="The most severe matching rule wins, then the strictest matching cap limits it, regardless of their"
        " order in the file",
    )
    otherwise: OtherwiseSettings = Field(
        default_factory=OtherwiseSettings, description="The severity if no rule matches"
    )

    @model_validator(mode="wrap")
    @classmethod
    def _with_cross_references(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # Read from the raw data, so that references between parts are checked even if another part is wrong.
        mistakes: list[InitErrorDetails] = []
        settings: Self | None = None
        try:
            settings = handler(data)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                mistakes.append(
                    InitErrorDetails(
                        type=item["type"], loc=item["loc"], input=item["input"], ctx=dict(item.get("ctx", {}))
                    )
                )
        raw = data if isinstance(data, Mapping) else {}
        for path, given, text in _cross_mistakes(raw if settings is None else settings.model_dump(by_alias=True)):
            mistakes.append(
                InitErrorDetails(type="value_error", loc=path, input=given, ctx={"error": ValueError(text)})
            )
        if mistakes or settings is None:
            raise ValidationError.from_exception_data("severity rules", mistakes)
        return settings


Mistake = tuple[tuple[str | int, ...], object, str]


def _cross_mistakes(raw: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield (path, input, text) for each invalid reference between parts; wrong types were reported earlier."""
    units = _units(raw.get("measurements"))
    order = _order(raw.get("scope"))
    names: set[object] = set()
    for place, rule in enumerate(_items(raw.get("rules"))):
        if not isinstance(rule, Mapping):
            continue
        name = rule.get("name")
        if isinstance(name, str) and name in names:
            yield ("rules", place, "name"), name, f"there is another rule {quoted(name, 80)}; names must differ"
        if isinstance(name, str):
            names.add(name)
        for index, text in enumerate(_items(rule.get("when"))):
            if isinstance(text, str):
                try:
                    parse_condition(text, units, order)
                except ValueError as error:
                    yield ("rules", place, "when", index), text, str(error)


def _items(value: object) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def _units(raw: object) -> dict[str, Unit | None]:
    units: dict[str, Unit | None] = {}
    for name, settings in raw.items() if isinstance(raw, Mapping) else ():
        given = settings.get("unit") if isinstance(settings, Mapping) else None
        units[str(name)] = next((unit for unit in Unit if unit == given), None)
    return units


def _order(raw: object) -> tuple[str, ...]:
    given = raw.get("order") if isinstance(raw, Mapping) else None
    if given is None:
        return DEFAULT_ORDER
    return tuple(str(word) for word in _items(given))
