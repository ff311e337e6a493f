"""The page of `aletheia monitor`: findings in sentences first, then the hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from aletheia.lifecycle.monitoring.drift import Drift
from aletheia.lifecycle.monitoring.estimated_accuracy import WARNING
from aletheia.lifecycle.monitoring.findings import monitor_findings, percent
from aletheia.lifecycle.monitoring.labelled import label_findings
from aletheia.lifecycle.monitoring.traffic import VERDICTS, version_name
from aletheia.plotting.html import html_page, plot
from aletheia.plotting.theme import COLOURS, FAKE, NEUTRAL, REAL, SECOND, note, styled
from aletheia.reports.formatting import escaped_table, number

_LABELLED = "<h2>Labelled answers</h2>"
_VERDICT_COLOURS = {**COLOURS, "cannot tell": NEUTRAL, "no face found": "#b8b8b8"}


def render_monitor_report(
    versions: Sequence[Mapping[str, Any]],
    hours: pd.DataFrame,
    drifts: Sequence[Drift],
    compared: Mapping[str, int],
    *,
    reference: int,
    labelled: Sequence[Mapping[str, Any]] = (),
    further: Sequence[tuple[str, str]] = (),
    title: str = "What the service answered",
) -> str:
    """Write the page: one HTML file that works offline; names that come from the log are escaped.

    Parameters
    ----------
    versions : sequence of mapping
        Of `aletheia.lifecycle.monitoring.traffic.summarise_traffic`.
    hours : DataFrame
        Of `aletheia.lifecycle.monitoring.traffic.hourly`.
    drifts, compared
        Of `aletheia.lifecycle.monitoring.drift.find_drift`.
    reference : int
        Compared answers that a version needs before it is watched.
    labelled : sequence of mapping
        Of `aletheia.lifecycle.monitoring.labelled.summarise_labels`.
    further : sequence of tuple
        More findings, as `aletheia.lifecycle.monitoring.findings.monitor_findings` returns them.
    """
    body = [
        f"<h1>{escape(title)}</h1>",
        *(_finding(*found) for found in (*monitor_findings(versions, drifts, compared, reference), *further)),
        *(_finding(sentence, kind) for sentence, kind in label_findings(labelled)),
        "<h2>By version</h2>",
        _versions(versions),
        *([_LABELLED, _labels(labelled)] if labelled else []),
        *_estimates(versions),
        "<h2>By time</h2>",
        *(plot(figure) for figure in monitor_figures(hours, drifts)),
        '<p class="quiet">A change is a change of what is asked or answered. It may be a new camera or a new kind of '
        "fake as well as a fault; whether answers have become worse only faces of known truth can tell. A new kind of "
        "fake that looks like genuine faces to the network moves none of these numbers.</p>",
    ]
    return html_page(title, body)


def monitor_figures(hours: pd.DataFrame, drifts: Sequence[Drift] = ()) -> list[go.Figure]:
    """Draw verdicts, times and errors by interval; a change is a line where it began."""
    verdicts = go.Figure(
        [go.Bar(x=hours.index, y=hours[name], name=name, marker_color=_VERDICT_COLOURS[name]) for name in VERDICTS]
    ).update_layout(barmode="stack")
    times = go.Figure(
        [
            go.Scatter(
                x=hours.index, y=hours["p50"], name="half of the answers", mode="lines+markers", line_color=REAL
            ),
            go.Scatter(x=hours.index, y=hours["p95"], name="95 of 100", mode="lines+markers", line_color=FAKE),
        ]
    )
    errors = go.Figure(
        [
            go.Bar(x=hours.index, y=hours["errors"] - hours["faults"], name="the request's", marker_color=SECOND),
            go.Bar(x=hours.index, y=hours["faults"], name="the service's", marker_color=FAKE),
        ]
    ).update_layout(barmode="stack")
    styled(verdicts, "Verdicts", "time (UTC)", "answers an interval")
    styled(times, "Time to the answer", "time (UTC)", "milliseconds, at most").update_yaxes(rangemode="tozero")
    styled(errors, "Errors, by whose they are", "time (UTC)", "errors an interval")
    figures = [verdicts, times, errors]
    for drift in drifts:
        for figure in figures:
            figure.add_vline(x=pd.Timestamp(drift.since).timestamp() * 1000, line_dash="dash", line_color=NEUTRAL)
    if drifts:
        note(verdicts, "Dashed: a change began, see above.")
    return figures


def _versions(versions: Sequence[Mapping[str, Any]]) -> str:
    head = ("version", "from – to (UTC)", "answers", "ms p50 / p95 / p99", "verdicts", "cannot tell because", "errors")
    rows = [
        (
            version_name(version),
            f"{version['first'][:16]} – {version['last'][:16]}".replace("T", " "),
            f"{version['answers']:,}",
            " / ".join(number(float("nan") if ms is None else ms, ".0f") for ms in version["latency_ms"].values()),
            _listed(version["verdicts"]),
            _listed(version["causes"]),
            _listed(version["errors"]),
        )
        for version in versions
    ]
    uris = "; ".join(f"{version['version']} from {version['uri']}" for version in versions)
    return escaped_table(head, rows) + f'<p class="quiet">{escape(uris)}</p>'


def _labels(labelled: Sequence[Mapping[str, Any]]) -> str:
    head = (
        "version", "labels", "without a verdict", "right", "false alarms", "misses", "expected right",
        "share labelled", "of all answers right, within",
    )  # fmt: skip
    rows = [
        (
            version_name(one),
            f"{one['labels']:,} ({one['genuine']:,} genuine, {one['fake']:,} fake)",
            f"{one['no_verdict']:,}",
            *(percent(one[name]) if one[name] else "–" for name in ("accuracy", "false_alarms", "misses")),
            "–" if one["expected_accuracy"] is None else f"{one['expected_accuracy']:.1%}",
            f"{one['labelled_share']:.1%}",
            f"{one['bounds'][0]:.1%} to {one['bounds'][1]:.1%}" if one["bounds"] else "–",
        )
        for one in labelled
    ]
    return escaped_table(head, rows)


def _estimates(versions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Show what the model makes of itself, with the warning, and how often its answer turned on saving again."""
    shown = [version for version in versions if version.get("estimated_accuracy")]
    if not shown:
        return []
    rows = [
        (
            version_name(version),
            percent(version["estimated_accuracy"]),
            f"{version['estimated_accuracy']['n']:,}",
            f"{version['estimated_accuracy']['prevalence']:.1%}",
            percent(version["turning_rate"]),
        )
        for version in shown
    ]
    head = ("version", "verdicts right, by its own account", "verdicts", "fakes, likewise", "turned when saved again")
    return ["<h2>What the model thinks of itself</h2>", _finding(WARNING, "bad"), escaped_table(head, rows)]


def _finding(sentence: str, kind: str) -> str:
    return f'<div class="finding {kind}">{escape(sentence)}</div>'


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "–"
