"""Figures of the data against counts of the manifest."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go
import pytest

from aletheia.audit.file_properties import shortcut_auc
from aletheia.datasets.bias import analyse_bias
from aletheia.datasets.groups import connected_groups
from aletheia.reports.data_plots import (
    association_figure,
    bias_figure,
    composition_figure,
    preparation_figures,
    shortcut_figure,
)
from aletheia.stats.intervals import clustered_rate

from .conftest import Prepared


def counts(figure: go.Figure, axis: str, label: str) -> dict[str, float]:
    """Return the number of images by group, of one label, before ("x") or after balancing ("x2")."""
    (bars,) = [trace for trace in figure.data if trace.name == label and trace.xaxis == axis]
    return dict(zip(bars.customdata, bars.x, strict=True))


def test_preparation_figures_titles_and_escapes(prepared: Prepared) -> None:
    figures = preparation_figures(prepared.before, prepared.after, *prepared.bias)
    assert list(figures) == ["data_vis", "bias", "association", "delivery"]
    for figure in figures.values():
        assert figure.layout.title.text
        assert any(axis.title.text for axis in figure.select_xaxes())
        assert "<script" not in figure.to_json()


def test_composition_figure_counts(prepared: Prepared) -> None:
    figure = composition_figure(prepared.before, prepared.after)
    for axis, frame in (("x", prepared.before), ("x2", prepared.after)):
        for label in ("real", "fake"):
            bars, rows = counts(figure, axis, label), frame[frame["label"] == label]
            assert bars["split: train"] == (rows["split"] == "train").sum()
            assert bars["source: a"] == (rows["source"] == "a").sum()
            assert bars["skin tone: VI"] == (rows["skin_tone"] == "VI").sum()
    assert counts(figure, "x2", "real")["source: ffhq"] == prepared.balancing.drawn


def test_composition_figure_many_groups(make_manifest) -> None:
    frame = make_manifest(400, age=[str(i % 40) for i in range(400)])
    bars = counts(composition_figure(frame, frame), "x", "fake")
    ages = {name: value for name, value in bars.items() if name.startswith("age: ")}
    assert len(ages) == 9 and "age: 32 others" in ages
    assert sum(ages.values()) == (frame["label"] == "fake").sum()


def test_composition_figure_without_rows(make_manifest) -> None:
    empty = make_manifest(5).iloc[:0]
    assert composition_figure(empty, empty).layout.annotations[0].text == "The manifest is empty."


def test_bias_figure_shares_and_intervals(prepared: Prepared) -> None:
    before, after = prepared.bias
    figure = bias_figure(before, after)
    labels = list(figure.layout.yaxis.ticktext)
    place = labels.index("gender: male")
    males = prepared.after[prepared.after["gender"] == "male"]
    trace = next(trace for trace in figure.data if trace.name == "after balancing")
    share = (males["label"] == "fake").mean()
    assert trace.x[place] == pytest.approx(100 * share)
    groups = connected_groups(prepared.after, max_distance=None)[(prepared.after["gender"] == "male").to_numpy()]
    rate = clustered_rate(males["label"] == "fake", groups)
    assert trace.x[place] - trace.error_x.arrayminus[place] == pytest.approx(100 * rate.low)
    assert trace.x[place] + trace.error_x.array[place] == pytest.approx(100 * rate.high)


def test_bias_figure_few_rows_are_hollow(make_manifest) -> None:
    frame = make_manifest(200, gender=["rare"] * 5 + ["female"] * 195)
    figure = bias_figure(analyse_bias(frame), analyse_bias(frame))
    labels = list(figure.layout.yaxis.ticktext)
    symbols = figure.data[0].marker.symbol
    assert symbols[labels.index("gender: rare")] == "circle-open"
    assert symbols[labels.index("gender: female")] == "circle"


def test_association_figure_values(prepared: Prepared) -> None:
    before, after = prepared.bias
    figure = association_figure(before, after)
    for trace, report in zip(figure.data, (before, after), strict=True):
        bars = dict(zip(trace.y, trace.x, strict=True))
        assert bars["skin tone"] == report.cramers_v("skin_tone") and bars["source"] == report.cramers_v("source")
        assert all(text == ("" if math.isnan(v) else f"{v:.2f}") for text, v in zip(trace.text, trace.x, strict=True))


def test_figures_without_anything_to_show(make_manifest) -> None:
    frame = make_manifest(50, source="", gender="", generator="", width=0, height=0, jpeg_quality=np.nan)
    bias = analyse_bias(frame)
    assert "no source" in bias_figure(bias, bias).layout.annotations[0].text
    assert "No column" in association_figure(bias, bias).layout.annotations[0].text
    assert len(preparation_figures(frame, frame, bias, bias)) == 4


def test_shortcut_figure_values(prepared: Prepared) -> None:
    shortcut = shortcut_auc(prepared.train, prepared.test)
    figure = shortcut_figure(shortcut)
    for trace, column in zip(figure.data, ("alone", "importance"), strict=True):
        bars = dict(zip(figure.layout.yaxis.ticktext, trace.x, strict=True))
        expected = shortcut.features.set_index("name")[column].clip(lower=0)
        assert bars == expected.to_dict()
    interval = f"AUC {shortcut.auc:.3f} ({shortcut.low:.3f} to {shortcut.high:.3f})"
    assert f"all file properties together, on the test images: {interval}" == figure.layout.title.subtitle.text


def test_shortcut_figure_not_computed(prepared: Prepared) -> None:
    real = prepared.before[prepared.before["label"] == "real"]
    assert "all real" in shortcut_figure(shortcut_auc(real)).layout.annotations[0].text
