"""The initial configuration, built from five answers. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from receiver.channels.pagerduty import ROUTING_KEY_LENGTH
from receiver.model.setting_values import check_zone

LONGEST = 100
"""Maximum number of characters of a name."""
CONTACT = "on-call"
"""The contact that severities page."""

_KEY = re.compile(rf"[A-Za-z0-9]{{{ROUTING_KEY_LENGTH}}}")
_MAIL = re.compile(r"[^\s@<>,;\"']+@[^\s@<>,;\"']+\.[^\s@<>,;\"'.]+")
_CHANNEL = re.compile(r"#[^\s#,]{1,79}|[CG][A-Z0-9]{8,}")
_NONE = ("", "-", "no", "none")
_HERE = (*_NONE, "terminal", "here", "log")


class PagingMethod(StrEnum):
    """How the person of the first configuration is paged."""

    PAGERDUTY = "pagerduty"
    EMAIL = "email"
    TERMINAL = "terminal"


@dataclass(frozen=True)
class Answers:
    """The answers, each checked."""

    name: str
    method: PagingMethod
    address: str
    """The integration key, or the email address; empty for the terminal."""
    alertmanager: str
    """Empty: none is queried."""
    slack: str
    """A Slack channel; empty: none."""
    timezone: str
    listen: str = ""
    """The address that the service listens on; empty: the default."""

    @property
    def key(self) -> str:
        """The key of the person in the configuration."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode().lower()
        return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "me"

    @property
    def pager(self) -> str:
        """The channel of the test page."""
        names = {PagingMethod.PAGERDUTY: "pager", PagingMethod.EMAIL: "mail", PagingMethod.TERMINAL: "terminal"}
        return names[self.method]

    @property
    def screen(self) -> str:
        """The key of the service's terminal, which shows the pages for a person who gets email."""
        return "service-terminal" if self.key == "terminal" else "terminal"

    @property
    def summary(self) -> str:
        """A sentence about who is paged for an incident, and how."""
        if self.method is PagingMethod.PAGERDUTY:
            rest = (
                f"SEV-3 and SEV-4 are posted in {self.slack}"
                if self.slack
                else "SEV-3 and SEV-4 notify no one and show only in the console: add Slack or mail (docs/channels.md)"
            )
            return f"SEV-1 and SEV-2 page {self.name} through PagerDuty. {rest}."
        if self.method is PagingMethod.TERMINAL:
            return "SEV-1 and SEV-2 show a page as a box in the service's terminal, which does not notify anyone."
        return (
            f"Every severity sends an email to {self.address}. An email is not a page: for SEV-1 and SEV-2 the "
            "terminal of the service also shows a page as a box, which notifies no one "
            f"(the person `{self.screen}` in the file)."
        )


def check_name(text: str) -> str:
    """Return the name in `text`. Raises ValueError with a correction."""
    name = text.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise ValueError(f"write a name of 1 to {LONGEST} characters, such as Alice")
    return name


def check_reach(text: str) -> tuple[PagingMethod, str]:
    """Return the paging method and the address in `text`. Raises ValueError with a correction."""
    answer = text.strip()
    if answer.lower() in _HERE:
        return PagingMethod.TERMINAL, ""
    if _KEY.fullmatch(answer):
        return PagingMethod.PAGERDUTY, answer
    if len(answer) <= LONGEST and _MAIL.fullmatch(answer) and answer.isprintable():
        return PagingMethod.EMAIL, answer
    raise ValueError(
        f"write the integration key of PagerDuty's Events API v2 ({ROUTING_KEY_LENGTH} letters and digits), "
        "an email address, or nothing for this terminal (ntfy, SMS and other channels: docs/channels.md)"
    )


def check_alertmanager(text: str) -> str:
    """Return the address in `text`, empty for none. Raises ValueError with a correction."""
    answer = text.strip()
    if answer.lower() in _NONE:
        return ""
    url = answer if "://" in answer else f"http://{answer}"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isprintable() or any(character.isspace() for character in url):
        raise ValueError("write an address such as http://127.0.0.1:9093, or nothing for none")
    return url.rstrip("/")


def check_slack(text: str) -> str:
    """Return the Slack channel in `text`, empty for none. Raises ValueError with a correction."""
    answer = text.strip()
    if answer.lower() in _NONE:
        return ""
    if answer.startswith("xox"):
        raise ValueError("a token belongs in SLACK_BOT_TOKEN, not in this file: write a channel, such as #incidents")
    if not _CHANNEL.fullmatch(answer) or not answer.isprintable():
        raise ValueError("write a channel such as #incidents, or nothing for no Slack")
    return answer


def check_timezone(text: str) -> str:
    """Return the time zone in `text`. Raises ValueError with the nearest one."""
    return check_zone(text.strip())


def listen_of(url: str) -> str:
    """Return the local address in `url`, the address of the service; empty if it is not local."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    return f"{host}:{port}" if parts.scheme == "http" and host == "127.0.0.1" and port else ""


def first_config(answers: Answers, key_file: str) -> str:
    """Return the configuration for `answers`, as the text of a file in YAML.

    It does not contain an integration key, which is read from `key_file`, a path relative to the configuration.
    """
    page = answers.screen if answers.method is PagingMethod.EMAIL else CONTACT
    notify = f", notify: [{CONTACT}]" if page != CONTACT else ""
    lines = [
        "# Written by `receiver init`. After a change: receiver check-config FILE",
        "# docs/reference/configuration.md lists every setting; omitted settings have their defaults.",
        "",
        "service:",
        f"  timezone: {_quoted(answers.timezone)}",
        "",
        *(["server:", f"  listen: {_quoted(answers.listen)}", ""] if answers.listen else []),
        *_alertmanager_lines(answers),
        *_people_lines(answers, key_file),
        "severities:                # `page` sends pages, `notify` posts in chat and sends mail",
        f"  SEV-1: {{page: [{page}]{notify}}}",
        f"  SEV-2: {{page: [{page}]{notify}}}",
        f"  SEV-3: {{notify: [{CONTACT}]}}",
        f"  SEV-4: {{notify: [{CONTACT}]}}",
        "escalations: {}            # with more people: who is paged next, and when",
        "",
        *_channel_lines(answers),
        "",
    ]
    return "\n".join(lines)


def _alertmanager_lines(answers: Answers) -> list[str]:
    if not answers.alertmanager:
        return []
    queried = f"  alertmanagers: [{_quoted(answers.alertmanager)}]    # queried for alerts and silences"
    return ["ingest:", queried, ""]


def _people_lines(answers: Answers, key_file: str) -> list[str]:
    addresses = {
        PagingMethod.PAGERDUTY: f"pager_file: {_quoted(key_file)}",
        PagingMethod.EMAIL: f"mail: {_quoted(answers.address)}",
    }
    address = addresses.get(answers.method, "terminal: me")
    people = [f"  {answers.key}: {{name: {_quoted(answers.name)}, {address}}}"]
    contacts = [f"  {CONTACT}: {{person: {answers.key}}}"]
    if answers.method is PagingMethod.EMAIL:
        note = "# not a person: pages appear in the service's terminal, because an email is not a page"
        people.append(f"  {answers.screen}: {{name: Terminal of the service, terminal: me}}    {note}")
        contacts.append(f"  {answers.screen}: {{person: {answers.screen}}}")
    heading = "contacts:                  # roles that severities and escalations name"
    return ["people:", *people, "", heading, *contacts, ""]


def _channel_lines(answers: Answers) -> list[str]:
    if answers.method is PagingMethod.PAGERDUTY:
        lines = ["  pager: {kind: pagerduty, api_url: '${PAGERDUTY_URL:-https://events.pagerduty.com}'}"]
    else:
        lines = ["  terminal: {kind: log}    # a page is a box in the service's terminal and notifies no one"]
    if answers.method is PagingMethod.EMAIL:
        sender = f"receiver@{answers.address.rpartition('@')[2]}"
        lines.append(
            f"  mail: {{kind: email, smtp_url: '${{SMTP_URL:-smtp://localhost:25}}', from: {_quoted(sender)}}}"
        )
    if answers.slack:
        lines += [
            "  chat:",
            "    kind: slack",
            f"    channel: {_quoted(answers.slack)}",
            "    bot_token: '${SLACK_BOT_TOKEN:-}'              # both come from the environment; empty: off",
            "    signing_secret: '${SLACK_SIGNING_SECRET:-}'",
        ]
    return ["channels:", *lines]


def _quoted(text: str) -> str:
    # JSON is valid YAML; ${ would be replaced with a variable.
    return json.dumps(text, ensure_ascii=False).replace("${", "$${")
