"""AUC by source of the genuine faces and by generator of the fakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.plotting.theme import SCALE, empty, label_cells, note, short, styled
from aletheia.stats.clustered_auc import MIN_GROUPS, clustered_auc
from aletheia.stats.estimate import Estimate
from aletheia.stats.scored_set import ScoredSet

UNKNOWN = "(unknown)"
CELL_COLUMNS = ("trained_on", "source", "generator", "n_real", "n_fake", "auc", "auc_low", "auc_high")


def cell_table(
    frame: pd.DataFrame,
    scored: ScoredSet,
    *,
    trained_on: str = "everything",
    min_n: int = 20,
    min_groups: int = MIN_GROUPS,
) -> pd.DataFrame:
    """Compute the AUC of each generator's fakes against the genuine faces of each source.

    Parameters
    ----------
    frame : DataFrame
        (n rows) the test manifest, with ``source`` and ``generator``.
    scored : ScoredSet
        The same n rows; those without a probability are left out.
    trained_on : str
        Name of the model's training data: the row of a matrix of several models.
    min_n, min_groups : int
        A cell with fewer genuine or fewer fake rows, or rows of fewer groups, has counts, but no AUC.

    Returns
    -------
    DataFrame
        Columns :data:`CELL_COLUMNS`.
    """
    is_scored, fake = scored.is_scored, scored.fake
    sources, generators = (frame[name].astype(str).replace("", UNKNOWN).to_numpy() for name in ("source", "generator"))
    rows = []
    for source in sorted(set(sources[is_scored & ~fake])):
        for generator in sorted(set(generators[is_scored & fake])):
            cell = scored.select(is_scored & np.where(fake, generators == generator, sources == source))
            n_fake = int(cell.fake.sum())
            n_real = len(cell) - n_fake
            groups = min(len(np.unique(cell.ids[of_class])) for of_class in (cell.fake, ~cell.fake)) if n_real else 0
            enough = min(n_real, n_fake) >= min_n and groups >= min_groups
            auc = auc_with_interval(cell) if enough else Estimate(float("nan"))
            rows.append((trained_on, source, generator, n_real, n_fake, auc.value, auc.low, auc.high))
    return pd.DataFrame(rows, columns=list(CELL_COLUMNS))


def auc_with_interval(scored: ScoredSet) -> Estimate:
    """Compute the AUC of rows that all have a probability, with its interval (95 %) over groups."""
    auc = clustered_auc(scored.y, scored.p, scored.ids).estimate()
    return Estimate(auc.value, auc.low, auc.high, len(scored))


def worst_cell(cells: pd.DataFrame) -> dict[str, Any] | None:
    """Return the cell with the lowest AUC as a dict of :data:`CELL_COLUMNS`; None when no cell has enough rows."""
    rated = cells[cells["auc"].notna()]
    return None if rated.empty else rated.loc[rated["auc"].idxmin()].to_dict()


def matrix_figure(
    cells: pd.DataFrame, rows: Sequence[str] = ("source",), columns: Sequence[str] = ("generator",)
) -> go.Figure:
    """Draw a heat map of a table of cells; a cell with too few rows stays empty.

    ``rows`` and ``columns`` name the columns that are laid out down and across, e.g. ``("trained_on",)`` and
    ``("source", "generator")``.
    """
    title = "How well each kind of fake is distinguished from each origin of genuine faces"
    if cells["auc"].isna().all():
        return empty(title, "No pair of source and generator has enough test rows.")
    down, across = (cells[list(names)].astype(str).agg(" × ".join, axis=1) for names in (rows, columns))
    wide = pd.DataFrame({"down": down, "across": across, "auc": cells["auc"].to_numpy()})
    table = wide.pivot_table(index="down", columns="across", values="auc", aggfunc="min", dropna=False, sort=False)
    figure = heat_map(table, title, " × ".join(columns), " × ".join(name.replace("_", " ") for name in rows))
    return note(figure, "A detector is as good as its worst cell: that is what it will meet next.")


def heat_map(table: pd.DataFrame, title: str, across: str, down: str) -> go.Figure:
    """Draw AUCs by index and column, with the numbers written in; NaN reads "too few"."""
    columns, rows = [short(name) for name in table.columns], [short(name) for name in table.index]
    figure = go.Figure(
        go.Heatmap(
            z=table.to_numpy(),
            x=list(range(len(columns))),
            y=list(range(len(rows))),
            customdata=[[[row, column] for column in columns] for row in rows],
            text=np.where(table.isna(), "too few", table.round(3).astype(str)),
            texttemplate="%{text}",
            zmin=0.5,
            zmax=1.0,
            colorscale=SCALE,
            colorbar={"title": "AUC"},
            hovertemplate=f"{down} %{{customdata[0]}}, {across} %{{customdata[1]}}: AUC %{{z:.3f}}<extra></extra>",
        )
    )
    styled(figure, title, across, down, height=200 + 48 * len(table))
    label_cells(figure, columns, rows, downward=True)
    return figure
