"""Checks a run using only the ledgers of sender and vendor, and the final responses of the API. Pure.

A *spell* is a time in which a group fires according to its sender: two spells count as one if no end between them was
accepted. `excused` are the times in which paging was impossible: a stopped replica holds work for up to a lease, or the
pager refuses requests. A store that is away, slow or cut off is no excuse.

- **lost**: a spell lasts longer than LATE after its first notification, and a person whom it pages has no page.
- **wrong resolve**: a person's page is resolved during the spell, and no other is open within LATE.
- **double**: a person has more page keys than spells so far; or one key notifies more than once without a fault, or
more than twice with one, or is accepted more than twice.
- **for nothing**: a key is triggered for the first time long after the end of all alerts was accepted.
- **stuck**: the end was accepted, no fault is active, and a page or an incident is still open. A group is left out
where
  its sender never got a 2xx for one of its alerts, neither while that fired nor at its end (`untold_alerts`).

The reasons for this exception:

- The replica stores and pages a refused SEV-1 or SEV-2 itself, while Alertmanager assumes that the receiver does not
  know of it. `DedupStage.needsUpdate` of Alertmanager sends no end if its notification log has no firing alert of the
  group ("the receiver doesn't know about them"), or if the log has the end of an earlier spell of the same alert. It
  then deletes the alert, so that no later notification contains it.
- That notification log is written only after a 2xx. If a sender got a 2xx while the alert fired, it sends the end until
  that is accepted as well: such an alert is judged.
- No later input shows that such an alert has ended. Silence does not: Alertmanager may have failed together with the
  systems that it monitors. A later notification without the alert does not: the alert may have been silenced or
  inhibited, or the notification may be a retry of an older flush, or come from the other Alertmanager; a flush has no
  timestamp. If the end was concluded too early, a page that is needed would be resolved, and sent a second time.
- It is rare. Alertmanager retries a flush for a whole `group_interval`, with the state at the flush, so that the store
  has to be away for the rest of that time. Notifications that page no one are dropped after 3 minutes without a
  repetition (`SENT_AGAIN`). If `ingest.alertmanagers` is set, Alertmanager is queried, and the people of a SEV-1 or
  SEV-2 are asked whether it is over (`incident/alerts/alertmanager_alert_states.py`). Otherwise the people who were
  paged decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

LATE = 10.0
"""Maximum seconds from the first answered attempt to the page, without excused times."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Attempt:
    """One notification and its response."""

    group: str
    firing: bool
    """Whether any alert in it fires."""
    asof: float
    """The time of this state at the sender."""
    at: float
    answered: float
    status: int | None
    """None: no response."""
    alerts: tuple[tuple[int, bool, float], ...] = ()
    """For each alert: its number, whether it fires, and since when."""

    @property
    def taken(self) -> bool:
        """Return whether it was answered with 2xx."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Call:
    """One event that the vendor acted on."""

    group: str
    person: str
    key: str
    action: str
    at: float
    answered: bool = True
    """Whether the vendor confirmed it; unconfirmed events are sent again."""


@dataclass(frozen=True)
class Ledgers:
    """The records of a run."""

    truth: Mapping[str, Sequence[Span]]
    """The spans in which any alert fires, by group."""
    pages: Mapping[str, Sequence[str]]
    """The people whom it pages, by group."""
    attempts: Sequence[Attempt]
    calls: Sequence[Call]
    open_incidents: Sequence[str] = ()
    """Groups whose incident is still open at the end."""
    excused: Sequence[Span] = ()
    end: float = 0.0
    faults: bool = True
    """Whether the run had any fault."""


@dataclass(frozen=True)
class Spell:
    """A time in which a group fires, according to its notifications."""

    first: float
    """The first attempt."""
    told: float
    """The first response to an attempt, of any status."""
    until: float
    """The first notification of its end; the end of the run if there was none."""
    over: float | None
    """When its end was first accepted; None: never."""


@dataclass
class Verdict:
    """Every broken guarantee, as text."""

    lost: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    nothing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    judged: int = 0
    """Spells that lasted long enough to require a page."""
    untold: int = 0
    """Groups whose end was never accepted, or with an alert for which the sender never got a 2xx."""
    pages: int = 0

    @property
    def breaches(self) -> list[str]:
        """All breaches."""
        return [
            f"{name}: {text}"
            for name, texts in (
                ("lost", self.lost), ("double", self.double), ("for nothing", self.nothing),
                ("wrong resolve", self.wrong), ("stuck", self.stuck),
            )
            for text in texts
        ]  # fmt: skip


def check_run(ledgers: Ledgers) -> Verdict:
    """Check a run and return the broken guarantees."""
    verdict = Verdict()
    for group, people in ledgers.pages.items():
        spells = spells_of(group, ledgers)
        for person in people:
            calls = [call for call in ledgers.calls if (call.group, call.person) == (group, person)]
            verdict.pages += len({call.key for call in calls})
            _open_throughout(f"{group} {person}", spells, calls, ledgers, verdict)
            _once(f"{group} {person}", spells, calls, ledgers, verdict)
        ended = bool(spells) and spells[-1].over is not None and not untold_alerts(group, ledgers.attempts)
        verdict.untold += bool(spells) and not ended
        if ended:
            mine = [call for call in ledgers.calls if call.group == group]
            verdict.stuck += [f"{group}: page {key} is open" for key in open_keys(mine, ledgers.end)]
            verdict.stuck += [f"{group}: its incident is open"] if group in ledgers.open_incidents else []
    strangers = [call for call in ledgers.calls if call.person not in ledgers.pages.get(call.group, ())]
    verdict.nothing += [f"{call.person} is paged for {call.group}, which pages others" for call in strangers]
    return verdict


def untold_alerts(group: str, attempts: Sequence[Attempt]) -> set[int]:
    """Return the numbers of alerts whose notifications were all refused since they last started firing."""
    fired: dict[int, float] = {}
    heard: dict[int, float] = {}
    for one in attempts:
        for number, fires, starts in one.alerts if one.group == group else ():
            if fires:
                fired[number] = max(fired.get(number, starts), starts)
            if one.taken:
                heard[number] = max(heard.get(number, starts), starts)
    return {number for number, starts in fired.items() if heard.get(number, -1.0) < starts}


def spells_of(group: str, ledgers: Ledgers) -> list[Spell]:
    """Return the spells of `group` that the sender reported."""
    spells: list[Spell] = []
    truth, mine = ledgers.truth[group], [one for one in ledgers.attempts if one.group == group]
    for index, (starts, ends) in enumerate(truth):
        following = truth[index + 1][0] if index + 1 < len(truth) else float("inf")
        firing = [one for one in mine if one.firing and starts <= one.asof < following]
        answered = [one.answered for one in firing if one.status is not None]
        ending = [one for one in mine if not one.firing and ends <= one.asof < following]
        until = min((one.at for one in ending), default=ledgers.end)
        over = min((one.answered for one in ending if one.taken), default=None)
        if not answered:
            # No notification of its firing was sent. Its end may belong to the spell before, reported late.
            if spells and spells[-1].over is None and over is not None:
                spells[-1] = Spell(spells[-1].first, spells[-1].told, until, over)
            continue
        spell = Spell(min(one.at for one in firing), min(answered), until, over)
        if spells and spells[-1].over is None:
            spell = Spell(spells[-1].first, spells[-1].told, until, over)
            spells.pop()
        spells.append(spell)
    return spells


def _open_throughout(
    who: str, spells: Sequence[Spell], calls: Sequence[Call], ledgers: Ledgers, verdict: Verdict
) -> None:
    for number, spell in enumerate(spells, 1):
        due = spell.told + LATE
        due += overlap(spell.told, spell.until, ledgers.excused)
        if due >= spell.until:
            continue
        verdict.judged += 1
        marks = sorted({spell.told, *(call.at for call in calls if spell.told < call.at < spell.until), spell.until})
        gaps: list[Span] = []
        for since, till in pairwise(marks):
            if open_keys(calls, since):
                continue
            began = gaps.pop()[0] if gaps and gaps[-1][1] == since else since
            gaps.append((began, till))
        for since, till in gaps:
            if till - since <= LATE + overlap(since, till, ledgers.excused):
                continue
            said = f"{who}: no page is open {since:.1f}-{till:.1f}, while spell {number} fires ({spell.told:.1f}-)"
            ever = any(call.action == "resolve" and spell.told < call.at <= since for call in calls)
            (verdict.wrong if ever else verdict.lost).append(said)


def _once(who: str, spells: Sequence[Spell], calls: Sequence[Call], ledgers: Ledgers, verdict: Verdict) -> None:
    first: dict[str, float] = {}
    for call in calls:
        if call.action == "trigger":
            first.setdefault(call.key, call.at)
    for number, spell in enumerate(spells, 1):
        following = spells[number].first if number < len(spells) else float("inf")
        keys = [key for key, at in first.items() if at < following]
        if len(keys) > number:
            verdict.double.append(f"{who}: {len(keys)} keys in {number} spells: {keys}")
        quiet = [key for key, at in first.items() if spell.over is not None and spell.over < at < following]
        verdict.nothing += [
            f"{who}: {key} rings {first[key]:.1f}, and its end was taken {spell.over:.1f}"
            for key in quiet
            if spell.over is not None
            and first[key] > spell.over + LATE + overlap(spell.over, first[key], ledgers.excused)
        ]
    if not spells and first:
        verdict.nothing.append(f"{who}: nobody told of it")
    for key in first:
        mine = [call for call in calls if call.key == key]
        rang = _rang(mine)
        accepted = sum(call.action == "trigger" and call.answered for call in mine)
        if rang > 1 + ledgers.faults or accepted > 1 + ledgers.faults:
            verdict.double.append(f"{who}: {key} rang {rang} times, accepted {accepted} times")


def _rang(calls: Sequence[Call]) -> int:
    is_open, rang = False, 0
    for call in calls:
        rang += call.action == "trigger" and not is_open
        is_open = call.action == "trigger" or (is_open and call.action != "resolve")
    return rang


def open_keys(calls: Sequence[Call], at: float) -> list[str]:
    """Return the keys that are open at the vendor just after `at`."""
    state: dict[str, bool] = {}
    for call in calls:
        if call.at <= at:
            state[call.key] = call.action == "trigger" or (state.get(call.key, False) and call.action != "resolve")
    return [key for key, is_open in state.items() if is_open]


def overlap(start: float, end: float, spans: Sequence[Span]) -> float:
    """Return the seconds between `start` and `end` that are covered by `spans`, which may overlap."""
    total, reached = 0.0, start
    for since, till in sorted(spans):
        span = min(till, end) - max(since, reached)
        if span > 0:
            total += span
            reached = min(till, end)
    return total
