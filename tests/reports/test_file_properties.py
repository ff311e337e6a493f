"""The figure of file properties: percentages of hand-counted files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.reports.file_properties import file_properties_figure

TITLES = ["Width", "Height", "JPEG quality", "Bytes per pixel", "File format", "Chroma subsampling"]


def panel(figure, title: str) -> dict[str, dict[object, float]]:
    """Return percentage by position, for either label, of the panel of that title."""
    traces = figure.data[2 * TITLES.index(title) : 2 * TITLES.index(title) + 2]
    return {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in traces}


@pytest.fixture
def files(make_manifest) -> pd.DataFrame:
    return make_manifest(
        4,
        label=["real", "real", "fake", "fake"],
        generator=["", "", "gan", "gan"],
        format=["jpeg", "png", "png", "png"],
        chroma=["4:2:0", "", "", ""],
        jpeg_quality=[90.0, np.nan, np.nan, np.nan],
        width=[100, 200, 200, 0],
        height=[100, 100, 100, 100],
        file_bytes=[10_000, 40_000, 10_000, 10_000],
    )


def test_file_properties_figure_categories(files):
    figure = file_properties_figure(files)
    assert [note.text for note in figure.layout.annotations] == TITLES
    assert panel(figure, "File format") == {"real": {"jpeg": 50, "png": 50}, "fake": {"jpeg": 0, "png": 100}}
    chroma = panel(figure, "Chroma subsampling")
    assert chroma == {"real": {"none": 50, "4:2:0": 50}, "fake": {"none": 100, "4:2:0": 0}}


def test_file_properties_figure_numbers(files):
    figure = file_properties_figure(files)
    width = panel(figure, "Width")
    assert len(width["real"]) == 32  # 30 bins, and an empty one at either end
    first, last = sorted(width["real"])[1], sorted(width["real"])[-2]
    assert (width["real"][first], width["real"][last]) == (50, 50)
    assert (width["fake"][first], width["fake"][last]) == (0, 50)  # of the other its width is unknown
    density = panel(figure, "Bytes per pixel")
    # 1 and 2 bytes per pixel of the real ones, 0.5 of a fake one, none of that without a width.
    assert sum(density["real"].values()) == 100 and sum(density["fake"].values()) == 50
    first, last = sorted(density["fake"])[1], sorted(density["fake"])[-2]
    assert density["fake"][first] == 50 and density["fake"][min(density["fake"])] == 0
    assert 0.5 < first < 0.55 and 1.9 < last < 2


def test_file_properties_figure_nothing_known(make_manifest):
    files = make_manifest(10, width=0, height=0, jpeg_quality=np.nan, file_bytes=0, format="", chroma="")
    figure = file_properties_figure(files)
    assert all(not len(trace.x) for trace in figure.data[:8])
    assert all(list(trace.x) == ["none"] for trace in figure.data[8:])


def test_file_properties_figure_escapes_formats(files):
    figure = file_properties_figure(files.assign(format="<b>x"))
    assert list(panel(figure, "File format")["real"]) == ["&lt;b&gt;x"]
    assert figure.layout.title.text == "File properties of real and fake images"
