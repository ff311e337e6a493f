"""The page of `aletheia monitor`: findings in sentences first, then the hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from aletheia.core.wording import counted
from aletheia.lifecycle.monitoring.drift import Drift
from aletheia.lifecycle.monitoring.traffic import VERDICTS, version_name
from aletheia.plotting.html import html_page, plot
from aletheia.plotting.theme import COLOURS, FAKE, NEUTRAL, REAL, SECOND, note, styled
from aletheia.reports.formatting import escaped_table, number

_VERDICT_COLOURS = {**COLOURS, "cannot tell": NEUTRAL, "no face found": "#b8b8b8"}


def render_monitor_report(
    versions: Sequence[Mapping[str, Any]],
    hours: pd.DataFrame,
    drifts: Sequence[Drift],
    compared: Mapping[str, int],
    *,
    reference: int,
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
    """
    body = [
        f"<h1>{escape(title)}</h1>",
        *(_finding(sentence, kind) for sentence, kind in findings(versions, drifts, compared, reference)),
        "<h2>By version</h2>",
        _versions(versions),
        "<h2>By time</h2>",
        *(plot(figure) for figure in monitor_figures(hours, drifts)),
        '<p class="quiet">A change is a change of what is asked or answered. It may be a new camera or a new kind of '
        "fake as well as a fault; whether answers have become worse only faces of known truth can tell. A new kind of "
        "fake that looks like genuine faces to the network moves none of these numbers.</p>",
    ]
    return html_page(title, body)


def findings(
    versions: Sequence[Mapping[str, Any]], drifts: Sequence[Drift], compared: Mapping[str, int], reference: int
) -> list[tuple[str, str]]:
    """Say in sentences what was seen, each with ``good``, ``bad`` or an empty word for neither."""
    if not versions:
        return [("There was no request in this time.", "bad")]
    found = []
    for version in versions:
        name, rate = version["version"], version["fault_rate"]
        if rate and rate["value"]:
            found.append((f"Version {name}: {_percent(rate)} of the requests failed by the service's fault.", "bad"))
        if (few := compared.get(name, 0)) < reference:
            text = f"Version {name} is not watched for changes yet: {counted(few, 'answer')} of {reference} compared."
            found.append((text, ""))
    found += [(drift.sentence, "bad") for drift in drifts]
    watched = [name for name, count in compared.items() if count >= reference]
    if watched and not drifts:
        found.append(("What is asked and what is answered has not changed.", "good"))
    return found


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


def _finding(sentence: str, kind: str) -> str:
    return f'<div class="finding {kind}">{escape(sentence)}</div>'


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "–"


def _percent(rate: Mapping[str, float]) -> str:
    return f"{rate['value']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"
