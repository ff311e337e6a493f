"""Leave-one-out evaluation: the rows left out, the scores of each part, and the matrix of the grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.evaluation.leave_one_out import (
    cell_results,
    leave_one_out_figure,
    leave_one_out_table,
    score_everywhere,
)
from aletheia.models.bundle import load_bundle
from aletheia.models.scoring import predict_manifest
from aletheia.training.config import TrainConfig

FRAME = pd.DataFrame(
    {
        "label": ["real", "fake"] * 60,
        "source": np.repeat(["cam-a", "cam-b"], 60),
        "generator": ["", "swap", "", "blend", "", "rare"] * 20,
    }
)


@pytest.fixture(scope="module")
def table(brightness_bundle, crops):
    network, spec = load_bundle(brightness_bundle)
    config = TrainConfig(architecture="attention_cnn", options=spec.options, image_size=32)
    return score_everywhere(network, config, crops[1], progress=False)


def test_score_everywhere_matches_scikit_learn(table, brightness_bundle, crops):
    test = crops[1]
    assert [*table["kind"] + "=" + table["value"]] == ["generator=blend", "generator=swap", "source=studio"]
    network, spec = load_bundle(brightness_bundle)
    plain = spec.model_copy(update={"calibration": type(spec.calibration)()})
    rows = ((test["label"] == "real") | (test["generator"] == "swap")).to_numpy()
    p = predict_manifest(network, plain, test, progress=False)
    swap = table[table["value"] == "swap"].iloc[0]
    assert swap.auc == pytest.approx(roc_auc_score(test["label"][rows] == "fake", p[rows]))
    assert (swap.n_real, swap.n_fake) == ((test.label == "real").sum(), (test.generator == "swap").sum())
    assert 0.5 < swap.auc <= 1 and swap.low <= swap.auc <= swap.high


def test_score_everywhere_leaves_sealed_rows_out(table, brightness_bundle, crops):
    network, spec = load_bundle(brightness_bundle)
    config = TrainConfig(architecture="attention_cnn", options=spec.options, image_size=32)
    rows = pd.concat([crops[1], crops[0].assign(split="sealed")], ignore_index=True)
    pd.testing.assert_frame_equal(score_everywhere(network, config, rows, progress=False), table)


@pytest.mark.parametrize("parameter", ["param.leave_out", "param.held_out"])
def test_leave_one_out_table_from_cell_results(table, parameter):
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
    column = figure.layout.xaxis.ticktext.index("generator swap")
    assert (frame.x0, frame.x1, frame.y0) == (column - 0.5, column + 0.5, 0.5)
    assert "enough test rows" in leave_one_out_figure(iterations[[parameter]]).layout.annotations[0].text
