"""The figures of 1,000 incidents from real decisions, compared with figures that pandas computes from their logs."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pandas as pd
import pytest

from receiver.incident.log.command_errors import IllegalCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.response.declaration import declare
from receiver.incident.response.merge import merge_incident
from receiver.incident.response.state_commands import on_command
from receiver.incident.timers import MONITOR, on_timer
from receiver.model.command import (
    Acknowledge,
    AddAction,
    ChangeAction,
    Command,
    Declare,
    Edit,
    Identify,
    Mitigate,
    Reopen,
    Resolve,
    SetClock,
    WritePostmortem,
)
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import opened_incident
from receiver.model.incident.postmortem import CorrectedTime, ReviewStatus
from receiver.model.incident.response_records import ActionStatus
from receiver.model.incident.review_record import review_record_fields
from receiver.model.severity import Severity
from receiver.review.monthly_figures import MonthlyReview
from receiver.review.review_record import read_review_record
from receiver.review.review_settings import Budget, ReviewTargets, month_of
from tests.incident.fixtures import STARTS, Store, alert, part, policy

END = datetime(2026, 12, 9, 12, tzinfo=UTC)
ZONE = "Asia/Tokyo"
ALICE = Actor(kind=ActorKind.API, name="alice")
TERMS = ReviewTargets(
    zone=ZONE,
    budgets=(Budget("availability", 0.999, timedelta(days=30), ("SEV-1", "SEV-2")),),
    written=frozenset({"SEV-1", "SEV-2"}),
    zones={"alice": "America/New_York", "bob": "Europe/Berlin"},
)
MONTHS = ("2026-09", "2026-10", "2026-11", "2026-12")


class Life:
    """One incident from its opening, with random events."""

    def __init__(self, store: Store, dice: random.Random, number: int) -> None:
        self.store, self.dice = store, dice
        self.now = END - timedelta(seconds=dice.uniform(0, 125 * 86400))
        self.key = f"k{number}"
        if dice.random() < 0.2:
            request = Declare(title="t", severity=Severity(f"SEV-{dice.randint(1, 4)}"), drill=dice.random() < 0.2)
            draft = declare(request, f"uid{len(store.incidents)}", store.policy, ALICE, self.now)
            store.write(draft)
            self.uid, self.alerts = draft.incident.uid, []
        else:
            labels = {
                "service": dice.choice(["api", "web"]),
                **dice.choice([{}, {"category": "capacity"}]),
                "n": self.key,
            }
            lag, worst = dice.choice([0, 5, 60, 600]), dice.choices((1, 2, 3, 4), (1, 3, 4, 2))[0]
            self.starts = (self.now - STARTS).total_seconds() - lag
            self.alerts = [(dice.choice(["Errors", "Slow", "Down"]), worst, labels)]
            self.uid = f"uid{len(store.incidents)}"
            self.tell()

    def live(self) -> None:
        for act in self.dice.sample([self.answer, self.answer, self.worsen, self.identify, self.promise], 4):
            self.later(900)
            act()
        if self.dice.random() < 0.9:
            self.end()
        if self.dice.random() < 0.3:
            self.later(300)
            self.clock()
        if self.dice.random() < 0.25:
            self.later(3000)
            self.again()
        for act in self.dice.sample([self.write, self.write, self.clock, self.clock, self.promise, self.keep], 4):
            self.later(5 * 86400)
            act()

    def later(self, most: float) -> None:
        self.now = min(END, self.now + timedelta(seconds=self.dice.uniform(1, most)))

    def tell(self, *, firing: bool = True, again: float = 0) -> None:
        made = [alert(n, firing=firing, starts=self.starts + again, worst=w, **labels) for n, w, labels in self.alerts]
        self.store.tell(part(*made, key=self.key, group=self.key), self.now)

    def do(self, command: Command) -> None:
        with suppress(IllegalCommand):
            self.store.write(on_command(command, self.store.incidents[self.uid], self.store.policy, ALICE, self.now))

    def answer(self) -> None:
        self.do(Acknowledge())

    def identify(self) -> None:
        self.do(self.dice.choice([Identify(text="x"), Mitigate()]))

    def worsen(self) -> None:
        if self.alerts and self.dice.random() < 0.5:
            self.alerts.append(("Worse", self.dice.randint(1, 3), {"n": self.key}))
            self.tell()
        else:
            self.do(Edit(severity=Severity(f"SEV-{self.dice.randint(1, 4)}"), text="seen"))

    def end(self) -> None:
        self.later(2 * 86400)
        if self.alerts and self.dice.random() < 0.5:
            self.tell(firing=False)
            self.now = min(END, self.now + timedelta(minutes=16))
            draft = on_timer(MONITOR, self.store.incidents[self.uid], self.store.policy, self.now)
            if draft is not None:
                self.store.write(draft)
        else:
            self.do(Resolve())

    def again(self) -> None:
        if self.alerts and self.dice.random() < 0.5:
            self.tell(again=(self.now - STARTS).total_seconds() - self.starts)
        else:
            self.do(Reopen())
        if self.dice.random() < 0.8:
            self.later(900)
            self.answer()
            self.later(86400)
            self.do(Resolve())

    def promise(self) -> None:
        due = date(2026, 11, 15) + timedelta(days=self.dice.randint(-60, 60)) if self.dice.random() < 0.7 else None
        self.do(AddAction(title="x", owner="bob", due=due))

    def keep(self) -> None:
        for status in self.dice.choice(
            [(ActionStatus.DONE,), (ActionStatus.DONE, ActionStatus.OPEN), (ActionStatus.DROPPED,)]
        ):
            self.do(ChangeAction(n=1, status=status))
            self.later(86400)

    def write(self) -> None:
        self.do(WritePostmortem(markdown="x", status=self.dice.choice(list(ReviewStatus))))

    def clock(self) -> None:
        which = self.dice.choice([CorrectedTime.IMPACT_BEGAN, CorrectedTime.ACKNOWLEDGED, CorrectedTime.RESOLVED])
        incident = self.store.incidents[self.uid]
        if self.dice.random() < 0.2:
            draft = Transition(incident, ALICE, self.now)
            draft.add(Kind.RULE_KNOWN, "asked", "x", {"for": 300.0})
            self.store.write(draft)
        at = incident.opened_at + timedelta(seconds=self.dice.uniform(-600, 3600))
        self.do(SetClock(clock=which, at=None if self.dice.random() < 0.1 else min(at, self.now)))


@pytest.fixture(scope="module")
def store() -> Store:
    dice, store = random.Random(42), Store(policy(zone=ZONE))
    lives = [Life(store, dice, number) for number in range(1000)]
    for one, other in zip(lives[::40], lives[1::40], strict=True):
        now = max(one.now, other.now)
        verdict = merge_incident(
            store.incidents[one.uid],
            store.incidents[other.uid],
            {},
            store.policy,
            ALICE,
            now,
        )
        assert verdict is not None
        store.write(verdict)
    for life in lives:
        life.live()
    return store


@pytest.fixture(scope="module")
def log(store: Store) -> pd.DataFrame:
    """Return every line of every log: the only input of these calculations."""
    return pd.DataFrame(
        [{"uid": uid, **event.model_dump(mode="json")} for uid, events in store.logs.items() for event in events]
    ).assign(at=lambda table: pd.to_datetime(table["at"], utc=True, format="ISO8601"))


def whole(data: dict[str, Any]) -> dict[str, Any]:
    """Return the incident of an opening with its empty fields, which the log omits."""
    return opened_incident(data).model_dump(mode="json")


@pytest.fixture(scope="module")
def frame(log: pd.DataFrame) -> pd.DataFrame:
    opened = log[log.kind == "opened"].set_index("uid")
    first = pd.json_normalize(list(opened.data.map(whole)), max_level=0).set_index(opened.index)
    table = pd.DataFrame(
        {"opened": opened["at"], "drill": first.drill, "declared": first.declared, "service": first.service}
    )
    table["category"] = first.labels.map(lambda labels: labels.get("category")).fillna(first.service).fillna("none")
    table["alertname"] = first.labels.map(lambda labels: labels.get("alertname")).fillna("person")
    decided = log[log.data.map(lambda data: "decision" in data)]
    table["severity"] = decided.groupby("uid").data.last().map(lambda data: data["decision"]["severity"])
    table["merged"] = table.index.isin(log[log.kind == "merged"].uid)

    def last(kind: str) -> pd.DataFrame:
        return log[log.kind == kind].groupby("uid").last().reindex(table.index)

    ends, reopened = last("resolved"), last("reopened")
    over = log[log.kind.isin(["resolved", "closed", "merged", "reopened"])].groupby("uid").kind.last()
    table["over"] = over.reindex(table.index).isin(["resolved", "closed", "merged"])
    clocks = log[log.kind == "clock_set"].copy()
    clocks["clock"] = clocks.data.map(lambda data: data["clock"])
    clocks["said"] = pd.to_datetime(clocks.data.map(lambda data: data["at"]), utc=True, format="ISO8601")
    clocks["after"] = clocks.seq > clocks.uid.map(reopened.seq).fillna(0)

    def said(name: str, rows: pd.DataFrame = clocks) -> pd.Series[Any]:
        # tail, not last: a corrected time no longer counts
        return rows[rows.clock == name].groupby("uid").tail(1).set_index("uid").said.reindex(table.index)

    waits = last("rule_known").data.map(lambda data: data["for"], na_action="ignore").astype(float).fillna(0)
    fired = pd.to_datetime(first.started_at, utc=True, format="ISO8601") - pd.to_timedelta(waits, unit="s")
    table["began"] = said("impact_began").fillna(fired.mask(table.declared))
    answers = log[log.kind.isin(["acknowledged", "identified"])].groupby("uid")["at"].first().reindex(table.index)
    table["answered"] = said("acknowledged").fillna(answers)
    table["ended"] = said("resolved", clocks[clocks.after]).fillna(ends["at"]).where(table.over)
    table["final"] = last("postmortem_written").data.map(
        lambda d: d["writing"]["status"] == "final", na_action="ignore"
    )
    table["flaps"] = log[log.kind.isin(["refired", "reopened"])].groupby("uid").size().reindex(table.index).fillna(0)
    table["month"] = table.opened.dt.tz_convert(ZONE).dt.strftime("%Y-%m")
    return table


def told(store: Store, month: str) -> dict[str, Any]:
    review = MonthlyReview(month_of(month, ZONE), TERMS, END)
    for uid, one in store.incidents.items():
        review.see(read_review_record(orjson.loads(orjson.dumps(review_record_fields(one))), uid, TERMS))
    return review.told()


def test_the_generated_incidents_are_varied(frame: pd.DataFrame, log: pd.DataFrame) -> None:
    assert len(frame) >= 1000, "an alert that fires again too late is another incident"
    assert frame.merged.sum() == 25
    counts = log.kind.value_counts()
    for kind in ("reopened", "severity_raised", "severity_set", "monitoring", "clock_set", "identified", "page"):
        assert counts[kind] >= 20, kind


@pytest.mark.parametrize("month", MONTHS)
def test_counts_times_and_targets(store: Store, frame: pd.DataFrame, log: pd.DataFrame, month: str) -> None:
    said, counted = told(store, month), frame[~frame.drill & ~frame.merged]
    here = counted[counted.month == month]
    assert said["total"] == len(here) > 20
    assert {k: v for k, v in said["by_severity"].items() if v} == here.severity.value_counts().to_dict()
    for name, column in {
        "mttd": here.opened - here.began, "mtta": here.answered - here.opened, "mttr": here.ended - here.opened,
    }.items():  # fmt: skip
        seconds = column.dt.total_seconds().dropna().clip(lower=0)
        assert said[name] == pytest.approx(
            {"mean": seconds.mean(), "median": seconds.median(), "p90": seconds.quantile(0.9)}, abs=0.003
        )
    targets = {one["metric"]: one["actual"] for one in said["targets"]}
    quarter = counted[
        counted.opened.dt.tz_convert(ZONE).dt.tz_localize(None).dt.to_period("Q") == pd.Period(month).asfreq("Q")
    ]
    assert targets["sev1_per_quarter"] == ((quarter.severity == "SEV-1") & (quarter.month <= month)).sum()
    owed = here[here.severity.isin(["SEV-1", "SEV-2"]) & here.ended.notna()]
    assert targets["postmortem_completion"] == pytest.approx((owed.final == True).mean(), abs=1e-5)  # noqa: E712
    due = here.opened + pd.Timedelta(minutes=5)
    judged = here.answered.notna() | (here.ended.fillna(END).clip(upper=END) > due)
    good = here.answered.notna() & (here.answered <= due)
    assert targets["acknowledged_in_time"] == pytest.approx(good.sum() / judged.sum(), abs=1e-5)
    items = promises(log)
    ours = items[items.uid.isin(here.index) & (items.status != "dropped")]
    assert targets["action_item_completion"] == pytest.approx((ours.status == "done").mean(), abs=1e-5)
    if month != MONTHS[0]:
        before = counted[counted.month == str(pd.Period(month) - 1)]
        assert said["previous"]["total"] == len(before)
        assert said["previous"]["mttr"]["mean"] == pytest.approx(
            (before.ended - before.opened).dt.total_seconds().clip(lower=0).mean(), abs=0.003
        )


def promises(log: pd.DataFrame) -> pd.DataFrame:
    rows = log[log.kind.isin(["action_added", "action_changed"])]
    items = pd.json_normalize(list(rows.data.map(lambda data: data["action"]))).assign(uid=rows.uid.values)
    return items.groupby(["uid", "n"]).tail(1)


@pytest.mark.parametrize("month", MONTHS)
def test_noise_calls_and_promises(store: Store, frame: pd.DataFrame, log: pd.DataFrame, month: str) -> None:
    said, counted = told(store, month), frame[~frame.drill & ~frame.merged]
    here = counted[counted.month == month]
    assert {one["name"]: one["count"] for one in said["categories"]} == here.category.value_counts().to_dict()
    noisy = here.groupby("alertname").flaps.agg(["size", "sum"])
    assert {one["alertname"]: (one["count"], one["flaps"]) for one in said["noisiest"]} == {
        name: (row["size"], row["sum"]) for name, row in noisy.iterrows()
    }
    rows = log[log.kind.isin(["page", "emergency_paged"]) & ~log.uid.map(frame.drill)]
    calls = rows.assign(person=rows.data.map(lambda data: data["page"]["person"]))
    calls = calls[calls["at"].dt.tz_convert(ZONE).dt.strftime("%Y-%m") == month]
    hours = [at.tz_convert(TERMS.zones.get(who, ZONE)).hour for at, who in zip(calls["at"], calls.person, strict=True)]
    calls = calls.assign(night=[hour >= 22 or hour < 6 for hour in hours])
    people = calls.groupby("person").night.agg(["size", "sum"])
    assert {one["person"]: (one["count"], one["at_night"]) for one in said["pages"]["people"]} == {
        name: (row["size"], row["sum"]) for name, row in people.iterrows()
    }
    assert (said["pages"]["total"], said["pages"]["at_night"]) == (len(calls), calls.night.sum())
    ends = pd.Timestamp(f"{month}-01", tz=ZONE) + pd.offsets.MonthBegin(1)
    items = promises(log)
    items = items[items.uid.isin(counted.index)]
    done = pd.to_datetime(items.done_at, utc=True, format="ISO8601")
    made = pd.to_datetime(items["at"], utc=True, format="ISO8601")
    improved = items[(items.status == "done") & (done.dt.tz_convert(ZONE).dt.strftime("%Y-%m") == month)]
    assert _named(said["improvements"]) == sorted(zip(improved.uid, improved.n, strict=True))
    waits = items[(made < ends) & ((items.status == "open") | ((items.status == "done") & (done >= ends)))]
    assert _named(said["outstanding_actions"]) == sorted(zip(waits.uid, waits.n, strict=True))
    today = min(ends, pd.Timestamp(END)).tz_convert(ZONE).strftime("%Y-%m-%d")
    assert sum(one["overdue"] for one in said["outstanding_actions"]) == (waits.due.fillna("9") < today).sum()


def _named(items: list[Any]) -> list[tuple[str, int]]:
    return sorted((one["incident"], one["n"]) for one in items)


@pytest.mark.parametrize("month", MONTHS)
def test_the_error_budget(store: Store, frame: pd.DataFrame, month: str) -> None:
    (said,) = told(store, month)["error_budget"]
    counted = frame[~frame.drill & ~frame.merged & frame.severity.isin(["SEV-1", "SEV-2"])]
    until = min(pd.Timestamp(f"{month}-01", tz=ZONE) + pd.offsets.MonthBegin(1), pd.Timestamp(END))
    since = until - pd.Timedelta(days=30)
    begins = counted.began.fillna(counted.opened).clip(lower=since, upper=until)
    ends = counted.ended.fillna(until).clip(lower=since, upper=until)
    ends = ends.where(ends > begins, begins)
    # The number of active incidents at each time; times with at least one are bad.
    steps = pd.concat([pd.Series(1, index=begins), pd.Series(-1, index=ends)]).groupby(level=0).sum().sort_index()
    lasts = steps.index.to_series().diff().shift(-1).dt.total_seconds().fillna(0)
    spent = float((lasts * (steps.cumsum() > 0)).sum())
    assert said["spent"] == pytest.approx(spent, abs=1)
    assert said["remaining"] == pytest.approx(max(0.0, 1 - spent / 2592), abs=1e-3)
