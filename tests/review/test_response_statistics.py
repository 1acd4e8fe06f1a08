"""Every figure of the review compared with an independent calculation (pandas) over 1,000 generated incidents."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import orjson
import pandas as pd
import pytest

from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import Plan, ResponseHours, SeverityPlan
from receiver.model.incident.postmortem import PostmortemVersion, ReviewStatus
from receiver.model.incident.response_records import ActionItem, ActionStatus
from receiver.model.incident.review_record import review_record_fields
from receiver.model.incident.state import State
from receiver.model.severity import Decision, Severity
from receiver.review.error_budget import Spent
from receiver.review.monthly_figures import MonthlyReview
from receiver.review.monthly_report import brief, figures_text, review_text
from receiver.review.review_record import ReviewRecord, read_review_record
from receiver.review.review_settings import Budget, ReviewTargets, before, month_at, month_of, quarter_of

NOW = datetime(2026, 12, 9, 12, tzinfo=UTC)
ZONE = "America/Sao_Paulo"
PEOPLE = {"alice": "Europe/Berlin", "bob": "Asia/Kolkata", "carol": ZONE}
RESPOND = {Severity.SEV1: 300.0, Severity.SEV2: 900.0, Severity.SEV3: 3600.0, Severity.SEV4: 14400.0}
HOURS = ResponseHours(days=(0, 1, 2, 3, 4), opens=9 * 60, closes=17 * 60)
PLAN = Plan(
    severities={one: SeverityPlan(respond=RESPOND[one], hours=HOURS if one == "SEV-4" else None) for one in Severity},
    zone=ZONE,
)
TERMS = ReviewTargets(
    zone=ZONE,
    budgets=(
        Budget("availability", 0.999, timedelta(days=30), ("SEV-1", "SEV-2")),
        Budget("all", 0.9, timedelta(days=7)),
    ),
    written=frozenset({"SEV-1", "SEV-2"}),
    zones={name: zone for name, zone in PEOPLE.items() if name != "carol"},
)


def made(dice: random.Random, number: int) -> Incident:
    """Return one incident in the months before NOW, in any state."""
    opened = NOW - timedelta(seconds=dice.uniform(0, 150 * 86400))
    if dice.random() < 0.05:
        # At the edge of a month in either time zone.
        opened = datetime(2026, dice.choice([10, 11, 12]), 1, dice.choice([0, 2, 3, 4]), tzinfo=UTC) - timedelta(
            seconds=dice.choice([0, 1])
        )
    severity = dice.choices(list(Severity), [1, 6, 10, 4])[0]
    started = opened - timedelta(seconds=dice.choice([0, 5, 30, 300, 3000]))

    def after(most: float) -> datetime:
        return min(NOW, opened + timedelta(seconds=dice.uniform(0, most)))

    declared, reopened = dice.random() < 0.2, dice.random() < 0.15
    over = dice.random() < 0.9
    state = dice.choice([State.RESOLVED, State.CLOSED]) if over else State.ACKNOWLEDGED
    answered = after(RESPOND[severity] * 1.5) if dice.random() < 0.9 else None
    ended = after(3 * 86400) if over else None
    pages = tuple(
        Page(key=f"{number}/{person}/{ring}/{channel}", channel=channel, person=person, contact="on-call", address="x",
             step="opened", ring=ring, at=opened + timedelta(seconds=ring))
        for person in dice.sample(sorted(PEOPLE), dice.randint(0, 3))
        for ring in range(1, 2 + reopened) for channel in ("pager", "sms")
    )  # fmt: skip
    actions = tuple(
        ActionItem(
            n=n, title=f"action {n}", owner="bob", by="ada", at=after(86400),
            due=date(2026, 11, 15) + timedelta(days=dice.randint(-40, 40)) if dice.random() < 0.8 else None,
            status=(status := dice.choice(list(ActionStatus))),
            done_at=after(60 * 86400) if status is ActionStatus.DONE else None,
        )
        for n in range(1, dice.choice([1, 1, 2, 4]))
    )  # fmt: skip
    clocks = {}
    if dice.random() < 0.2:
        clocks["impact_began"] = started - timedelta(minutes=dice.randint(0, 40))
    if over and dice.random() < 0.1:
        clocks["resolved"] = after(86400)
    if answered and dice.random() < 0.1:
        clocks["acknowledged"] = after(600)
    return Incident(
        uid=f"u{number:04}", id=f"INC-2026-{number:04}", key=str(number), episode=0, title=f"incident {number}",
        severity=severity, state=state, service=dice.choice(["api", "web", None]),
        labels={"alertname": dice.choice(["Errors", "Slow", "Down"]), **dice.choice([{}, {"category": "capacity"}])},
        decision=Decision(severity=severity, rule="r", reasons=(), rules_hash="h"), plan=PLAN, opened_at=opened,
        started_at=opened if declared else started, declared=declared,
        # Reopened after it was acknowledged: the state has the first time only in the permanent field.
        acknowledged_at=None if reopened else answered, first_acknowledged_at=answered, resolved_at=ended,
        closed_at=ended if state is State.CLOSED else None, reopened=int(reopened), flaps=int(reopened), pages=pages,
        actions=actions, clocks=clocks, drill=dice.random() < 0.05, merged=dice.random() < 0.04,
        fires_after=dice.choice([None, 0.0, 60.0, 300.0]), held=dice.choice([None, None, None, "storm"]),
        review=PostmortemVersion(version=1, status=dice.choice(list(ReviewStatus)), by="ada", at=NOW)
        if dice.random() < 0.6 else None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def incidents() -> list[Incident]:
    dice = random.Random(20261109)
    return [made(dice, number) for number in range(1000)]


@pytest.fixture(scope="module")
def frame(incidents: list[Incident]) -> pd.DataFrame:
    """Return the counted incidents, one per row, with the calculations for the figures by column."""
    rows = [one.model_dump(mode="json") for one in incidents]
    table = pd.DataFrame(rows)
    table = table[~table.drill & ~table.merged].reset_index(drop=True)
    clock = pd.json_normalize(list(table.clocks)).reindex(columns=["impact_began", "resolved", "acknowledged"])
    for name in ("opened_at", "started_at", "first_acknowledged_at", "resolved_at"):
        table[name] = pd.to_datetime(table[name], utc=True, format="ISO8601")
    for name in clock:
        clock[name] = pd.to_datetime(clock[name], utc=True, format="ISO8601")
    waits = pd.to_timedelta(pd.to_numeric(table.fires_after).fillna(0), unit="s")
    table["began"] = clock.impact_began.fillna((table.started_at - waits).mask(table.declared))
    table["answered"] = clock.acknowledged.fillna(table.first_acknowledged_at)
    table["ended"] = clock.resolved.fillna(table.resolved_at).where(table.state.isin(["resolved", "closed"]))
    table["month"] = table.opened_at.dt.tz_convert(ZONE).dt.strftime("%Y-%m")
    return table


def told(incidents: list[Incident], month: str) -> dict[str, Any]:
    review = MonthlyReview(month_of(month, ZONE), TERMS, NOW)
    for one in incidents:
        review.see(read_review_record(orjson.loads(orjson.dumps(review_record_fields(one))), one.id, TERMS))
    return review.told(7)


MONTHS = ("2026-08", "2026-09", "2026-10", "2026-11", "2026-12")


@pytest.mark.parametrize("month", MONTHS)
def test_counts_and_times(incidents: list[Incident], frame: pd.DataFrame, month: str) -> None:
    said, here = told(incidents, month), frame[frame.month == month]
    assert said["total"] == len(here) > 20
    assert said["by_severity"] == {s: int((here.severity == s).sum()) for s in ("SEV-1", "SEV-2", "SEV-3", "SEV-4")}
    assert said["part_of_storms"] == int((here.held == "storm").sum())
    columns = {"mttd": here.opened_at - here.began, "mtta": here.answered - here.opened_at,
               "mttr": here.ended - here.opened_at}  # fmt: skip
    for name, column in columns.items():
        seconds = column.dt.total_seconds().dropna().clip(lower=0)
        assert said[name]["mean"] == pytest.approx(seconds.mean(), abs=0.002)
        assert said[name]["median"] == pytest.approx(seconds.median(), abs=0.002)
        assert said[name]["p90"] == pytest.approx(seconds.quantile(0.9), abs=0.002)
    months = pd.Series(MONTHS)
    if month != MONTHS[0]:
        last = months[months[months == month].index[0] - 1]
        assert said["previous"]["total"] == int((frame.month == last).sum())


@pytest.mark.parametrize("month", MONTHS)
def test_targets(incidents: list[Incident], frame: pd.DataFrame, month: str) -> None:
    said = {one["metric"]: one for one in told(incidents, month)["targets"]}
    here = frame[frame.month == month]
    quarter = {f"2026-{n:02}" for n in range((int(month[5:]) - 1) // 3 * 3 + 1, int(month[5:]) + 1)}
    sev1 = frame[frame.month.isin(quarter) & (frame.severity == "SEV-1")]
    assert said["sev1_per_quarter"]["actual"] == len(sev1)
    assert said["sev1_per_quarter"]["met"] is (len(sev1) == 0)
    assert said["incidents_per_month"]["met"] is False
    owed = here[here.severity.isin(["SEV-1", "SEV-2"]) & here.ended.notna()]
    final = [isinstance(review, dict) and review["status"] == "final" for review in owed.review]
    assert said["postmortem_completion"]["actual"] == pytest.approx(sum(final) / len(final), abs=1e-5)
    items = pd.json_normalize([item for items in here.actions for item in items])
    assert said["action_item_completion"]["actual"] == pytest.approx(
        (items.status == "done").sum() / (items.status != "dropped").sum(), abs=1e-5
    )
    by = [_deadline(o, RESPOND[Severity(s)], s == "SEV-4") for o, s in zip(here.opened_at, here.severity, strict=True)]
    due = pd.Series(by, index=here.index)
    judged = here.answered.notna() | (here.ended.fillna(NOW).clip(upper=NOW) > due)
    good = here.answered.notna() & (here.answered <= due)
    assert said["acknowledged_in_time"]["actual"] == pytest.approx(good.sum() / judged.sum(), abs=1e-5)
    assert said["mttr"]["met"] is bool(said["mttr"]["actual"] < 3600)
    assert said["mttd"]["met"] is bool(said["mttd"]["actual"] < 300)


def _deadline(opened: pd.Timestamp, seconds: float, office: bool) -> pd.Timestamp:
    """Return the response deadline, counted by minutes of office hours: slow, and independent of the real code."""
    if not office:
        return opened + pd.Timedelta(seconds=seconds)
    at, left = opened.tz_convert(ZONE), seconds
    while True:
        minute_ends = at.floor("min") + pd.Timedelta(minutes=1)
        if at.day_of_week < 5 and 9 <= at.hour < 17:
            room = (minute_ends - at).total_seconds()
            if room >= left:
                return (at + pd.Timedelta(seconds=left)).tz_convert("UTC")
            left -= room
        elif at.hour != 8:
            minute_ends = at.floor("h") + pd.Timedelta(hours=1)
        at = minute_ends


@pytest.mark.parametrize("month", MONTHS)
def test_the_error_budget_counts_overlapping_time_once(
    incidents: list[Incident], frame: pd.DataFrame, month: str
) -> None:
    until = min(month_of(month, ZONE).ends, NOW)
    for budget, said in zip(TERMS.budgets, told(incidents, month)["error_budget"], strict=True):
        counted = frame[frame.severity.isin(budget.severities)] if budget.severities else frame
        seconds = pd.date_range(until - budget.window, until, freq="10s", inclusive="left") + pd.Timedelta(seconds=5)
        down = pd.Series(data=False, index=seconds)
        for began, opened, ended in zip(counted.began, counted.opened_at, counted.ended, strict=True):
            first = opened if pd.isna(began) else began
            down.loc[first : until if pd.isna(ended) else ended] = True
        spent = float(down.sum()) * 10
        assert said["spent"] == pytest.approx(spent, abs=5 * 2 * len(counted) ** 0.5 + 20)
        allowed = budget.window.total_seconds() * (1 - budget.target)
        assert said["remaining"] == pytest.approx(max(0.0, 1 - said["spent"] / allowed), abs=1e-5)


@pytest.mark.parametrize("month", MONTHS)
def test_what_repeats_and_what_was_promised(incidents: list[Incident], frame: pd.DataFrame, month: str) -> None:
    said, here = told(incidents, month), frame[frame.month == month]
    labels = pd.json_normalize(list(here.labels))
    service = here.service.reset_index(drop=True)
    category = labels.get("category", pd.Series(dtype=object)).fillna(service).fillna("none")
    assert {one["name"]: one["count"] for one in said["categories"]} == category.value_counts().to_dict()
    assert {one["alertname"]: one["count"] for one in said["noisiest"]} == labels.alertname.value_counts().to_dict()
    every = [p for one in incidents if not one.drill for p in one.model_dump(mode="json")["pages"]]
    calls = pd.DataFrame([page for page in every if page["channel"] == "pager"])
    # Pages count regardless of the incident's later state.
    calls = calls[pd.to_datetime(calls["at"], format="ISO8601").dt.tz_convert(ZONE).dt.strftime("%Y-%m") == month]
    assert {one["person"]: one["count"] for one in said["pages"]["people"]} == calls.person.value_counts().to_dict()
    hours = [
        pd.Timestamp(at).tz_convert(PEOPLE[person]).hour for person, at in zip(calls.person, calls["at"], strict=True)
    ]
    assert said["pages"]["at_night"] == sum(hour >= 22 or hour < 6 for hour in hours)
    begins, ends = month_of(month, ZONE).begins, month_of(month, ZONE).ends
    until = min(ends, NOW)
    items = [
        {"incident": number, **item} for number, many in zip(frame.id, frame.actions, strict=True) for item in many
    ]
    done = [i for i in items if i["status"] == "done" and begins <= _at(i["done_at"]) < ends]
    assert sorted(_named(said["improvements"])) == sorted(_named(done))
    waiting = [
        i for i in items
        if _at(i["at"]) < ends
        and (i["status"] == "open" or (i["status"] == "done" and _at(i["done_at"]) >= ends))
    ]  # fmt: skip
    assert sorted(_named(said["outstanding_actions"])) == sorted(_named(waiting))
    today = until.astimezone(ZoneInfo(ZONE)).date().isoformat()
    late = sum(i["due"] is not None and i["due"] < today for i in waiting)
    assert sum(i["overdue"] for i in said["outstanding_actions"]) == late


def _at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def _named(items: list[Any]) -> list[tuple[str, int]]:
    return [(item["incident"], item["n"]) for item in items]


def test_a_month_of_nothing_judges_nothing() -> None:
    said = told([], "2026-11")
    assert said["total"] == 0
    assert said["mttr"] == {"mean": None, "median": None, "p90": None}
    met: Mapping[str, Any] = {one["metric"]: one["met"] for one in said["targets"]}
    assert met["mttr"] is None
    assert met["postmortem_completion"] is None
    assert met["incidents_per_month"] is True
    text = review_text(said, "November 2026")
    assert text.startswith("## Incident Review: November 2026\n\n### Summary\n")
    assert "None." in text


def test_the_review_has_the_form_of_the_process(incidents: list[Incident]) -> None:
    said = told(incidents, "2026-11")
    text = review_text(said, "November 2026")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[:5] == [
        "## Incident Review: November 2026", "### Summary", "### Top Incident Categories",
        "### Outstanding Action Items", "### Process Improvements",
    ]  # fmt: skip
    summary = text.partition("### Summary\n\n")[2].splitlines()
    for line, begins in zip(
        summary, ("- Total incidents: ", "- SEV-1: ", "- MTTR average: ", "- Error budget remaining: "), strict=False
    ):
        assert line.startswith(begins)
    assert "- Error budget remaining: - (no objective is configured)" in review_text({**said, "error_budget": []}, "X")
    counts = ", ".join(f"{severity}: {count}" for severity, count in said["by_severity"].items())
    assert f"- Total incidents: {said['total']} (" in text
    assert f"- {counts}\n- MTTR average: " in text
    assert f"1. {said['categories'][0]['name']} - {said['categories'][0]['count']}" in text
    assert "| MTTD (Mean Time to Detect) | < 5 min |" in figures_text(said, "November 2026").replace("\\<", "<")
    assert "Incident review of November 2026: " in brief(said, "November 2026")


def test_months_of_the_calendar() -> None:
    november = month_of("2026-11", ZONE)
    assert november.begins == datetime(2026, 11, 1, 3, tzinfo=UTC)
    assert november.title == "November 2026"
    assert before(november, ZONE).name == "2026-10"
    assert before(month_of("2026-01", ZONE), ZONE).name == "2025-12"
    assert quarter_of(november, ZONE) == month_of("2026-10", ZONE).begins
    assert month_at(datetime(2026, 12, 1, 2, 59, tzinfo=UTC), ZONE) == november
    for wrong in ("2026-13", "2026-1", "26-11", "2026/11", "", "1999-01", "2026-11-01", "٢٠٢٦-11"):
        with pytest.raises(ValueError, match="is not a month"):
            month_of(wrong, ZONE)


@pytest.mark.parametrize("count", [10, 1000, 5000])
def test_spans_of_many_incidents_merge_into_the_same_time(count: int) -> None:
    rng = random.Random(count)
    spans = []
    for _ in range(count):
        first = rng.randrange(100_000)
        spans.append((first, first + rng.randrange(1, 400)))
    start = datetime(2026, 12, 1, tzinfo=UTC)
    spent = Spent(Budget("all", 0.9, timedelta(days=7)), start + timedelta(days=7))
    for first, last in spans:
        began, ended = start + timedelta(seconds=first), start + timedelta(seconds=last)
        spent.see(cast(ReviewRecord, SimpleNamespace(severity="SEV-1", since=began, ended=ended)))
    covered = set().union(*(range(first, last) for first, last in spans))
    assert spent.told()["spent"] == len(covered)
    assert len(spent._parts) < 1024
