"""Builders for panels (a number, a graph, bars), and the label matchers of every query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as built
from grafana_foundation_sdk.models import common as style
from grafana_foundation_sdk.models import dashboard as model

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
HERE = 'namespace=~"$namespace", job=~"$job"'
"""Matchers of every query: with `.*` they also match series without the label."""
SEVERE = f'{HERE}, severity=~"$severity"'
OWNED = f'{SEVERE}, team=~"$team"'
CHANNEL = f'{HERE}, channel=~"$channel"'
COLORS = {"SEV-1": "dark-red", "SEV-2": "orange", "SEV-3": "yellow", "SEV-4": "blue"}
AnyPanel = TypeVar("AnyPanel", stat.Panel, bargauge.Panel, timeseries.Panel)
Query = tuple[str, str]
"""An expression, and the legend of its series."""


def steps(*pairs: tuple[float | None, str]) -> built.ThresholdsConfig:
    """Return thresholds: each value, and the color from there on."""
    listed = [model.Threshold(value=value, color=color) for value, color in pairs]
    return built.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(listed)


GOOD = steps((None, "green"))
ZERO_IS_GOOD = steps((None, "green"), (1, "red"))
ONE_IS_GOOD = steps((None, "red"), (1, "green"))


def number(
    title: str, says: str, query: Query, limits: Any = GOOD, *, unit: str = "short", span: int = 3, link: str = ""
) -> stat.Panel:
    """Return a panel with the newest value, or that of each series."""
    panel = stat.Panel().title(title).description(says).datasource(SOURCE).height(4).span(span).unit(unit)
    panel = panel.thresholds(limits).color_mode(style.BigValueColorMode.VALUE).no_value("none")
    panel = panel.graph_mode(style.BigValueGraphMode.AREA).reduce_options(_newest())
    if link:
        panel = panel.links([built.DashboardLink("Console").url(link).target_blank(True)])
    return _asked(_colored(panel), [query], instant=False)


def bars(title: str, says: str, query: Query, limits: Any, *, unit: str, span: int = 8) -> bargauge.Panel:
    """Return a bar for each series: its newest value, compared with the limits."""
    panel = bargauge.Panel().title(title).description(says).datasource(SOURCE).height(7).span(span).unit(unit)
    panel = panel.thresholds(limits).min(0).no_value("none").reduce_options(_newest())
    panel = panel.orientation(style.VizOrientation.HORIZONTAL).display_mode(style.BarGaugeDisplayMode.BASIC)
    return _asked(panel, [query], instant=True)


def graph(
    title: str, says: str, *queries: Query, unit: str = "short", span: int = 8, stacked: bool = False,
    limit: float | None = None,
) -> timeseries.Panel:  # fmt: skip
    """Return curves over time; `stacked`: stacked bars; `limit`: a line at the limit."""
    panel = timeseries.Panel().title(title).description(says).datasource(SOURCE).height(8).span(span).unit(unit)
    panel = panel.min(0).tooltip(common.VizTooltipOptions().mode(style.TooltipDisplayMode.MULTI))
    if stacked:
        panel = panel.draw_style(style.GraphDrawStyle.BARS).fill_opacity(60).line_width(0)
        panel = panel.stacking(common.StackingConfig().mode(style.StackingMode.NORMAL).group("A"))
    else:
        panel = panel.fill_opacity(8).span_nulls(True)
    if limit is not None:
        panel = panel.thresholds(steps((None, "transparent"), (limit, "red")))
        line = common.GraphThresholdsStyleConfig().mode(style.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(line)
    return _asked(_colored(panel), queries, instant=False)


def _newest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _colored(panel: AnyPanel) -> AnyPanel:
    for severity, color in COLORS.items():
        fixed = {"mode": "fixed", "fixedColor": color}
        panel = panel.override_by_regexp(f"{severity}.*", [model.DynamicConfigValue(id_val="color", value=fixed)])
    return panel


def _asked(panel: AnyPanel, queries: Sequence[Query], *, instant: bool) -> AnyPanel:
    for index, (expression, name) in enumerate(queries):
        query = prometheus.Dataquery().ref_id(chr(ord("A") + index)).datasource(SOURCE)
        query = query.expr(expression).legend_format(name)
        panel = panel.with_target(query.instant() if instant else query.range())
    return panel
