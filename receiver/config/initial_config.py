"""A first configuration, made of five answers. Pure."""

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
"""Characters of a name."""

_KEY = re.compile(rf"[A-Za-z0-9]{{{ROUTING_KEY_LENGTH}}}")
_MAIL = re.compile(r"[^\s@<>,;\"']+@[^\s@<>,;\"']+\.[^\s@<>,;\"'.]+")
_CHANNEL = re.compile(r"#[^\s#,]{1,79}|[CG][A-Z0-9]{8,}")
_NONE = ("", "-", "no", "none")
_HERE = (*_NONE, "terminal", "here", "log")


class Road(StrEnum):
    """How the person of a first configuration is reached."""

    PAGERDUTY = "pagerduty"
    EMAIL = "email"
    TERMINAL = "terminal"


@dataclass(frozen=True)
class Answers:
    """What somebody has answered, each checked."""

    name: str
    road: Road
    address: str
    """The integration key, or the e-mail address; empty for the terminal."""
    alertmanager: str
    """Empty: none is asked."""
    slack: str
    """A Slack channel; empty: none."""
    timezone: str
    listen: str = ""
    """Where the service listens; empty: where it does by default."""

    @property
    def key(self) -> str:
        """How the configuration calls the person."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode().lower()
        return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "me"

    @property
    def pager(self) -> str:
        """The channel through which a test page goes."""
        return {Road.PAGERDUTY: "pager", Road.EMAIL: "mail", Road.TERMINAL: "terminal"}[self.road]

    @property
    def screen(self) -> str:
        """How the configuration calls the service's terminal, where pages show of a person who gets e-mail."""
        return "service-terminal" if self.key == "terminal" else "terminal"

    @property
    def told(self) -> str:
        """What becomes of an incident: who is paged by what, and who is told."""
        if self.road is Road.PAGERDUTY:
            return f"SEV-1 and SEV-2 page {self.name} by PagerDuty; SEV-3 and SEV-4 page nobody."
        if self.road is Road.TERMINAL:
            return "SEV-1 and SEV-2 show a page as a box in the service's terminal, which calls nobody."
        return (
            f"Every severity sends an e-mail to {self.address}. An e-mail is no page: for SEV-1 and SEV-2 the terminal "
            f"of the service also shows a page as a box, which calls nobody (the person `{self.screen}` in the file)."
        )


def check_name(text: str) -> str:
    """Return the name in `text`. Raises ValueError with what would be right."""
    name = text.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise ValueError(f"write a name of 1 to {LONGEST} characters, such as Alice")
    return name


def check_reach(text: str) -> tuple[Road, str]:
    """Return the road and the address that `text` names. Raises ValueError with what would be right."""
    answer = text.strip()
    if answer.lower() in _HERE:
        return Road.TERMINAL, ""
    if _KEY.fullmatch(answer):
        return Road.PAGERDUTY, answer
    if len(answer) <= LONGEST and _MAIL.fullmatch(answer) and answer.isprintable():
        return Road.EMAIL, answer
    raise ValueError(
        f"write the integration key of PagerDuty's Events API v2 ({ROUTING_KEY_LENGTH} letters and digits), "
        "an e-mail address, or nothing for this terminal"
    )


def check_alertmanager(text: str) -> str:
    """Return the address in `text`, empty for none. Raises ValueError with what would be right."""
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
    """Return the Slack channel in `text`, empty for none. Raises ValueError with what would be right."""
    answer = text.strip()
    if answer.lower() in _NONE:
        return ""
    if answer.startswith("xox"):
        raise ValueError(
            "a token belongs into SLACK_BOT_TOKEN, not into this file: write a channel, such as #incidents"
        )
    if not _CHANNEL.fullmatch(answer) or not answer.isprintable():
        raise ValueError("write a channel such as #incidents, or nothing for no Slack")
    return answer


def check_timezone(text: str) -> str:
    """Return the time zone in `text`. Raises ValueError with the nearest one."""
    return check_zone(text.strip())


def listen_of(url: str) -> str:
    """Return the address of this machine that `url`, of the service, names; empty where it is another, or none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    return f"{host}:{port}" if parts.scheme == "http" and host == "127.0.0.1" and port else ""


def first_config(answers: Answers, key_file: str) -> str:
    """Return the configuration for `answers`, as the text of a file in YAML.

    An integration key is not in it: it is read from `key_file`, a path relative to the configuration.
    """
    page, notify = "on-call", "on-call"
    person = {Road.PAGERDUTY: f"pager_file: {_quoted(key_file)}", Road.EMAIL: f"mail: {_quoted(answers.address)}"}
    people = [f"  {answers.key}: {{name: {_quoted(answers.name)}, {person.get(answers.road, 'terminal: me')}}}"]
    contacts = [f"  on-call: {{person: {answers.key}}}"]
    channels: list[str] = []
    if answers.road is Road.PAGERDUTY:
        channels.append("  pager: {kind: pagerduty, api_url: '${PAGERDUTY_URL:-https://events.pagerduty.com}'}")
    else:
        channels.append("  terminal: {kind: log}    # a page is a box in the service's terminal and calls nobody")
    if answers.road is Road.EMAIL:
        sender = f"receiver@{answers.address.rpartition('@')[2]}"
        channels.append(
            f"  mail: {{kind: email, smtp_url: '${{SMTP_URL:-smtp://localhost:25}}', from: {_quoted(sender)}}}"
        )
        note = "# no person: an e-mail is no page, so pages show in the service's terminal"
        people.append(f"  {answers.screen}: {{name: Terminal of the service, terminal: me}}    {note}")
        contacts.append(f"  {answers.screen}: {{person: {answers.screen}}}")
        page = answers.screen
    if answers.slack:
        channels += [
            "  chat:",
            "    kind: slack",
            f"    channel: {_quoted(answers.slack)}",
            "    bot_token: '${SLACK_BOT_TOKEN:-}'              # both come from the environment; empty: off",
            "    signing_secret: '${SLACK_SIGNING_SECRET:-}'",
        ]
    told = f", notify: [{notify}]" if page != notify else ""
    asked = f"  alertmanagers: [{_quoted(answers.alertmanager)}]    # asked what is true there, and for silences"
    server = ["server:", f"  listen: {_quoted(answers.listen)}", ""] if answers.listen else []
    upstream = ["ingest:", asked, ""] if answers.alertmanager else []
    lines = [
        "# Written by `receiver init`. After a change: receiver check-config FILE",
        "# docs/reference/configuration.md has every setting; what is left out has its default.",
        "",
        "service:",
        f"  timezone: {_quoted(answers.timezone)}",
        "",
        *server,
        *upstream,
        "people:",
        *people,
        "",
        "contacts:                  # roles, which severities and escalations name",
        *contacts,
        "",
        "severities:                # `page` calls, `notify` tells in chat and by mail",
        f"  SEV-1: {{page: [{page}]{told}}}",
        f"  SEV-2: {{page: [{page}]{told}}}",
        f"  SEV-3: {{notify: [{notify}]}}",
        f"  SEV-4: {{notify: [{notify}]}}",
        "escalations: {}            # with more people: who is called next, and when",
        "",
        "channels:",
        *channels,
        "",
    ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    # JSON is YAML; ${ would be read from the environment.
    return json.dumps(text, ensure_ascii=False).replace("${", "$${")
