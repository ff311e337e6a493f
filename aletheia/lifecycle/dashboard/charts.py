"""The panels with charts over time."""

from __future__ import annotations

from html import escape

import numpy as np

from aletheia.core.wording import counted
from aletheia.lifecycle.alerts.rules import Rule
from aletheia.lifecycle.dashboard.parts import View, chart_panel, listed, percent
from aletheia.lifecycle.monitoring.traffic import FAULTS, VERDICTS
from aletheia.plotting.svg_charts import Series, bar_chart, line_chart

_VERDICT_STYLES = dict(zip(VERDICTS, ("real", "fake", "unsure", "none"), strict=True))


def throughput(view: View) -> str:
    """Answers a minute, by version."""
    minutes = view.period.interval / 60
    series = _by_version(view, "answers")
    series = [item._replace(values=item.values / minutes) for item in series]
    total = view.summary["total"]
    lead = f"{counted(total['answers'], 'answer')} to {counted(total['requests'], 'request')} in this time."
    drawing = bar_chart(series, view.axis, f"Answers a minute by version. {lead}")
    return chart_panel(view, "throughput", "Answers a minute", lead, drawing, series)


def latency(view: View, slow: Rule | None) -> str:
    """Time to the answer."""
    series = [
        Series("half within", view.intervals("p50"), "real"),
        Series("95 of 100 within", view.intervals("p95"), "fake dashed"),
    ]
    limit = slow.limit if slow and slow.enabled else None
    times = view.summary["total"]["latency_ms"]
    lead = "No answer in this time."
    if times["p50"] is not None:
        half, most, nearly_all = (f"{times[name]:.0f} ms" for name in ("p50", "p95", "p99"))
        lead = f"Half within {half}, 95 of 100 within {most}, 99 within {nearly_all}."
    drawing = line_chart(series, view.axis, f"Milliseconds to the answer. {lead}", unit="ms", limit=limit)
    note = f"Dotted: {limit:g} ms, the limit of the alert." if limit else ""
    return chart_panel(view, "latency", "Time to the answer", lead, drawing, series, "ms", note)


def errors(view: View) -> str:
    """Errors by kind, the service's own ones in a colour of their own."""
    counts = view.summary["intervals"]["errors"]
    series: list[Series] = []
    used = {True: 0, False: 0}
    for name in counts:
        is_fault = name in FAULTS
        style = f"{'fault' if is_fault else 'e'}{used[is_fault]}"
        used[is_fault] += 1
        owner = " (the service’s fault)" if is_fault else ""
        series.append(Series(f"{name}{owner}", view.intervals("errors", name), style))
    total = view.summary["total"]
    lead = f"The service’s fault: {percent(total['fault_rate'])}. All: {listed(total['errors'])}."
    drawing = bar_chart(series, view.axis, f"Errors an interval by kind. {lead}")
    return chart_panel(view, "errors", "Errors by kind", lead, drawing, series)


def verdicts(view: View) -> str:
    """Shares of the verdicts."""
    counts = {name: view.intervals("verdicts", name) for name in VERDICTS}
    sums = np.sum(list(counts.values()), axis=0)
    shares = {name: np.divide(c, sums, out=np.full(len(sums), np.nan), where=sums > 0) for name, c in counts.items()}
    series = [Series(name, values, _VERDICT_STYLES[name]) for name, values in shares.items()]
    lead = f"{listed(view.summary['total']['verdicts'])}."
    drawing = bar_chart(series, view.axis, f"Shares of the verdicts. {lead}", top=1.0, unit="%")
    return chart_panel(view, "verdicts", "Verdicts", lead, drawing, series, "%")


def confidence(view: View) -> str:
    """Mean confidence by version."""
    series = _by_version(view, "confidence")
    lead = "Mean of the larger of the two probabilities. It says nothing about being right."
    drawing = line_chart(series, view.axis, f"Confidence by version. {lead}", top=1.0, bottom=0.5, unit="%")
    return chart_panel(view, "confidence", "Confidence by version", lead, drawing, series, "%")


def abstention(view: View) -> str:
    """Share of "cannot tell" by version, and why."""
    series = _by_version(view, "abstention")
    total = view.summary["total"]
    lead = f"{percent(total['abstention_rate'])} of the answers with a face. Why: {listed(total['causes'])}."
    drawing = line_chart(series, view.axis, f"Share of “cannot tell” by version. {lead}", unit="%")
    return chart_panel(view, "abstention", "“Cannot tell” by version", lead, drawing, series, "%")


def scores(view: View) -> str:
    """Return the distribution of the scores over time, with how near they are to an alarm."""
    low, middle, high = (view.intervals(f"score_{name}") for name in ("p10", "p50", "p90"))
    series = [
        Series("lowest tenth below", low, "quiet"),
        Series("median", middle, "real"),
        Series("highest tenth above", high, "quiet"),
    ]
    lead = "Probability of fake: median, and the range of the middle eight tenths."
    drawing = line_chart(series, view.axis, lead, top=1.0, unit="%", band=(low, high))
    changes = [c for c in view.summary["drift"]["changes"] if c["group"] == "the answers"]
    note = (
        escape(changes[-1]["sentence"]) if changes else "The answers have not changed since each version’s first ones."
    )
    return chart_panel(view, "scores", "Scores", lead, drawing, series, "%", note)


def _by_version(view: View, name: str) -> list[Series]:
    return [
        Series(item["name"], view.intervals("by_version", item["version"], name), view.style(item["version"]))
        for item in view.summary["versions"]
    ]
