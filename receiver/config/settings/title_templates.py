"""`texts`: titles of incidents, as Jinja2 templates in a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from receiver.incident.title import LIMIT, Named
from receiver.model.alert.annotations import middle_cut
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity

if TYPE_CHECKING:
    import jinja2

EXAMPLE = Named(
    "KubePodCrashLooping",
    "Pod is crash looping.",
    "Pod checkout/payments-7f9c is in waiting state.",
    ("checkout", "payments-7f9c"),
    {"alertname": "KubePodCrashLooping", "namespace": "checkout", "pod": "payments-7f9c", "severity": "warning"},
    {"summary": "Pod is crash looping.", "description": "Pod checkout/payments-7f9c is in waiting state."},
    Severity.SEV3,
    1,
    "5f1c9ab",
)
"""Values for a trial run of a template."""
NAMES = (
    "alertname", "summary", "description", "values", "labels", "annotations", "severity", "firing", "mark", "title",
)  # fmt: skip
"""Variables of a template; `title` is the title without a template, `mark` distinguishes groups of alerts."""


_FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError)
"""What filters and macros of a template raise for a value that they are not made for."""


@cache
def _sandbox() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415  (not loaded where no template is configured)
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    return ImmutableSandboxedEnvironment(autoescape=False, undefined=jinja2.ChainableUndefined)


def _check_title(text: str | None) -> str | None:
    if text:
        import jinja2  # noqa: PLC0415

        try:
            unknown = _unknown(text)
            if unknown is not None:
                raise ValueError(f"templates have no variable {unknown!r:.60} (use {', '.join(NAMES)})")
            if not _rendered(text, EXAMPLE):
                raise ValueError("the template renders to nothing for an ordinary alert (use {{ title }} in it)")
        except jinja2.TemplateError as error:
            raise ValueError(f"not a Jinja2 template: {error} (write a template such as {{{{ title }}}})") from None
        except _FAILURES as error:
            raise ValueError(f"the template cannot be rendered: {error} (try it with receiver simulate)") from None
    return text or None


class Texts(Settings):
    """Titles of incidents."""

    title: Annotated[str | None, AfterValidator(_check_title)] = None
    """Jinja2 template for titles of incidents, with the variables `alertname`, `summary`, `values`, `labels`, `mark`
    ...; none: `title`."""


def title_writer(template: str | None) -> Callable[[Named], str]:
    """Return a function that writes titles with `template`; if that fails or is empty, the title without it is used."""
    if not template:
        return lambda named: named.title
    import jinja2  # noqa: PLC0415

    def write(named: Named) -> str:
        try:
            return _rendered(template, named) or named.title
        except (jinja2.TemplateError, ValueError, *_FAILURES):
            return named.title

    return write


def _rendered(template: str, named: Named) -> str:
    values: dict[str, Any] = {name: getattr(named, name) for name in NAMES}
    text = _compiled(template).render({**values, "severity": named.severity.value, "values": list(named.values)})
    return middle_cut(" ".join(text.split()), LIMIT)


def _unknown(template: str) -> str | None:
    from jinja2.meta import find_undeclared_variables  # noqa: PLC0415

    found = find_undeclared_variables(_sandbox().parse(template))
    return min(found - set(NAMES), default=None)


@lru_cache(maxsize=16)
def _compiled(template: str) -> jinja2.Template:
    return _sandbox().from_string(template)
