"""Source by generator: how well fakes of each kind are told from genuine faces of each origin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.core.arrays import Array
from aletheia.plotting.theme import SCALE, empty, note, short, styled
from aletheia.stats.bootstrap import GroupedScores, draw_counts, percentile_interval
from aletheia.stats.intervals import perfect_auc_limits
from aletheia.stats.metrics import unit_ids

UNKNOWN = "(unknown)"
CELL_COLUMNS = ("trained_on", "source", "generator", "n_real", "n_fake", "auc", "auc_low", "auc_high")


def cell_table(
    frame: pd.DataFrame,
    y: Array,
    p: Array,
    groups: Array | None = None,
    *,
    trained_on: str = "everything",
    min_n: int = 20,
    replicates: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """AUC of each generator's fakes against the genuine faces of each source.

    Parameters
    ----------
    frame : DataFrame
        (n rows) the test manifest, with ``source`` and ``generator``.
    y, p : ndarray
        (n,) labels (1 for fake) and probabilities; NaN rows are left out.
    groups : ndarray, optional
        (n,) the unit of the bootstrap (identity, video).
    trained_on : str
        What the model had seen, in words: the row of a matrix of several models.
    min_n : int
        A cell with fewer genuine or fewer fake rows has counts, but no AUC.

    Returns
    -------
    DataFrame
        Columns :data:`CELL_COLUMNS`.
    """
    ids = unit_ids(groups, len(frame))
    scored, fake = ~np.isnan(p), np.asarray(y) == 1
    sources, generators = (frame[name].astype(str).replace("", UNKNOWN).to_numpy() for name in ("source", "generator"))
    rows = []
    for source in sorted(set(sources[scored & ~fake])):
        for generator in sorted(set(generators[scored & fake])):
            chosen = scored & np.where(fake, generators == generator, sources == source)
            n_fake = int((chosen & fake).sum())
            n_real = int(chosen.sum()) - n_fake
            estimate = (float("nan"),) * 3
            if min(n_real, n_fake) >= min_n:
                estimate = auc_with_interval(y[chosen], p[chosen], ids[chosen], replicates, seed)
            rows.append((trained_on, source, generator, n_real, n_fake, *estimate))
    return pd.DataFrame(rows, columns=list(CELL_COLUMNS))


def auc_with_interval(
    y: Array, p: Array, ids: Array, replicates: int = 500, seed: int = 0
) -> tuple[float, float, float]:
    """AUC and its 95 % interval by bootstrap over groups (n,) int; of a perfect one, the closed form."""
    data = GroupedScores(y, p, ids)
    auc = data.auc(np.ones(data.n_groups))
    if auc in (0.0, 1.0):
        return auc, *perfect_auc_limits(auc, y, ids)
    counts = draw_counts(data.n_groups, replicates, np.random.default_rng(seed))
    return auc, *percentile_interval(np.array([data.auc(row) for row in counts]), 0.95)


def worst_cell(cells: pd.DataFrame) -> dict[str, Any] | None:
    """The cell with the lowest AUC as a dict of :data:`CELL_COLUMNS`; None when no cell has enough rows."""
    known = cells[cells["auc"].notna()]
    return None if known.empty else known.loc[known["auc"].idxmin()].to_dict()


def matrix_figure(
    cells: pd.DataFrame, rows: Sequence[str] = ("source",), columns: Sequence[str] = ("generator",)
) -> go.Figure:
    """Heat map of a table of cells; a cell with too few rows stays empty.

    ``rows`` and ``columns`` name what is laid out down and across, e.g. ``("trained_on",)`` and
    ``("source", "generator")``.
    """
    title = "How well each kind of fake is told from each origin of genuine faces"
    if cells["auc"].isna().all():
        return empty(title, "No pair of source and generator has enough test rows.")
    down, across = (cells[list(names)].astype(str).agg(" × ".join, axis=1) for names in (rows, columns))
    wide = pd.DataFrame({"down": down, "across": across, "auc": cells["auc"].to_numpy()})
    table = wide.pivot_table(index="down", columns="across", values="auc", aggfunc="min", dropna=False, sort=False)
    figure = heat_map(table, title, " × ".join(columns), " × ".join(name.replace("_", " ") for name in rows))
    return note(figure, "A detector is as good as its worst cell: that is what it will meet next.")


def heat_map(table: pd.DataFrame, title: str, across: str, down: str) -> go.Figure:
    """AUC by index and column, numbers written in; NaN reads "too few"."""
    figure = go.Figure(
        go.Heatmap(
            z=table.to_numpy(),
            x=[short(name) for name in table.columns],
            y=[short(name) for name in table.index],
            text=np.where(table.isna(), "too few", table.round(3).astype(str)),
            texttemplate="%{text}",
            zmin=0.5,
            zmax=1.0,
            colorscale=SCALE,
            colorbar={"title": "AUC"},
            hovertemplate=f"{down} %{{y}}, {across} %{{x}}: AUC %{{z:.3f}}<extra></extra>",
        )
    )
    styled(figure, title, across, down, height=200 + 48 * len(table))
    figure.update_yaxes(autorange="reversed")
    return figure
