"""Keys pressed during a call, and SMS to a Twilio number: each becomes a command and gets a reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from receiver.channels.twilio.channel import Twilio
from receiver.channels.twilio.message import KEYS, answer_to, call_script, say, sms_reply, spoken
from receiver.model.delivery.notice import Action, Notice
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.outbox.private_notices import sealed
from receiver.pipeline.response.phone_answers import PhoneAnswers
from receiver.pipeline.response.sms_answers import SmsAnswers
from receiver.store.client.store_errors import StoreAway

UNKNOWN = "This page is unknown. Open the console."
AWAY = "The incident store cannot be reached, so your response was not recorded. Try again in a minute."

Form = Mapping[str, str]
"""The fields of a request of Twilio."""


class TwilioAnswers:
    """Handles posts of Twilio about calls and messages, after their signature was checked."""

    def __init__(self, setting: Callable[[], ActiveConfig], phones: PhoneAnswers, sms: SmsAnswers) -> None:
        """Answers are carried out by `phones` and `sms`."""
        self.setting = setting
        self.phones = phones
        self.sms = sms

    def channels(self) -> list[Twilio]:
        """Return the channels whose account may post here."""
        return [one for one in self.setting().channels.values() if isinstance(one, Twilio)]

    def signed_by(self, account: str | None, fits: Callable[[bytes], bool]) -> list[str]:
        """Return the names of the channels of `account` (None: of any) whose token `fits` a signature."""
        mine = [one for one in self.channels() if fits(one.auth_token)]
        return [one.name for one in mine if account in (None, one.settings.account_sid)]

    async def key(self, token: str, form: Form, names: Sequence[str], now: datetime) -> str:
        """Return the TwiML that answers a pressed key: what was done, or the text of the page again."""
        verb = KEYS.get(form.get("Digits", ""))
        try:
            if verb is None:
                return await self._again(token, names, now)
            answered = await self.phones.press(token, verb, names, now)
        except StoreAway:
            hooks = self.setting().hooks
            return call_script(AWAY, answer_to(hooks, "voice", token)) if hooks else say(AWAY)
        return say(UNKNOWN if answered.status == 404 else f"{answered.text}. Goodbye.")

    async def _again(self, token: str, names: Sequence[str], now: datetime) -> str:
        meant, hooks = await self.phones.meant(token, names), self.setting().hooks
        found = await self.phones.page(meant) if meant is not None else None
        if found is None or hooks is None:
            return say(UNKNOWN)
        incident, page = found
        notice = Notice(
            key=page.key, action=Action.TRIGGER, address=page.address, incident=incident, page=page, now=now
        )
        return call_script(spoken(sealed(notice)), answer_to(hooks, "voice", token))

    async def text(self, form: Form, names: Sequence[str], now: datetime) -> str:
        """Return the TwiML reply to an SMS: one SMS, or nothing."""
        mine = (one for one in self.channels() if one.name in names)
        channel = next((one for one in mine if one.settings.from_ == form.get("To")), None)
        sid = form.get("MessageSid", "")
        if channel is None or not sid:
            return sms_reply(None)
        once = f"sms {channel.name} {sid}"
        try:
            said = await self.sms.take(channel.name, form.get("From", ""), form.get("Body", ""), once, now)
            # Twilio may post a message twice; the command and the reply happen once.
            fresh = said is not None and await self.phones.tokens.first(once)
        except StoreAway:
            return sms_reply(AWAY)
        return sms_reply(said if fresh else None)
