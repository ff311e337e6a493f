"""Figure of how images were delivered; what all figures of the data share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from aletheia.core.arrays import Array
from aletheia.datasets.labels import fake_flags
from aletheia.plotting.theme import COLOURS, LEGEND, short, styled
from aletheia.stats.categorical import cross_table, encode


def delivery_figure(df: pd.DataFrame) -> go.Figure:
    """How real and fake images were delivered: sizes, formats, JPEG quality, chroma, bytes per pixel."""
    fake = fake_flags(df)
    pixels = df["width"].to_numpy(dtype=np.float64) * df["height"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.where((pixels > 0) & (df["file_bytes"] > 0), df["file_bytes"] / pixels, np.nan)
    panels: list[tuple[str, str, Array | pd.Series]] = [
        ("Width", "pixels", df["width"].where(df["width"] > 0).to_numpy(dtype=np.float64)),
        ("Height", "pixels", df["height"].where(df["height"] > 0).to_numpy(dtype=np.float64)),
        ("JPEG quality", "1 to 100", df["jpeg_quality"].to_numpy(dtype=np.float64)),
        ("Bytes per pixel", "bytes / pixel", density),
        ("File format", "", df["format"]),
        ("Chroma subsampling", "", df["chroma"]),
    ]
    figure = make_subplots(
        rows=3, cols=2, subplot_titles=[p[0] for p in panels], vertical_spacing=0.14, horizontal_spacing=0.1
    )
    for k, (_, _, values) in enumerate(panels):
        row, col = k // 2 + 1, k % 2 + 1
        x, shares = _shares(values, fake)
        for i, label in enumerate(("real", "fake")):
            look = {"name": label, "legendgroup": label, "showlegend": k == 0, "x": x, "y": shares[i]}
            look["hovertemplate"] = "%{x}<br>" + label + ": %{y:.1f} %<extra></extra>"
            if isinstance(values, pd.Series):
                figure.add_bar(**look, marker_color=COLOURS[label], row=row, col=col)
            else:
                line = {"shape": "hvh", "color": COLOURS[label], "width": 2, "dash": ("solid", "dot")[i]}
                figure.add_scatter(**look, mode="lines", fill="tozeroy", line=line, row=row, col=col)
    styled(figure, "How real and fake images were delivered", height=900)
    for k, (_, unit, _) in enumerate(panels):
        figure.update_xaxes(title_text=unit or None, row=k // 2 + 1, col=k % 2 + 1)
        figure.update_yaxes(title_text="% of the label", rangemode="tozero", row=k // 2 + 1, col=k % 2 + 1)
    figure.update_layout(barmode="group", legend=LEGEND, margin_b=110)
    return figure


def _shares(values: Array | pd.Series, fake: Array) -> tuple[list, list[Array]]:
    """Positions along the axis, and the percentage of real and of fake images at each."""
    if isinstance(values, pd.Series):
        codes, names = encode(values)
        counts = cross_table(codes + 1, fake.astype(np.int64), (len(names) + 1, 2)).T
        labels = ["none", *(short(name, 14) for name in names)]
        first = 0 if counts[:, 0].any() else 1
        shares = [100 * c[first:] / max(c.sum(), 1) for c in counts]
        return labels[first:], shares
    known = np.isfinite(values)
    if not known.any():
        return [], [np.empty(0), np.empty(0)]
    low, high = values[known].min(), np.quantile(values[known], 0.995)
    edges = np.linspace(low, max(high, low + 1e-6) if high > low else low + 1, 31)
    shares = []
    for flag in (False, True):
        mine = np.clip(values[known & (fake == flag)], edges[0], edges[-1])
        shares.append(100 * np.histogram(mine, edges)[0] / max((fake == flag).sum(), 1))
    return list((edges[1:] + edges[:-1]) / 2), shares
