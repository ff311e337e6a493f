"""Charts as SVG: where values are drawn, read back from the drawing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from aletheia.plotting.svg_charts import (
    HEIGHT,
    Axis,
    Mark,
    Series,
    Stretch,
    bar_chart,
    line_chart,
    number_text,
    sparkline,
)

AXIS = Axis([(0.0, "00:00"), (0.5, "12:00")])


def parse(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_line_goes_through_its_values():
    values = np.array([0.0, 50.0, np.nan, 75.0, 150.0])
    drawing = parse(line_chart([Series("a", values, "c0")], AXIS, "rising"))
    (path,) = (item.get("d") for item in drawing.iter("path"))
    assert points(path) == [(100, 100), (300, pytest.approx(66.67, abs=0.01)), (700, 50), (900, 0)]
    assert path.count("M") == 2  # a gap where nothing is known
    assert drawing.get("aria-label") == "rising"
    texts = [item.text for item in drawing.iter("text")]
    assert texts == ["50", "100", "150", "00:00", "12:00"]


def test_axis_from_another_bottom():
    drawing = parse(
        line_chart([Series("a", np.array([0.5, 0.75, 1.0, 0.2]), "c0")], AXIS, "", top=1.0, bottom=0.5, unit="%")
    )
    (path,) = (item.get("d") for item in drawing.iter("path"))
    assert [y for _, y in points(path)] == [100, 50, 0, 100]  # what lies below stays at the edge


def test_bars_stand_on_each_other():
    series = [Series("a", np.array([1.0, 0.0]), "c0"), Series("b", np.array([2.0, np.nan]), "c1")]
    drawing = parse(bar_chart(series, AXIS, "two layers", top=4.0))
    first, second = (item.get("d") for item in drawing.iter("path"))
    assert re.findall(r"M[\d.]+ ([\d.]+)h[\d.]+V([\d.]+)", first) == [("100.00", "75.00")]
    assert re.findall(r"M[\d.]+ ([\d.]+)h[\d.]+V([\d.]+)", second) == [("75.00", "25.00")]


def test_band_and_limit():
    low, high = np.array([1.0, np.nan, 2.0, 2.0]), np.array([3.0, 3.0, 3.0, 3.0])
    drawing = parse(line_chart([], AXIS, "", top=4.0, band=(low, high), limit=2.0))
    (band,) = (item.get("d") for item in drawing.iter("path"))
    assert band.count("M") == 2
    (limit,) = (item for item in drawing.iter("line") if item.get("class") == "limit")
    assert float(limit.get("y1")) == HEIGHT / 2
    far = parse(line_chart([Series("a", np.array([1.0]), "c0")], AXIS, "", limit=500.0))
    assert not [item for item in far.iter("line") if item.get("class") == "limit"]  # it would flatten the curve


def test_marks_and_stretches():
    marks = [Mark(0.2, "v1"), Mark(0.21, "v2"), Mark(0.22, "v3", "change"), Mark(0.95, "v4 with a very long name")]
    axis = Axis([], marks, [Stretch(0.5, 0.5, "alert: slow")])
    drawing = parse(line_chart([Series("a", np.array([1.0]), "c0")], axis, ""))
    labels = {item.text: item for item in drawing.iter("text")}
    assert {"v1", "v2", "v4 with a very lon"} < set(labels) and "v3" not in labels  # two lines, no third
    assert labels["v1"].get("y") != labels["v2"].get("y")
    assert labels["v4 with a very lon"].get("text-anchor") == "end"
    titles = [item.text for item in drawing.iter("title")]
    assert titles == ["alert: slow", "v1", "v2", "v3", "v4 with a very long name"]
    (stretch,) = drawing.iter("rect")
    assert float(stretch.get("width")[:-1]) > 0  # to be seen, however short


@pytest.mark.parametrize(
    "marks",
    [
        [(0.62, "v1.0.0"), (0.63, "change"), (0.87, "v1.0.1"), (0.9, "v1.0.2")],  # the last ones stand left of theirs
        [(0.1, "fce52eede68c"), (0.37, "fb0912aa2b11"), (0.64, "v1.0.0")],  # names of weights are long
        [(n / 20, "v1.10.12") for n in range(21)],
    ],
)
def test_labels_do_not_overlap_on_a_phone(marks):
    """At 300 pixels and 7.5 a letter (bold, 12 pixels), no label lies on another or runs out of the chart."""
    axis = Axis([], [Mark(*mark) for mark in marks], [])
    drawing = parse(line_chart([Series("a", np.array([1.0]), "c0")], axis, ""))
    texts = [item for item in drawing.iter("text") if item.get("dx")]
    spans = []
    for item in texts:
        at, width = float(item.get("x")[:-1]) * 3 + float(item.get("dx")), 7.5 * len(item.text)
        begin = at - width if item.get("text-anchor") == "end" else at
        assert begin >= 0 and begin + width <= 300
        spans.append((item.get("y"), begin, begin + width))
    assert len(spans) >= 2
    for line, begin, end in spans:
        others = [span for span in spans if span[0] == line and span != (line, begin, end)]
        assert all(other_end <= begin or end <= other_begin for _, other_begin, other_end in others)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [0.0, 0.0], [-1.0, -2.0], [1e-12], [1e300]])
def test_any_values(values):
    series = [Series("<b>", np.array(values), "c0")]
    for drawing in (
        line_chart(series, AXIS, "<b>"),
        bar_chart(series, AXIS, "<b>"),
        sparkline(np.array(values), "<b>"),
    ):
        assert "nan" not in drawing and "inf" not in drawing
        assert parse(drawing).get("aria-label") == "<b>"
    assert parse(line_chart([], AXIS, "")) is not None


def test_sparkline_between_its_extremes():
    (path,) = (item.get("d") for item in parse(sparkline(np.array([5.0, 7.0, 6.0]), "x")).iter("path"))
    assert [y for _, y in points(path)] == pytest.approx([92, 8, 50])


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1234.6, "", "1,235"),
        (0.0123, "%", "1.23\xa0%"),
        (12.345, "ms", "12.3\xa0ms"),
        (float("nan"), "ms", "–"),
        (0.0, "", "0"),
    ],
)
def test_number_text(value, unit, text):
    assert number_text(value, unit) == text
