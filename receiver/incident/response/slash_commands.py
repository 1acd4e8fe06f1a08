"""Every slash command with its usage, and the command that it stands for. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from receiver.incident.response.slash_arguments import (
    SlashCommand,
    SlashCommandError,
    Words,
    day,
    made,
    seconds,
    severity,
    whole,
)
from receiver.model.command import (
    Acknowledge,
    AddAction,
    AddNote,
    ApproveUpdate,
    Assign,
    ChangeTeam,
    CheckOff,
    Choose,
    Close,
    Command,
    Declare,
    Edit,
    Escalate,
    Identify,
    Mitigate,
    Reopen,
    Resolve,
    RunTimer,
    UpdateStatusPage,
)
from receiver.model.incident.response_records import CHECKLIST, OPTIONS, Role, UpdateStatus

FORCE = ("--force", "—force")
"""Slack replaces two hyphens by a dash."""
USAGE = {
    "create": '/incident create "TITLE" severity=2',
    "list": "/incident list",
    "show": "/incident show INC-..",
    "ack": "/incident ack INC-..",
    "identify": "/incident identify INC-..",
    "escalate": "/incident escalate INC-..",
    "severity": "/incident severity N INC-..",
    "role": "/incident role ic|tech|comms|scribe @USER INC-..",
    "note": '/incident note "TEXT" INC-..',
    "checklist": "/incident checklist [N] INC-..",
    "mitigate": '/incident mitigate OPTION "TEXT" INC-..',
    "mitigated": "/incident mitigated INC-..",
    "silence": "/incident silence 2h INC-..",
    "action": '/incident action "TITLE" @OWNER 2026-12-01 INC-..',
    "team": "/incident team TEAM INC-..",
    "timer": "/incident timer start|stop INC-..",
    "resolve": "/incident resolve INC-..",
    "close": "/incident close INC-..",
    "reopen": "/incident reopen INC-..",
    "merge": "/incident INC-.. merge INC-..",
    "postmortem": "/incident postmortem INC-..",
}
PAGE = '/page @CONTACT "TEXT"'
STATUS = '/status update investigating|identified|monitoring|resolved "TEXT", or /status approve'
ON_CALL = "/oncall, or /oncall accept, or /oncall offer 2026-12-24"
SAME = {
    "declare": "create", "open": "create", "new": "create", "ls": "list", "acknowledge": "ack", "sev": "severity",
    "identified": "identify", "resolved": "resolve", "closed": "close", "notes": "note", "check": "checklist",
    "assign": "role", "reassign": "team", "post-mortem": "postmortem", "todo": "action", "mitigation": "mitigate",
    "snooze": "silence",
}  # fmt: skip
MOVES: dict[str, type[Command]] = {
    "ack": Acknowledge, "identify": Identify, "escalate": Escalate, "mitigated": Mitigate, "resolve": Resolve,
    "reopen": Reopen,
}  # fmt: skip
WHY = "-"


def parse_incident_command(words: Words, now: datetime) -> SlashCommand:
    """Return the command of `/incident ...`. Raises SlashCommandError with the valid form."""
    if not words.rest:
        return SlashCommand("show" if words.numbers else "help", number=words.number())
    word = words.next("").lower()
    verb = SAME.get(word, word)
    if verb in MOVES:
        text = words.all() or None
        return SlashCommand("act", words.number(), made(MOVES[verb], USAGE[verb], text=text))
    if verb in _VERBS:
        return _VERBS[verb](words, now)
    if verb == "help":
        return SlashCommand("help")
    raise SlashCommandError(f"/incident has no command {word[:50]}: write one of {', '.join(USAGE)}")


def parse_page_command(words: Words, now: datetime) -> SlashCommand:
    """Return the command of `/page @CONTACT "TEXT"`. Raises SlashCommandError."""
    contact = words.who(PAGE)
    text = words.all()
    if not text:
        raise SlashCommandError(f"give a reason for the page: write {PAGE}")
    return SlashCommand("page", words.number(), more={"contact": contact, "text": text})


def parse_status_command(words: Words, now: datetime) -> SlashCommand:
    """Return the command of `/status ...`. Raises SlashCommandError."""
    word = words.next(STATUS).lower()
    if word == "approve":
        number = words.rest.pop(0).text if words.rest else ""
        n = whole(number)
        if number and n is None:
            raise SlashCommandError(
                f"{number[:50]} is not the number of a draft: write /status approve, or /status approve 2"
            )
        approve = made(ApproveUpdate, "/status approve 2", n=n) if n is not None else None
        return SlashCommand("approve", words.number(), approve)
    if word != "update":
        raise SlashCommandError(f"/status has no command {word[:50]}: write {STATUS}")
    if not words.rest:
        return SlashCommand("form", words.number())
    named = words.next(STATUS).lower()
    if named not in {status.value for status in UpdateStatus}:
        raise SlashCommandError(f"{named[:50]} is not a status: write {STATUS}")
    text = words.all()
    if not text:
        raise SlashCommandError(f'the update has no text: write /status update {named} "TEXT"')
    return SlashCommand("act", words.number(), made(UpdateStatusPage, STATUS, status=UpdateStatus(named), text=text))


def parse_oncall_command(words: Words, now: datetime) -> SlashCommand:
    """Return the command of `/oncall [accept [SCHEDULE|OFFER]]` or `/oncall offer DATE..`. Raises SlashCommandError."""
    if not words.rest:
        return SlashCommand("oncall")
    word = words.next(ON_CALL).lower()
    if word == "offer":
        days = []
        while words.rest:
            named = words.next(ON_CALL)
            when = day(named, now)
            if when is None:
                raise SlashCommandError(f"{named[:50]} is not a day: write {ON_CALL}")
            days.append(when)
        if not days:
            raise SlashCommandError(f"name the days: write {ON_CALL}")
        return SlashCommand("offer", more={"days": days})
    if word != "accept":
        raise SlashCommandError(f"/oncall has no command {word[:50]}: write {ON_CALL}")
    return SlashCommand("accept", more={"schedule": words.rest.pop(0).text if words.rest else None})


def _create(words: Words, now: datetime) -> SlashCommand:
    level, service, title = None, None, []
    for word in words.rest:
        name, equals, value = word.text.partition("=")
        if not word.quoted and equals and name.lower() in ("severity", "sev"):
            level = severity(value)
        elif not word.quoted and equals and name.lower() == "service":
            service = value
        else:
            title.append(word.text)
    if not title or level is None:
        raise SlashCommandError(f"an incident needs a title and a severity: write {USAGE['create']}")
    return SlashCommand(
        "create", declare=made(Declare, USAGE["create"], title=" ".join(title), severity=level, service=service)
    )


def _severity(words: Words, now: datetime) -> SlashCommand:
    level = severity(words.next(USAGE["severity"]))
    return SlashCommand("act", words.number(), made(Edit, USAGE["severity"], severity=level, text=words.all() or None))


def _role(words: Words, now: datetime) -> SlashCommand:
    named = words.next(USAGE["role"]).lower()
    if named not in {role.value for role in Role}:
        raise SlashCommandError(f"{named[:50]} is not a role: write {USAGE['role']}")
    known = _known_only(words)
    person = words.who(USAGE["role"])
    person = "" if person.lower() in ("nobody", "none", WHY) else person
    role = made(Assign, USAGE["role"], role=Role(named), person=person or None, known_only=known)
    return SlashCommand("act", words.number(), role)


def _forced(words: Words) -> bool:
    """Take --force out of a command, and return whether it was there."""
    forced = [word for word in words.rest if not word.quoted and word.text in FORCE]
    for word in forced:
        words.rest.remove(word)
    return bool(forced)


def _known_only(words: Words) -> bool:
    """Return whether the next person must be in the configuration: not after --force, nor for a mention of Slack."""
    return not _forced(words) and not any(word.text.startswith("<") for word in words.rest[:1])


def _note(words: Words, now: datetime) -> SlashCommand:
    return SlashCommand("act", words.number(), made(AddNote, USAGE["note"], text=words.all()))


def _checklist(words: Words, now: datetime) -> SlashCommand:
    if not words.rest:
        return SlashCommand("checklist", words.number())
    word, undo = words.next(""), words.all().lower() in ("undo", "off", "not")
    item = whole(word)
    if item is None or not 1 <= item <= len(CHECKLIST):
        raise SlashCommandError(
            f"{word[:50]} is not an item: write /incident checklist N, with N from 1 to {len(CHECKLIST)}"
        )
    return SlashCommand("act", words.number(), made(CheckOff, USAGE["checklist"], item=item, done=not undo))


def _mitigate(words: Words, now: datetime) -> SlashCommand:
    if not words.rest:
        return SlashCommand("options", words.number())
    known_only = not _forced(words)
    option = words.next(USAGE["mitigate"])
    known = next((one.name for one in OPTIONS if option.lower() in (one.name, one.title.lower())), option)
    chosen = made(Choose, USAGE["mitigate"], option=known, text=words.all() or None, known_only=known_only)
    return SlashCommand("act", words.number(), chosen)


def _silence(words: Words, now: datetime) -> SlashCommand:
    span = seconds(words.next(USAGE["silence"]))
    if not 60 <= span <= 7 * 86400:
        raise SlashCommandError("a silence lasts from a minute to a week: write 30m, 2h or 1d")
    return SlashCommand("silence", words.number(), more={"seconds": span, "text": words.all() or None})


def _action(words: Words, now: datetime) -> SlashCommand:
    usage, due, owner, title = USAGE["action"], None, "", []
    known = not _forced(words)
    people = [word for word in words.rest if not word.quoted and word.text.startswith(("@", "<@", "<!subteam^"))]
    if people:
        words.rest.remove(people[-1])
        known = known and not people[-1].text.startswith("<")
        rest, words.rest = words.rest, [people[-1]]
        owner, words.rest = words.who(usage), rest
    for word in words.rest:
        found = None if word.quoted else day(word.text, now)
        due = found or due
        title += [] if found else [word.text]
    if not title or not owner:
        raise SlashCommandError(f"an action needs a title and an owner: write {usage}")
    return SlashCommand(
        "act", words.number(), made(AddAction, usage, title=" ".join(title), owner=owner, due=due, known_only=known)
    )


def _timer(words: Words, now: datetime) -> SlashCommand:
    word = words.next(USAGE["timer"]).lower()
    if word not in ("start", "stop"):
        raise SlashCommandError(f"the timer has no action {word[:50]}: write {USAGE['timer']}")
    return SlashCommand("act", words.number(), made(RunTimer, USAGE["timer"], action=word))


def _team(words: Words, now: datetime) -> SlashCommand:
    name = words.next(USAGE["team"])
    return SlashCommand("act", words.number(), made(ChangeTeam, USAGE["team"], team=name, text=words.all() or None))


def _close(words: Words, now: datetime) -> SlashCommand:
    forced = bool(words.rest) and words.rest[0].text in ("force", *FORCE)
    if forced:
        words.rest.pop(0)
    text = words.all() or None
    if forced and not text:
        raise SlashCommandError('give a reason for closing it now: write /incident close --force "WHY"')
    return SlashCommand("act", words.number(), made(Close, USAGE["close"], force=forced, text=text))


def _merge(words: Words, now: datetime) -> SlashCommand:
    # The last id is the target; the one before it, or the channel's incident, is merged into it.
    numbers = list(dict.fromkeys(words.numbers))
    if not numbers or len(numbers) > 2:
        raise SlashCommandError(f"name the incident that it is part of: write {USAGE['merge']}")
    return SlashCommand("merge", numbers[0] if len(numbers) == 2 else None, more={"into": numbers[-1]})


def _plain(verb: str) -> Callable[[Words, datetime], SlashCommand]:
    return lambda words, now: SlashCommand(verb, words.number())


_VERBS: dict[str, Callable[[Words, datetime], SlashCommand]] = {
    "create": _create, "list": _plain("list"), "show": _plain("show"), "severity": _severity, "role": _role,
    "note": _note, "checklist": _checklist, "mitigate": _mitigate, "silence": _silence, "action": _action,
    "team": _team, "timer": _timer, "close": _close, "merge": _merge, "postmortem": _plain("postmortem"),
}  # fmt: skip
COMMANDS: dict[str, Callable[[Words, datetime], SlashCommand]] = {
    "/incident": parse_incident_command, "/page": parse_page_command, "/status": parse_status_command,
    "/oncall": parse_oncall_command,
}  # fmt: skip
"""The parser of each slash command."""
