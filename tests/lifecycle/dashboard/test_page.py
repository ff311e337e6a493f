"""The page as text: its parts, its numbers, and names from a log that are no markup."""

from __future__ import annotations

import html
import re
from datetime import UTC
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from aletheia.lifecycle.alerts.measures import Measured
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES
from aletheia.lifecycle.alerts.state import AlertStates, states_path
from aletheia.lifecycle.dashboard import charts, drift_table, tables
from aletheia.lifecycle.dashboard.page import file_version, page_file, render_page
from aletheia.lifecycle.dashboard.parts import bytes_text, code_text, moment, view_of
from aletheia.lifecycle.monitoring.estimated_accuracy import WARNING
from aletheia.lifecycle.monitoring.labelled import SELECTION_NOTE
from aletheia.lifecycle.prediction_log.entry import LogEntry

from ..logs import traffic
from .conftest import NOW, labels_of

HOSTILE = "<img src=x onerror=alert(1)>\"'&"
PANELS = ("throughput", "latency", "errors", "verdicts", "confidence", "abstention", "scores", "accuracy", "inputs",
          "alerts", "versions", "log")  # fmt: skip


class Outline(HTMLParser):
    """Tags, attributes and whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.open, self.unbalanced = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)


def render(watch, period="hour", zone=UTC, name="UTC", end=None):
    return render_page(watch.summary(period, end), watch.rules, zone, name)


def test_all_panels(watched):
    page = render(watched, "month")
    outline = Outline(page)
    assert outline.unbalanced == outline.open == []
    headings = {attributes["id"] for tag, attributes in outline.tags if tag == "h2"}
    assert headings == {f"h-{name}" for name in PANELS}
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    parts = [attributes["data-part"] for _, attributes in outline.tags if "data-part" in attributes]
    assert len(ids) == len(set(ids))
    assert len(parts) == len(set(parts))
    assert sum(attributes.get("class") == "plot" for _, attributes in outline.tags) == 7
    # Nothing could run or load but the two own files.
    assert [a["src"].partition("?")[0] for t, a in outline.tags if t == "script"] == ["files/dashboard.js"]
    assert not any(name.startswith("on") or name == "style" for _, attributes in outline.tags for name in attributes)
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_table_behind_a_chart_has_its_numbers(watched):
    summary = watched.summary("month")
    view = view_of(summary, UTC, "UTC")
    panel = charts.latency(view, DEFAULT_RULES["slow"])
    cells = re.findall(r'<tr data-n="(\d+)">.*?<td>([\d,.]+)\xa0ms</td><td>([\d,.]+)\xa0ms</td>', panel)
    known = [n for n, value in enumerate(summary["intervals"]["p50"]) if value is not None]
    assert [int(n) for n, _, _ in cells] == known
    for n, half, most in cells:
        for shown, name in ((half, "p50"), (most, "p95")):
            assert float(shown.replace(",", "")) == pytest.approx(summary["intervals"][name][int(n)], rel=0.01)


def test_incident_is_in_its_charts(watched):
    """The slow hours stand out in the times, the timeouts in the errors, the camera in sharpness alone."""
    summary = watched.summary("month")
    p95 = np.array([value or 0 for value in summary["intervals"]["p95"]])
    slow_from, slow_to = (NOW - 30 * 86_400 + day * 86_400 for day in (26.3, 26.55))
    begins = np.array(summary["intervals"]["begin"])
    assert slow_from - 21_600 < begins[p95.argmax()] < slow_to
    assert (p95 > 500).sum() <= 2
    assert begins[np.argmax(summary["intervals"]["errors"]["timeout"])] == begins[p95.argmax()]
    view = view_of(summary, UTC, "UTC")
    (mark,) = [mark for mark in view.axis.marks if mark.style == "change"]
    assert abs(view.period.begin + mark.at * 30 * 86_400 - (NOW - 7.6 * 86_400)) < 43_200
    table = drift_table.inputs(view)
    changed = re.findall(r'<th scope="row">([^<]*) <span class="badge firing">changed', table)
    assert changed == ["sharpness of the faces (log)"]


def test_hostile_names(watch_of, monkeypatch):
    def forged(n, **values):
        return LogEntry(NOW - 100 + n, HOSTILE, HOSTILE, HOSTILE, HOSTILE, release=HOSTILE, **values)

    answer = forged(1, verdict=HOSTILE, cause=HOSTILE, faces=1, probability=float("nan"))
    watch = watch_of([forged(0, error=HOSTILE), answer], traffic(5, start=NOW - 50, every=1, version="b"))
    states = AlertStates(states_path(watch.log))
    for now in (NOW - 2, NOW - 1):
        states.look({HOSTILE: DEFAULT_RULES["slow"]}, lambda rule: Measured(900.0, HOSTILE), now)
    states.save()
    watch.rules = {HOSTILE: DEFAULT_RULES["slow"].model_copy(update={"runbook": HOSTILE})}
    page = render(watch)
    outline = Outline(page)
    assert outline.unbalanced == outline.open == []
    assert not any(tag == "img" for tag, _ in outline.tags)
    assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)
    assert page.count("&lt;img src=x") > 8


def test_numbers_that_are_none(watch_of):
    """Infinite and missing numbers in a log leave gaps, no errors."""
    rows = [
        LogEntry(NOW - 60 * n, str(n), "v", "u", "image", "real", faces=1, probability=p, ms_total=ms, luma=ms)
        for n, (p, ms) in enumerate([(float("nan"), float("inf")), (None, None), (0.3, -5.0), (7.0, 1e300)])
    ]
    page = render(watch_of(rows))
    assert "nan" not in page.lower().replace("nano", "")
    assert Outline(page).open == []


def test_empty_and_one_row(watch_of):
    page = render(watch_of([]))
    assert "nothing was asked yet" in page
    assert page.count("Nothing in this time.") >= 7
    assert "nobody" in page
    one = render(watch_of([LogEntry(NOW - 5, "a", "v", "u", "image", "real", faces=1, probability=0.1, ms_total=80.0)]))
    assert "Half within 80 ms" in one
    assert "v is not watched yet: 1 answer of 100 compared" in one
    later = render(watch_of([LogEntry(NOW - 90_000, "a", "v", "u")]))
    assert "Nothing was asked in this time. The last request in the log came" in later


def test_labels_or_how_to_send_them(watch_of):
    entries = list(traffic(60, start=NOW - 2_000))
    assert "No labels yet" in render(watch_of(entries))
    labels = labels_of([entry.id for entry in entries], 0)
    page = render(watch_of(entries, labels=lambda: (labels, {})))
    assert "No labels yet" not in page
    assert "60 labelled answers of this time" in page
    assert html.escape(SELECTION_NOTE, quote=False) in page  # labels are no random draw
    assert re.search(
        r"\d+\.\d% \(\d+\.\d% to \d+\.\d%\)",
        tables.accuracy(view_of(watch_of(entries, labels=lambda: (labels, {})).summary("hour"), UTC, "")),
    )
    assert html.escape(WARNING) in page


def test_alerts(watch_of):
    watch = watch_of(traffic(30, start=NOW - 2_000))
    assert "Nobody watches" in render(watch)
    states = AlertStates(states_path(watch.log))
    for now in (NOW - 900, NOW - 800):
        states.look(DEFAULT_RULES, lambda rule: Measured(900.0 if rule.metric == "p95_ms" else None, "very slow"), now)
    states.silence("disk", 3600, now=NOW)
    states.save()
    watch._kept.clear()
    page = render(watch)
    assert '<p class="notice bad"><strong>slow: very slow (limit: above 500).</strong>' in page
    assert "<code>aletheia monitor</code>" in page  # of its runbook
    assert re.search(r'badge silenced">silenced</span> until <time', page)
    assert 'class="firing"' in page  # shaded in the charts
    assert "alert: slow" in page


def test_moments_in_the_zone_of_who_looks():
    text = moment(1_795_950_123.0, ZoneInfo("Asia/Kolkata"))
    assert "29 Nov 2026 16:32" in text
    assert 'datetime="2026-11-29T11:02:03Z"' in text
    assert "2026-11-29 11:02:03 UTC" in text
    assert moment(None, UTC) == "–"


def test_small_texts():
    assert code_text("run `a <b>` now") == "run <code>a &lt;b&gt;</code> now"
    assert [bytes_text(size) for size in (900, 3_400_000, 2e9)] == ["1 kB", "3.4 MB", "2 GB"]
    assert page_file("app.py") is None
    assert file_version("dashboard.js") != file_version("dashboard.css")
