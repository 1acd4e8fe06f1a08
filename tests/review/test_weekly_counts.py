"""Incidents of a month by week: each day belongs to one week, in the time zone of the reports."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from receiver.review.charts.report_charts import weeks_svg
from receiver.review.review_settings import month_of
from receiver.review.weekly_counts import WeeklyCounts


def test_a_month_has_each_week_of_which_a_day_is_in_it() -> None:
    weeks = WeeklyCounts(month_of("2026-11", "UTC"), "UTC").told()
    assert [one["begins"] for one in weeks] == [
        "2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23", "2026-11-30",
    ]  # fmt: skip
    assert weeks[0] == {
        "begins": "2026-10-26",
        "total": 0,
        "by_severity": {"SEV-1": 0, "SEV-2": 0, "SEV-3": 0, "SEV-4": 0},
    }


def test_the_zone_decides_which_day_it_is() -> None:
    # Sunday evening in Sao Paulo is Monday in UTC.
    opened = datetime(2026, 11, 9, 1, tzinfo=UTC)
    for zone, week in (("UTC", "2026-11-09"), ("America/Sao_Paulo", "2026-11-02")):
        weeks = WeeklyCounts(month_of("2026-11", zone), zone)
        weeks.see(opened, "SEV-2")
        assert [one["begins"] for one in weeks.told() if one["by_severity"]["SEV-2"]] == [week]
    drawn = ElementTree.fromstring(weeks_svg(weeks.told()))
    assert [node.text for node in drawn.iter("title")] == ["SEV-2: 1"]
    assert "11-02" in [node.text for node in drawn.iter("text")]
