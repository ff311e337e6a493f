"""Figure of the files' properties: sizes, formats and compression of real and fake images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from aletheia.core.arrays import Array
from aletheia.datasets.labels import fake_flags
from aletheia.plotting.theme import COLOURS, short, styled
from aletheia.stats.categorical import cross_table, encode

_COLUMNS = 2  # of panels


def file_properties_figure(frame: pd.DataFrame) -> go.Figure:
    """Draw width, height, JPEG quality, bytes per pixel, format and chroma subsampling of real and fake images."""
    fake = fake_flags(frame)
    panels = _panels(frame)
    figure = make_subplots(
        rows=3, cols=_COLUMNS, subplot_titles=[p[0] for p in panels], vertical_spacing=0.14, horizontal_spacing=0.1
    )
    for k, (_, _, values) in enumerate(panels):
        place = {"row": k // _COLUMNS + 1, "col": k % _COLUMNS + 1}
        x, shares = _shares(values, fake)
        for label, percent, dash in zip(("real", "fake"), shares, ("solid", "dot"), strict=True):
            trace = {"name": label, "legendgroup": label, "showlegend": k == 0, "x": x, "y": percent}
            trace["hovertemplate"] = "%{x}<br>" + label + ": %{y:.1f} %<extra></extra>"
            if isinstance(values, pd.Series):
                figure.add_bar(**trace, marker_color=COLOURS[label], **place)
            else:
                line = {"shape": "hvh", "color": COLOURS[label], "width": 2, "dash": dash}
                figure.add_scatter(**trace, mode="lines", fill="tozeroy", line=line, **place)
    styled(figure, "File properties of real and fake images", height=900)
    for k, (_, unit, _) in enumerate(panels):
        place = {"row": k // _COLUMNS + 1, "col": k % _COLUMNS + 1}
        figure.update_xaxes(title_text=unit or None, **place)
        figure.update_yaxes(title_text="% of the label", rangemode="tozero", **place)
    figure.update_layout(barmode="group")
    return figure


def _panels(frame: pd.DataFrame) -> list[tuple[str, str, Array | pd.Series]]:
    """Return title, unit and values (NaN where unknown) of each panel; a Series holds categories."""
    width, height = (frame[name].where(frame[name] > 0).to_numpy(dtype=np.float64) for name in ("width", "height"))
    density = frame["file_bytes"].where(frame["file_bytes"] > 0).to_numpy(dtype=np.float64) / (width * height)
    return [
        ("Width", "pixels", width),
        ("Height", "pixels", height),
        ("JPEG quality", "1 to 100", frame["jpeg_quality"].to_numpy(dtype=np.float64)),
        ("Bytes per pixel", "bytes / pixel", density),
        ("File format", "", frame["format"]),
        ("Chroma subsampling", "", frame["chroma"]),
    ]


def _shares(values: Array | pd.Series, fake: Array) -> tuple[list[str] | list[float], list[Array]]:
    """Return positions along the axis, and the percentages of the real and of the fake images there."""
    if isinstance(values, pd.Series):
        codes, names = encode(values)
        counts = cross_table(codes + 1, fake.astype(np.int64), (len(names) + 1, 2)).T
        labels = ["none", *(short(name, 14) for name in names)]
        first = 0 if counts[:, 0].any() else 1
        return labels[first:], [100 * count[first:] / max(count.sum(), 1) for count in counts]
    is_known = np.isfinite(values)
    if not is_known.any():
        return [], [np.empty(0), np.empty(0)]
    low, high = values[is_known].min(), np.quantile(values[is_known], 0.995)
    edges = np.linspace(low, max(high, low + 1e-6) if high > low else low + 1, 31)
    shares = []
    for flag in (False, True):
        of_label = np.clip(values[is_known & (fake == flag)], edges[0], edges[-1])
        # An empty bin at either end: the steps of a line are half as wide at its ends.
        shares.append(100 * np.pad(np.histogram(of_label, edges)[0], 1) / max((fake == flag).sum(), 1))
    step = edges[1] - edges[0]
    return (edges[0] + step * (np.arange(len(edges) + 1) - 0.5)).tolist(), shares
