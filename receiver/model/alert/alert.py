"""The alert and the notification that carries it: Alertmanager's webhook payload, version 4."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, ConfigDict, Field, ValidationError

from receiver.model.alert.payload_salvage import salvage
from receiver.model.alert.sender import ANYBODY, Sender
from receiver.model.base import Frozen
from receiver.model.validation_messages import upstream_message
from receiver.model.visible_text import encodable

VALUE_LIMIT = 4096
"""Maximum number of stored characters of a label or annotation: rules and messages need no more."""
MAX_ALERTS = 20_000
MAX_LABELS = 256
MAX_TRUNCATED = 1_000_000
"""Maximum number of truncated alerts; a larger number is reduced to this one, because not every JSON writer supports
integers beyond 64 bits."""
GROUP_KEY_LIMIT = 16_384
"""Maximum length of a group key; a longer one is cut, and its hash is appended to keep it unique."""
FNV_LIMIT = 4096
"""Maximum size of labels in bytes for which the fingerprint is Alertmanager's own."""
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Replaces a missing or invalid startsAt, so that a firing alert is never dropped for its time."""

GRAFANA = (
    'this is the webhook of Grafana Alerting (version "1"), which is not supported yet; in Grafana, use a contact '
    "point of type Alertmanager with the address of an Alertmanager that posts here"
)
_OLD_GRAFANA = {"evalMatches", "ruleName", "state"}
"""Fields of the webhook of Grafana's alerts before version 9."""
FIRST_YEAR = 2000
"""An earlier time counts as missing: no monitoring is that old."""

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


class AlertStatus(StrEnum):
    """Only each alert's own status counts; the root status says nothing about a mixed group."""

    FIRING = "firing"
    RESOLVED = "resolved"


_FIRING = AlertStatus.FIRING
"""Looked up once: Python 3.11 calls a function for each access to a member, and this is read ten times an alert."""


class BadNotification(ValueError):
    """A body that can never be accepted: not JSON, not version 4, or without a required field.

    `errors` has `{"path", "message"}` for each error; no text of the body is repeated in it.
    """

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None) -> None:
        """`detail`: the error in words; `errors`: one for each field."""
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []


def fingerprint(labels: dict[str, str]) -> str:
    """Return Alertmanager's fingerprint: FNV-1a 64 over name, 0xFF, value, 0xFF of the labels in order of name.

    Labels of more than `FNV_LIMIT` bytes get a BLAKE2 hash of the same bytes: FNV takes 0.1 s per megabyte in Python,
    and an alert without a fingerprint does not come from Alertmanager.
    """
    text = b"".join(name.encode() + b"\xff" + labels[name].encode() + b"\xff" for name in sorted(labels))
    if len(text) > FNV_LIMIT:
        return hashlib.blake2b(text, digest_size=8).hexdigest()
    digest = 14695981039346656037
    for byte in text:
        digest = ((digest ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"


def cut(texts: dict[str, str]) -> dict[str, str]:
    """Return `texts` with every value cut to the stored length."""
    # All values together are rarely longer than one may be; joining them takes half as long as measuring each.
    if len("".join(texts.values())) <= VALUE_LIMIT:
        return texts
    return {name: text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…" for name, text in texts.items()}


def _utc(moment: object) -> datetime:
    # The year comes first: the endsAt of every firing alert has the year 1.
    if not isinstance(moment, datetime) or moment.year < FIRST_YEAR or moment.tzinfo is None:
        return NO_TIME
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return NO_TIME


def _bounded(value: object) -> object:
    return MAX_TRUNCATED if isinstance(value, int | float) and value > MAX_TRUNCATED else value


def _bounded_text(digits: str) -> int:
    # Python refuses to parse integers with thousands of digits.
    return int(digits) if len(digits) < 20 else MAX_TRUNCATED + 1


def _short_key(text: str) -> str:
    if len(text) <= GROUP_KEY_LIMIT:
        return text
    return f"{text[:GROUP_KEY_LIMIT]} {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


Labels = Annotated[dict[Annotated[str, Field(max_length=1024)], str], Field(max_length=MAX_LABELS)]
if TYPE_CHECKING:
    Moment = datetime
    Texts = Labels
else:
    # The parser reads null, and it becomes {} afterward: a function called before the parser would first convert each
    # dictionary to Python's, which took a sixth of the time of a notification with 50 alerts.
    Texts = Labels | None
    # The parser reads it if possible; otherwise it becomes NO_TIME afterward, with one Python call per alert instead of
    # one per field, because a body may have ten thousand alerts.
    Moment = Annotated[datetime | Any, Field(union_mode="left_to_right")]


class _Foreign(Frozen):
    # 0.32 and 0.34 send fields that 0.25 does not have; later versions will add more.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, strict=False)


class Alert(_Foreign):
    """One alert of a notification. Times are aware and in UTC."""

    status: AlertStatus
    labels: Labels
    annotations: Texts = {}
    starts_at: Moment = Field(NO_TIME, alias="startsAt")
    ends_at: Moment = Field(NO_TIME, alias="endsAt")
    generator_url: str = Field("", validation_alias=AliasChoices("generatorURL", "generator_url"))
    fingerprint: str = ""

    def model_post_init(self, context: Any, /) -> None:
        """Cut long values and parse the times; an invalid fingerprint is computed from the labels."""
        values = self.__dict__  # frozen, but not complete yet
        values["labels"], values["annotations"] = cut(values["labels"]), cut(values["annotations"] or {})
        if len(values["generator_url"]) > VALUE_LIMIT:
            values["generator_url"] = values["generator_url"][:VALUE_LIMIT]
        values["starts_at"], values["ends_at"] = _utc(values["starts_at"]), _utc(values["ends_at"])
        if not _FINGERPRINT.fullmatch(values["fingerprint"]):
            values["fingerprint"] = fingerprint(values["labels"])

    @property
    def firing(self) -> bool:
        """Whether this alert's own status is firing."""
        return self.status is _FIRING

    @property
    def name(self) -> str:
        """Its `alertname`, which is customary but not guaranteed."""
        return self.labels.get("alertname") or "unnamed alert"


class Notification(_Foreign):
    """The content of one POST from Alertmanager about one group."""

    version: Literal["4"]
    group_key: str = Field(alias="groupKey", min_length=1)
    receiver: str
    status: AlertStatus
    alerts: Annotated[tuple[Alert, ...], Field(max_length=MAX_ALERTS)]
    group_labels: Texts = Field({}, alias="groupLabels")
    common_labels: Texts = Field({}, alias="commonLabels")
    common_annotations: Texts = Field({}, alias="commonAnnotations")
    external_url: str = Field("", alias="externalURL")
    truncated: Annotated[int, BeforeValidator(_bounded), AfterValidator(lambda n: min(n, MAX_TRUNCATED))] = Field(
        0, alias="truncatedAlerts", ge=0
    )
    set_aside: tuple[str, ...] = Field((), exclude=True)
    """Descriptions of the parts of the body that were cut or left out because they break a rule or a limit."""
    sender: Sender = Field(ANYBODY, exclude=True)
    """The owner of the request's token; a body cannot set it."""

    def model_post_init(self, context: Any, /) -> None:
        """Remove the backslashes of the receiver's name, which Alertmanager quotes as a regular expression."""
        values = self.__dict__
        values["receiver"] = re.sub(r"\\(.)", r"\1", self.receiver[:VALUE_LIMIT])
        values["group_key"], values["external_url"] = _short_key(self.group_key), self.external_url[:VALUE_LIMIT]
        for name in ("group_labels", "common_labels", "common_annotations"):
            values[name] = cut(values[name] or {})


def receiver_as_sent(name: str) -> str:
    """Return a receiver's name as it is in a notification, so that parsing it gives `name` again."""
    return name.replace("\\", "\\\\")


def parse_notification(body: bytes, *, in_part: bool = True) -> Notification:
    """Return the notification in `body`; `in_part`: the readable part of one that breaks a rule or a limit.

    Text that JSON allows but UTF-8 cannot encode (lone surrogates) is replaced, and the alert is processed. Raises
    BadNotification for everything that can never be accepted; the caller answers 400.
    """
    try:
        return _own(Notification.model_validate_json(body))
    except ValidationError as error:
        if any(item["type"] == "json_invalid" for item in error.errors(include_url=False, include_input=False)):
            return _parse_slowly(body, in_part)
        if not in_part:
            raise _refusal(error) from None
        return _salvaged(_loaded(body), error)


def _own(notification: Notification) -> Notification:
    # A body cannot set its sender or its rejected parts.
    if not notification.set_aside and notification.sender == ANYBODY:
        return notification
    return notification.model_copy(update={"set_aside": (), "sender": ANYBODY})


def _parse_slowly(body: bytes, in_part: bool) -> Notification:
    # The fast parser rejects lone surrogates; Python's own accepts them, and they are replaced here.
    value = _loaded(body)
    try:
        value = _mend(value)
        return _own(Notification.model_validate(value))
    except ValidationError as error:
        if not in_part:
            raise _refusal(error) from None
        return _salvaged(value, error)
    except RecursionError:
        raise BadNotification("the body is nested too deeply; Alertmanager's has four levels") from None


def _salvaged(value: Any, error: ValidationError) -> Notification:
    """Return the readable part of a body that breaks a rule. Raises BadNotification if no alert is readable."""
    if isinstance(value, dict) and (value.get("version") in ("1", 1) or value.keys() >= _OLD_GRAFANA):
        raise BadNotification(GRAFANA)
    if not isinstance(value, dict) or not isinstance(value.get("alerts"), list):
        raise _refusal(error) from None
    body, said = salvage(value, MAX_LABELS, MAX_ALERTS)
    try:
        notification = Notification.model_validate({**body, "set_aside": said})
    except ValidationError:
        raise _refusal(error) from None
    if not notification.alerts:
        raise _refusal(error) from None
    return notification


def _loaded(body: bytes) -> Any:
    try:
        # Some senders begin with a byte order mark, which is not JSON.
        return json.loads(body.decode("utf-8-sig", "replace"), parse_constant=lambda _: None, parse_int=_bounded_text)
    except RecursionError:
        raise BadNotification("the body is nested too deeply; Alertmanager's has four levels") from None
    except ValueError:
        raise BadNotification("the body is not JSON; expected Alertmanager's webhook payload, version 4") from None


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mend(item) for item in value]
    return value


def _refusal(error: ValidationError) -> BadNotification:
    errors = [
        {
            "path": ".".join(str(part) for part in item["loc"])[:200],
            "message": upstream_message(item["type"], item["msg"])[:200],
        }
        for item in error.errors(include_url=False, include_input=False, include_context=False)[:20]
    ]
    where = errors[0]["path"] or "the body"
    if where == "version":
        return BadNotification('not a version "4" webhook payload of Alertmanager', errors)
    return BadNotification(f"{where}: {errors[0]['message']}", errors)
