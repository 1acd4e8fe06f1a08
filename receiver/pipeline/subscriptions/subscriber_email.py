"""The mail to subscribers: plain text in their language, with one-click unsubscribe (RFC 8058). Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from receiver.channels.email.incident_email import POLICY, SUBJECT_LIMIT, domain_of
from receiver.channels.safe_text import clean
from receiver.model.base import rfc3339
from receiver.model.delivery.subscription import NewsKind, PendingSubscription, Subscriber, SubscriberNews
from receiver.pipeline.status.translations import Words

TEXT_LIMIT = 8_000


def confirmation(pending: PendingSubscription, *, link: str, title: str, sender: str, now: datetime) -> EmailMessage:
    """Return the mail that asks a person to confirm a subscription."""
    words = Words(pending.language)
    lines = [
        words("mail_confirm_text"), "", link, "", words("mail_confirm_ignore"),
    ]  # fmt: skip
    subject = words("mail_confirm", title=clean(title, 100))
    message = _message(sender, pending.address, subject, lines, now)
    message["Message-ID"] = f"<{pending.nonce}.confirm@{domain_of(sender)}>"
    return message


def news_mail(
    news: SubscriberNews, to: Subscriber, *, link: str, title: str, sender: str, now: datetime
) -> EmailMessage:
    """Return the mail about `news`; `link` opens the subscription and is also the unsubscribe link."""
    words, domain = Words(to.language), domain_of(sender)
    heading = _heading(news, words)
    lines = [heading]
    if news.text:
        lines += ["", *clean(news.text, TEXT_LIMIT, lines=True).splitlines()]
    if news.starts_at is not None and news.ends_at is not None:
        lines += ["", f"{words('from')} {_clock(news.starts_at)} {words('to')} {_clock(news.ends_at)}"]
    if news.link:
        lines += ["", f"{words('mail_details')} {news.link}"]
    lines += ["", "-- ", f"{words('mail_footer')} {link}"]
    subject = f"{clean(title, 60)} – {heading}"  # noqa: RUF001
    message = _message(sender, to.address, subject, lines, now)
    root = _ref(news.about or news.key, to, domain)
    message["Message-ID"] = _ref(f"{news.key}/{news.about}", to, domain)
    message["In-Reply-To"], message["References"] = root, root
    message["List-Unsubscribe"] = f"<{link}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["List-Id"] = f"<status.{domain}>"
    return message


def _heading(news: SubscriberNews, words: Words) -> str:
    title = clean(news.title, SUBJECT_LIMIT)
    if news.kind is NewsKind.UPDATE:
        return f"{title} – {words(news.progress).lower() if words.language == 'en' else words(news.progress)}"  # noqa: RUF001
    if news.kind is NewsKind.ANNOUNCEMENT:
        return title
    return words(str(news.kind), title=title)


def _message(sender: str, to: str, subject: str, lines: list[str], now: datetime) -> EmailMessage:
    message = EmailMessage(policy=POLICY)
    message["From"] = sender
    message["To"] = to
    message["Date"] = format_datetime(now)
    message["Subject"] = clean(subject, SUBJECT_LIMIT)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    return message


def _ref(key: str, to: Subscriber, domain: str) -> str:
    # The same news to the same address has the same message id, no matter how often it is sent.
    left = hashlib.sha256(f"{key} {to.id}".encode()).hexdigest()[:32]
    return f"<{left}.status@{domain}>"


def _clock(moment: datetime) -> str:
    return f"{rfc3339(moment)[:16].replace('T', ' ')} UTC"
