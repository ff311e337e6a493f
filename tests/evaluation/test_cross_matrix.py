"""Cells of source and generator, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.evaluation.cross_matrix import CELL_COLUMNS, cell_table, matrix_figure, worst_cell
from aletheia.stats.scored_set import ScoredSet

rng = np.random.default_rng(0)
N = 400
FRAME = pd.DataFrame(
    {
        "label": np.where(np.arange(N) % 2, "fake", "real"),
        "source": rng.choice(["cam-a", "cam-b"], N),
        "generator": np.where(np.arange(N) % 2, rng.choice(["swap", "blend", "rare"], N, p=[0.6, 0.38, 0.02]), ""),
        "identity": [f"p{k}" for k in rng.integers(0, 60, N)],
    }
)
Y = (FRAME["label"] == "fake").to_numpy().astype(int)
P = np.clip(rng.normal(0.4 + 0.25 * Y * (FRAME["generator"] == "swap"), 0.2), 0, 1)
P[5] = np.nan


def test_cell_table_matches_scikit_learn():
    cells = cell_table(FRAME, ScoredSet(Y, P, groups=FRAME["identity"]))
    assert tuple(cells.columns) == CELL_COLUMNS and len(cells) == 6
    for cell in cells.itertuples():
        real = (FRAME["label"] == "real") & (FRAME["source"] == cell.source)
        rows = (real | (FRAME["generator"] == cell.generator)).to_numpy() & ~np.isnan(P)
        assert (cell.n_real, cell.n_fake) == ((Y[rows] == 0).sum(), (Y[rows] == 1).sum())
        if cell.generator == "rare":
            assert np.isnan(cell.auc)
        else:
            assert cell.auc == pytest.approx(roc_auc_score(Y[rows], P[rows]))
            assert cell.auc_low < cell.auc < cell.auc_high
    worst = worst_cell(cells)
    assert worst["generator"] == "blend" and worst["auc"] == cells["auc"].min()
    assert worst_cell(cells[cells["generator"] == "rare"]) is None


def test_matrix_figure_holds_cells():
    cells = cell_table(FRAME, ScoredSet(Y, P))
    figure = matrix_figure(cells)
    drawn = pd.DataFrame(figure.data[0].z, index=figure.layout.yaxis.ticktext, columns=figure.layout.xaxis.ticktext)
    for cell in cells[cells["auc"].notna()].itertuples():
        assert drawn.loc[cell.source, cell.generator] == cell.auc
    assert set(np.array(figure.data[0].text)[np.isnan(drawn.to_numpy())]) == {"too few"}
    assert "enough test rows" in matrix_figure(cells.assign(auc=np.nan)).layout.annotations[0].text


def test_matrix_figure_escapes_names():
    cells = cell_table(FRAME.assign(source="<script>"), ScoredSet(Y, P))
    assert "<script>" not in matrix_figure(cells).to_json()
