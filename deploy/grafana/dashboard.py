"""Writes the Grafana dashboard of the service: dashboards/aletheia.json, which compose and the chart's users load.

Run by ``make grafana``; a test compares the file with what this builds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import StackingMode
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef

FILE = Path(__file__).parent / "dashboards" / "aletheia.json"
_SOURCE = DataSourceRef("prometheus", "prometheus")
_WIDTH, _HEIGHT = 12, 8  # of 24 columns
_QUANTILE = "histogram_quantile({}, sum by (le) (rate(aletheia_request_seconds_bucket[$__rate_interval])))"

#: Title, unit, stacked or not, and queries with their legend.
_PLOTS: tuple[tuple[str, str, bool, tuple[tuple[str, str], ...]], ...] = (
    (
        "Requests a second, by status",
        "reqps",
        True,
        (("sum by (status) (rate(aletheia_requests_total[$__rate_interval]))", "{{status}}"),),
    ),
    ("Time of a request", "s", False, tuple((_QUANTILE.format(share), f"{share:.0%}") for share in (0.5, 0.95, 0.99))),
    (
        "Refused and failed, by kind",
        "reqps",
        True,
        (("sum by (kind) (rate(aletheia_errors_total[$__rate_interval]))", "{{kind}}"),),
    ),
    (
        "Verdicts a second",
        "reqps",
        True,
        (("sum by (verdict) (rate(aletheia_verdicts_total[$__rate_interval]))", "{{verdict}}"),),
    ),
    (
        "Faces without a verdict, by cause",
        "reqps",
        True,
        (("sum by (cause) (rate(aletheia_abstentions_total[$__rate_interval]))", "{{cause}}"),),
    ),
    (
        "Probability of fake: median and quartiles",
        "percentunit",
        False,
        tuple(
            (
                f"histogram_quantile({share}, sum by (le) (rate(aletheia_scores_bucket[$__rate_interval])))",
                f"{share:.0%}",
            )
            for share in (0.25, 0.5, 0.75)
        ),
    ),
    (
        "Mean time of each stage",
        "s",
        True,
        (
            (
                "sum by (stage) (rate(aletheia_stage_seconds_sum[$__rate_interval])) / "
                "sum by (stage) (rate(aletheia_stage_seconds_count[$__rate_interval]))",
                "{{stage}}",
            ),
        ),
    ),
    (
        "Waiting and at work",
        "short",
        False,
        (("sum(aletheia_waiting_requests)", "waiting"), ("sum(aletheia_working_requests)", "at work")),
    ),
    ("Memory with decoding processes", "bytes", False, (("aletheia_family_memory_bytes", "{{instance}}"),)),
    (
        "Rows of the prediction log that were lost",
        "short",
        False,
        (("aletheia_prediction_log_lost_rows", "{{instance}}"),),
    ),
)


def build() -> str:
    """Return the dashboard's JSON."""
    board = (
        dashboard.Dashboard("Aletheia")
        .uid("aletheia")
        .tags(["aletheia"])
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_panel(
            stat.Panel()
            .title("Models that answer, by version")
            .datasource(_SOURCE)
            .with_target(
                _query("count by (release, version, precision) (aletheia_model_info)", "{{release}} {{version}}")
            )
            .height(4)
            .span(24)
        )
    )
    for title, unit, is_stacked, queries in _PLOTS:
        panel = timeseries.Panel().title(title).datasource(_SOURCE).unit(unit).min(0).height(_HEIGHT).span(_WIDTH)
        if is_stacked:
            panel = panel.fill_opacity(30).stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        for expression, legend in queries:
            panel = panel.with_target(_query(expression, legend))
        board = board.with_panel(panel)
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def expressions(board: dict[str, Any]) -> list[str]:
    """List the queries of a dashboard."""
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def _query(expression: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).legend_format(legend).datasource(_SOURCE)


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(build())
    sys.stdout.write(f"{FILE.name}: {len(expressions(json.loads(FILE.read_text())))} queries\n")
