"""Cells of source and generator, and what was left out, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.cross_matrix import CELL_COLUMNS, cell_table, matrix_figure, worst_cell
from aletheia.evaluation.leave_one_out import (
    cell_results,
    leave_one_out_figure,
    leave_one_out_table,
    leave_out_rows,
    score_everywhere,
)
from aletheia.models.bundle import load_bundle
from aletheia.training.config import TrainConfig

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


def test_cells_are_those_of_scikit_learn():
    cells = cell_table(FRAME, Y, P, FRAME["identity"].to_numpy())
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


def test_the_heat_map_holds_the_cells_and_says_where_there_are_too_few():
    cells = cell_table(FRAME, Y, P)
    figure = matrix_figure(cells)
    drawn = pd.DataFrame(figure.data[0].z, index=figure.data[0].y, columns=figure.data[0].x)
    for cell in cells[cells["auc"].notna()].itertuples():
        assert drawn.loc[cell.source, cell.generator] == cell.auc
    assert set(np.array(figure.data[0].text)[np.isnan(drawn.to_numpy())]) == {"too few"}
    assert "enough test rows" in matrix_figure(cells.assign(auc=np.nan)).layout.annotations[0].text


def test_names_do_not_become_markup():
    cells = cell_table(FRAME.assign(source="<script>"), Y, P)
    assert "<script>" not in matrix_figure(cells).to_json()


def test_leave_out():
    assert leave_out_rows(FRAME, "nothing") is FRAME
    without = leave_out_rows(FRAME, "generator=swap")
    assert "swap" not in set(without["generator"]) and (without["label"] == "real").sum() == N / 2
    assert set(leave_out_rows(FRAME, "source=cam-a")["source"]) == {"cam-b"}
    for wrong, said in (
        ("generator=swop", "blend, rare, swap"),
        ("camera=x", "write generator=NAME"),
        ("swap", "write generator=NAME"),
    ):
        with pytest.raises(InputError, match=said):
            leave_out_rows(FRAME, wrong)
    with pytest.raises(InputError, match="one class"):
        leave_out_rows(FRAME[FRAME["generator"].isin(["", "swap"])], "generator=swap")


@pytest.fixture(scope="module")
def table(bundle, crops):
    network, spec = load_bundle(bundle)
    config = TrainConfig(architecture="attention_cnn", options=spec.options, image_size=32)
    return score_everywhere(network, config, crops[1], replicates=50, progress=False)


def test_tested_on_every_generator_and_source(table, bundle, crops):
    test = crops[1]
    assert [*table["kind"] + "=" + table["value"]] == ["generator=blend", "generator=swap", "source=studio"]
    network, _ = load_bundle(bundle)
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1,)
    swap = table[table["value"] == "swap"].iloc[0]
    assert (swap.n_real, swap.n_fake) == ((test.label == "real").sum(), (test.generator == "swap").sum())
    assert 0.5 < swap.auc <= 1 and swap.low <= swap.auc <= swap.high


@pytest.mark.parametrize("parameter", ["param.leave_out", "param.held_out"])
def test_the_grids_table_becomes_the_matrix(table, parameter):
    whole, without = cell_results(table, "nothing"), cell_results(table, "generator=swap")
    assert "unseen_auc" not in whole
    assert without["unseen_auc"] == without["auc_generator_swap"]
    rows = [{parameter: "nothing", **{f"output.{k}": v for k, v in whole.items()}}]
    rows.append({parameter: "generator=swap", **{f"output.{k}": v for k, v in without.items()}})
    iterations = pd.DataFrame(rows)
    matrix = leave_one_out_table(iterations)
    assert list(matrix.index) == ["nothing", "generator=swap"]
    assert set(matrix.columns) == {"generator swap", "generator blend", "source studio"}
    figure = leave_one_out_figure(iterations)
    (frame,) = figure.layout.shapes
    column = list(figure.data[0].x).index("generator swap")
    assert (frame.x0, frame.x1, frame.y0) == (column - 0.5, column + 0.5, 0.5)
    assert "enough test rows" in leave_one_out_figure(iterations[[parameter]]).layout.annotations[0].text
