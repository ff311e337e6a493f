"""Building blocks of the page: panels, tiles, tables, legends, moments. Everything that comes from a log is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Any, NamedTuple

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.wording import counted
from aletheia.lifecycle.dashboard.period import Period, local_time, time_ticks
from aletheia.plotting.svg_charts import Axis, Mark, Series, Stretch, number_text

_FORMS = {"hour": "%H:%M", "day": "%a %H:%M", "week": "%a %-d %b %H:%M", "month": "%-d %b %H:%M"}


class View(NamedTuple):
    """What is shown, and to whom.

    Attributes
    ----------
    summary : mapping
        Of `aletheia.lifecycle.dashboard.watch.DashboardWatch.summary`.
    period : Period
    zone : tzinfo
        Of the person who looks.
    zone_name : str
    axis : Axis
        Of all charts.
    """

    summary: Mapping[str, Any]
    period: Period
    zone: tzinfo
    zone_name: str
    axis: Axis

    def intervals(self, *names: str) -> Array:
        """Return numbers of the intervals (intervals,), found by names one inside the other; NaN where unknown."""
        values: Any = self.summary["intervals"]
        for name in names:
            values = values[name]
        return np.array([np.nan if value is None else value for value in values], dtype=float)

    def style(self, version: str) -> str:
        """Return the classes of a version's curves: the same in every chart."""
        shown = [item["version"] for item in self.summary["versions"]]
        return f"c{shown.index(version)}"


def view_of(summary: Mapping[str, Any], zone: tzinfo, zone_name: str) -> View:
    """Prepare what all panels share."""
    period = Period(**summary["period"])
    marks = [
        Mark(
            period.share(item["moment"]),
            item["version"].partition(" ")[0],
            "switch" if item["action"] == "answers" else "decision",
        )
        for item in summary["switches"]
    ]
    marks += [
        Mark(period.share(since), "change", "change")
        for since in map(change_moment, summary["drift"]["changes"])
        if period.begin <= since < period.end
    ]
    stretches = [
        Stretch(max(period.share(item["begin"]), 0.0), min(period.share(item["end"]), 1.0), f"alert: {item['rule']}")
        for item in summary["alerts"]["stretches"]
    ]
    return View(summary, period, zone, zone_name, Axis(time_ticks(period, zone), marks, stretches))


def change_moment(change: Mapping[str, Any]) -> float:
    """Return when a change began, seconds since 1970."""
    return datetime.fromisoformat(change["since"]).timestamp()


def moment(seconds: float | None, zone: tzinfo, form: str = "%-d %b %Y %H:%M") -> str:
    """Write a moment in the zone of who looks; UTC stands in its title."""
    if seconds is None:
        return "–"
    utc = local_time(seconds, UTC)
    return (
        f'<time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}" title="{utc:%Y-%m-%d %H:%M:%S} UTC">'
        f"{local_time(seconds, zone).strftime(form)}</time>"
    )


def panel(key: str, title: str, body: str, *, wide: bool = False) -> str:
    """Return a section with a heading; its content is replaced where it changed."""
    return (
        f'<section class="panel{" wide" if wide else ""}" aria-labelledby="h-{key}">'
        f'<h2 id="h-{key}">{escape(title)}</h2>{body}</section>'
    )


def part(key: str, content: str, tag: str = "div", style: str = "") -> str:
    """Return an element whose content the page replaces by itself when it changes."""
    classes = f' class="{style}"' if style else ""
    return f'<{tag} data-part="{key}"{classes}>{content}</{tag}>'


def chart_panel(
    view: View, key: str, title: str, lead: str, drawing: str, series: Sequence[Series], unit: str = "",
    note: str = "",
) -> str:  # fmt: skip
    """Return a panel with a chart, its legend, and the numbers of it as a table.

    Parameters
    ----------
    view : View
    key : str
        Names it on the page.
    title, lead : str
        Heading, and a sentence of HTML below it.
    drawing : str
        SVG.
    series : sequence of Series
        What the table holds.
    unit : str
        Of the numbers.
    note : str
        HTML below the legend.
    """
    has_values = any(np.isfinite(item.values).any() and np.nansum(np.abs(item.values)) > 0 for item in series)
    shown = drawing if has_values else '<p class="empty">Nothing in this time.</p>'
    keys = "".join(
        f'<li><i class="key {escape(item.style)}"></i>{escape(item.name)}</li>' for item in series if len(series) > 1
    )
    body = (
        part(f"{key}-lead", lead, "p", "lead")
        + f'<div class="chart" tabindex="0" role="group" aria-label="{escape(title)}: chart, read with the arrow keys">'
        + part(f"{key}-chart", shown)
        + '<p class="readout" aria-live="polite"></p></div>'
        + part(f"{key}-legend", keys, "ul", "legend")
        + (part(f"{key}-note", note, "p", "quiet") if note else "")
        + f"<details><summary>{escape(title)} as a table</summary>"
        + part(f"{key}-table", interval_table(view, title, series, unit), style="scroll")
        + "</details>"
    )
    return panel(key, title, body)


def interval_table(view: View, caption: str, series: Sequence[Series], unit: str) -> str:
    """Return the numbers of a chart as a table, one row an interval that has any."""
    begins, form = view.summary["intervals"]["begin"], _FORMS[view.period.name]
    rows = []
    for n, begin in enumerate(begins):
        values = [float(item.values[n]) for item in series]
        if any(np.isfinite(value) and value for value in values):
            cells = "".join(f"<td>{escape(number_text(value, unit))}</td>" for value in values)
            rows.append(f'<tr data-n="{n}"><th scope="row">{moment(begin, view.zone, form)}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{escape(item.name)}</th>' for item in series)
    return (
        f'<table data-intervals="{len(begins)}">'
        f"<caption>{escape(caption)}, in steps of {step_text(view.period)}</caption>"
        f'<thead><tr><th scope="col">from</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def step_text(period: Period) -> str:
    """Write the length of an interval."""
    minutes = round(period.interval / 60)
    return counted(minutes, "minute") if minutes < 60 else counted(minutes // 60, "hour")


def code_text(text: str) -> str:
    """Escape a text in which commands stand between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def table(caption: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of cells that are HTML already; the first of a row is its heading."""
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        "<tr>"
        + "".join(f'<th scope="row">{cell}</th>' if n == 0 else f"<td>{cell}</td>" for n, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def tile(label: str, value: str, more: str = "", state: str = "") -> str:
    """Return a number to see at once; ``value`` and ``more`` are HTML, ``state`` is good, bad or empty."""
    return f'<div class="tile {state}"><dt>{escape(label)}</dt><dd><b>{value}</b><span>{more}</span></dd></div>'


def percent(rate: Mapping[str, Any] | None, *, interval: bool = True) -> str:
    """Write a rate with its interval."""
    if not rate:
        return "–"
    text = f"{rate['value']:.1%}"
    return f"{text} ({rate['low']:.1%} to {rate['high']:.1%})" if interval else text


def listed(counts: Mapping[str, int]) -> str:
    """Write counts in a line, escaped."""
    return ", ".join(f"{escape(name)} {count:,}" for name, count in counts.items() if count) or "–"


def bytes_text(size: float) -> str:
    """Write a number of bytes."""
    if size >= 1e9:
        return f"{size / 1e9:.3g} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
