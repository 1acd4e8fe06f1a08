"""Twilio (https://www.twilio.com/docs): a page as an SMS, or as a call with keys for responses."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlencode

from pydantic import ConfigDict, Field, SecretStr

from receiver.channels.base import BaseUrl, Channel, ChannelSettings, DeliveryError, is_set, raise_for
from receiver.channels.http_client import Reply
from receiver.channels.page_refusal import page_refusal
from receiver.channels.safe_text import HIDDEN
from receiver.channels.sms_text import NUMBER
from receiver.channels.twilio.message import answer_to, body_of, call_script, mark_of, spoken
from receiver.model.base import rfc3339
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.delivery.phone_answer import Verb
from receiver.model.oncall.personal_rules import How

RINGS_FOR = 45
"""Seconds for which a telephone rings, less than the time after which most voicemail systems answer."""
LOOK_LIMIT, SEND_LIMIT = 0.35, 0.6
"""The fractions of a send's time for querying Twilio for an earlier attempt, and for a new one."""
CLOCKS_APART = timedelta(seconds=5)
"""Maximum time that Twilio's clock may be behind this one's."""
LISTED = "50"
"""Maximum number of messages or calls that are checked, newest first."""
REMEMBERED = 1000
GONE = frozenset({"failed", "undelivered", "canceled"})
"""States of a message or call that reached no one, so that it does not count as sent."""
FIRST_TRY = "tried_at"
SID = "sid"


class TwilioSettings(ChannelSettings):
    """A Twilio account. Each person has a number (`people.*`)."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["twilio"] = "twilio"
    account_sid: str = Field("", description="The account (`AC...`); empty: off.", pattern=r"^([A-Za-z0-9]{2,64})?$")
    auth_token: SecretStr = Field(
        SecretStr(""), description="Its auth token, which also signs Twilio's requests; empty: off."
    )
    from_: str = Field(
        "",
        alias="from",
        description="The number that calls and sends, such as +15550100; empty: off.",
        pattern=r"^(\+[1-9][0-9]{6,14})?$",
    )
    api_url: BaseUrl = Field("https://api.twilio.com", description="Address of the API.")


class Twilio(Channel[TwilioSettings]):
    """Calls a person, or sends an SMS; an attempt whose response was lost is looked up before the next one."""

    kind: ClassVar[str] = "twilio"
    Settings: ClassVar[type[ChannelSettings]] = TwilioSettings
    paging: ClassVar[bool] = True
    two_way: ClassVar[bool] = True
    receipts: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    looks_up: ClassVar[bool] = True
    verbs: ClassVar[tuple[Verb, ...]] = (Verb.KEY,)

    def __init__(self, name: str, settings: TwilioSettings, http: Any) -> None:
        """Create it like any channel."""
        super().__init__(name, settings, http)
        self._made: OrderedDict[str, str] = OrderedDict()
        """The page of each call by this replica, because a call for another page is not a lost attempt."""

    def missing(self) -> str | None:
        """Return which of `account_sid`, `auth_token` and `from` is empty, else None."""
        if not self.settings.account_sid:
            return "account_sid is empty"
        if not is_set(self.settings.auth_token):
            return "auth_token is empty"
        return None if self.settings.from_ else "from is empty"

    def address(self) -> str:
        """Return its name: a page always names its own number."""
        return self.name

    @property
    def auth_token(self) -> bytes:
        """The key with which Twilio signs its requests."""
        return self.settings.auth_token.get_secret_value().encode()

    def answerable(self) -> bool:
        """Return true, because a call accepts keys."""
        return True

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the request that `send` would make, with number and tokens hidden."""
        if notice.action is not Action.TRIGGER:
            return [{"removed": "a call that still waits or rings"}] if _how(notice) is How.CALL else []
        hidden = notice.model_copy(update={"answers": dict.fromkeys(notice.answers, HIDDEN)})
        form = {**self._form(hidden), "To": HIDDEN}
        headers = {"Authorization": f"Basic {HIDDEN}"}
        return [{"method": "POST", "url": self._url(_resource(notice)), "headers": headers, "body": form}]

    async def deliver(self, notice: Notice) -> Receipt:
        """Send the SMS or make the call; an acknowledgement or a resolve ends a call that still rings."""
        if notice.action is not Action.TRIGGER:
            return await self._end(notice)
        if not NUMBER.fullmatch(notice.address):
            who = notice.page.person if notice.page else "this contact"
            raise DeliveryError(
                "refused",
                f"the {self.name} number of {who} is not a telephone number (expected one such as +15550101)",
                permanent=True,
            )
        # An SMS of an emergency page may have been sent by another replica, under the same mark.
        unstored = notice.incident is not None and not notice.incident.uid and _how(notice) is How.SMS
        if (notice.repeat or unstored) and (sid := await self._sent_before(notice)) is not None:
            return Receipt(ref=sid, memory={SID: sid})
        try:
            async with asyncio.timeout(self.http.total * SEND_LIMIT):
                sid = self._sid(await self._post(_resource(notice), self._form(notice)), notice)
        except TimeoutError:
            error = DeliveryError("timeout", f"{self.name}: no response in time", ambiguous=True)
            raise self._remembering(error, notice) from None
        except DeliveryError as error:
            raise self._remembering(error, notice) from None
        self._remember(sid, notice)
        return Receipt(ref=sid, memory={SID: sid})

    def _remember(self, sid: str, notice: Notice) -> None:
        self._made[sid] = mark_of(notice)
        if len(self._made) > REMEMBERED:
            self._made.popitem(last=False)

    def _remembering(self, error: DeliveryError, notice: Notice) -> DeliveryError:
        if error.ambiguous:
            error.progress = {FIRST_TRY: notice.memory.get(FIRST_TRY) or rfc3339(notice.now)}
        return error

    async def _sent_before(self, notice: Notice) -> str | None:
        # Twilio has no idempotency key. If the account may not list sent messages, it is sent again. If Twilio cannot
        # be queried, nothing is sent.
        params = {"To": notice.address, "From": self.settings.from_, "PageSize": LISTED}
        try:
            async with asyncio.timeout(self.http.total * LOOK_LIMIT):
                reply = await self.http.get(self._url(_resource(notice)), self._headers(), params, limit=1 << 20)
            self._check(reply, notice)
        except TimeoutError:
            raise DeliveryError("timeout", f"{self.name}: its sent messages could not be listed") from None
        except DeliveryError as error:
            if error.reason in ("auth", "client_error"):
                return None
            error.ambiguous = False
            raise
        listed = reply.json.get(_resource(notice).lower()) if isinstance(reply.json, dict) else None
        if not isinstance(listed, list):
            raise DeliveryError("bad_answer", f"{self.name}: it does not list its sent messages")
        found = (one for one in listed if isinstance(one, dict) and self._ours(one, notice))
        return next((str(one[SID]) for one in found if one.get(SID)), None)

    def _ours(self, one: Mapping[str, Any], notice: Notice) -> bool:
        if one.get("direction") != "outbound-api" or one.get("status") in GONE:
            return False
        if _how(notice) is How.SMS:
            return str(one.get("body")).rstrip().endswith(mark_of(notice))
        # A call has no mark: any call since the first attempt counts, unless it is for another page.
        known = self._made.get(str(one.get(SID)))
        created = _moment(str(one.get("date_created")))
        since = notice.memory.get(FIRST_TRY)
        began = datetime.fromisoformat(since) if since else notice.page.at if notice.page else notice.now
        return created is not None and created >= began - CLOCKS_APART and known in (None, mark_of(notice))

    async def _end(self, notice: Notice) -> Receipt:
        sid = notice.memory.get(SID)
        if sid is None or _how(notice) is How.SMS:
            return Receipt(ref=mark_of(notice))
        # `canceled` ends a queued or ringing call, but not an active one, in which the person may answer.
        reply = await self._post(f"Calls/{quote(str(sid), safe='')}", {"Status": "canceled"})
        if reply.status not in (400, 404, 409):  # it was answered, or is over
            self._check(reply, notice)
        return Receipt(ref=str(sid))

    def _sid(self, reply: Reply, notice: Notice) -> str:
        self._check(reply, notice)
        sid = reply.json.get(SID) if isinstance(reply.json, dict) else None
        if not isinstance(sid, str) or not sid:
            raise DeliveryError("bad_answer", f"returned {reply.status} without a sid", ambiguous=True)
        return sid

    def _check(self, reply: Reply, notice: Notice) -> None:
        try:
            raise_for(reply, notice.now, self.secrets(notice))
        except DeliveryError as error:
            raise page_refusal(error, reply.status) from None

    def _form(self, notice: Notice) -> dict[str, str]:
        form = {"To": notice.address, "From": self.settings.from_}
        token = notice.answers.get(Verb.KEY)
        answered = notice.hooks if token else None
        if _how(notice) is How.SMS:
            form["Body"] = body_of(notice)
        else:
            action = answer_to(answered, "voice", token) if answered and token else None
            form |= {"Twiml": call_script(spoken(notice), action), "Timeout": str(RINGS_FOR)}
        if answered and token:
            form["StatusCallback"] = answer_to(answered, "status", token)
        return form

    async def _post(self, resource: str, form: Mapping[str, str]) -> Reply:
        content = {"Content-Type": "application/x-www-form-urlencoded"}
        data = urlencode(form, errors="replace").encode("ascii")
        return await self.http.post(self._url(resource), data, {**content, **self._headers()})

    def _url(self, resource: str) -> str:
        return f"{self.settings.api_url}/2010-04-01/Accounts/{self.settings.account_sid}/{resource}.json"

    def _headers(self) -> dict[str, str]:
        both = f"{self.settings.account_sid}:{self.settings.auth_token.get_secret_value()}"
        return {"Authorization": f"Basic {b64encode(both.encode()).decode('ascii')}"}


def _how(notice: Notice) -> How:
    # The default is a call, because an SMS wakes few people.
    return How.SMS if notice.page is not None and notice.page.how == How.SMS else How.CALL


def _resource(notice: Notice) -> str:
    return "Messages" if _how(notice) is How.SMS else "Calls"


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
