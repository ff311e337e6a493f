"""Error rates by demographic group and by generator."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.plots import subgroup_rates
from aletheia.evaluation.subgroups import TOO_FEW, demographic_values, generator_table, subgroup_table
from aletheia.stats.calibration_error import calibration_error
from aletheia.stats.intervals import wilson
from aletheia.stats.metrics import evaluate_scores, unit_ids


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    n = 600
    y = (rng.random(n) < 0.6).astype(int)
    p = np.clip(0.5 + 0.2 * (2 * y - 1) + rng.normal(0, 0.25, n), 0, 1)
    frame = pd.DataFrame(
        {
            "gender": rng.choice(["f", "m", ""], n, p=[0.45, 0.45, 0.1]),
            "age": np.where(np.arange(n) < 8, "old", "young"),
            "skin_tone": "",
            "generator": np.where(y == 1, rng.choice(["swap", "blend"], n), ""),
        }
    )
    return frame, y, p


def test_rates_are_those_of_the_rows(rows):
    frame, y, p = rows
    table = subgroup_table(frame, y, p, 0.55).set_index(["column", "value"])
    alone = [("gender", "f"), ("gender", "m"), ("age", "old"), ("age", "young")]
    assert list(table.index) == [*alone, ("gender × age", "f × young"), ("gender × age", "m × young")]
    for gender in "fm":
        chosen = (frame["gender"] == gender).to_numpy()
        row = table.loc["gender", gender]
        assert row["n"] == chosen.sum()
        assert row["fpr"] == pytest.approx((p[chosen & (y == 0)] >= 0.55).mean())
        assert row["fnr"] == pytest.approx((p[chosen & (y == 1)] < 0.55).mean())
        assert row["auc"] == pytest.approx(roc_auc_score(y[chosen], p[chosen]))
        for name in ("auc", "fpr", "fnr"):
            assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]


def test_few_rows_give_no_number(rows):
    frame, y, p = rows
    old = subgroup_table(frame, y, p, 0.55).set_index("value").loc["old"]
    assert old["n"] == 8
    assert old[["auc", "fpr", "fpr_high", "fnr", "ece", "ece_low", "ece_high", "ece_expected"]].isna().all()
    assert old["verdict"].count(TOO_FEW) == 2
    young = subgroup_table(frame, y, p, 0.55).set_index("value").loc["young"]
    assert young["verdict"] == ""


def test_one_class_with_few_rows_gives_the_other_ones_rate_alone(rows):
    frame, y, p = rows
    few = np.where((y == 0) | (np.cumsum(y) <= 5), "some", "")
    row = subgroup_table(frame.assign(gender=few), y, p, 0.55, ["gender"]).iloc[0]
    assert row["n_fake"] == 5 and row["fpr"] == pytest.approx((p[y == 0] >= 0.55).mean())
    assert row[["auc", "auc_low", "fnr", "ece", "ece_high"]].isna().all() and row["verdict"] == f"fnr: {TOO_FEW}"


def test_rows_without_a_score_do_not_count(rows):
    frame, y, p = rows
    gaps = p.copy()
    gaps[:100] = np.nan
    pd.testing.assert_frame_equal(
        subgroup_table(frame, y, gaps, 0.5, ["gender"]),
        subgroup_table(frame.iloc[100:], y[100:], p[100:], 0.5, ["gender"]),
    )


def test_intervals_are_over_groups(rows):
    frame, y, p = rows
    copies = pd.concat([frame] * 5, ignore_index=True)
    ids = np.tile(np.arange(len(frame)), 5).astype(str)
    one = subgroup_table(frame, y, p, 0.5, ["gender"], groups=np.arange(len(frame)).astype(str))
    five = subgroup_table(copies, np.tile(y, 5), np.tile(p, 5), 0.5, ["gender"], groups=ids)
    for name in ("fpr_low", "fpr_high", "auc_low", "auc_high"):
        np.testing.assert_allclose(one[name], five[name], atol=0.012)


def test_generators_are_compared_with_all_real_rows(rows):
    frame, y, p = rows
    table = generator_table(frame, y, p, 0.5).set_index("value")
    assert list(table.index) == ["blend", "swap"]
    for name in table.index:
        chosen = (y == 0) | (frame["generator"] == name).to_numpy()
        assert table.loc[name, "auc"] == pytest.approx(roc_auc_score(y[chosen], p[chosen]))
        assert table.loc[name, "n_real"] == (y == 0).sum()


def test_unknown_columns_and_empty_tables(rows):
    frame, y, p = rows
    with pytest.raises(InputError, match="shoe_size"):
        subgroup_table(frame, y, p, 0.5, ["shoe_size"])
    empty = subgroup_table(frame[["skin_tone"]], y, p, 0.5)
    assert len(empty) == 0 and "fpr" in empty.columns


def test_intersections_are_the_rows_of_which_both_are_known(rows):
    frame, y, p = rows
    frame = frame.assign(skin_tone=np.where(np.arange(len(frame)) % 3 == 0, "dark", ""))
    table = subgroup_table(frame, y, p, 0.55, ["gender", "skin_tone"]).set_index(["column", "value"])
    assert list(table.index)[-2:] == [("gender × skin_tone", "f × dark"), ("gender × skin_tone", "m × dark")]
    chosen = ((frame["gender"] == "f") & (frame["skin_tone"] == "dark")).to_numpy()
    row = table.loc["gender × skin_tone", "f × dark"]
    assert (row["n"], row["n_fake"]) == (chosen.sum(), y[chosen].sum())
    assert row["fpr"] == pytest.approx((p[chosen & (y == 0)] >= 0.55).mean())
    assert row["auc"] == pytest.approx(roc_auc_score(y[chosen], p[chosen]))
    without = subgroup_table(frame, y, p, 0.55, ["gender", "skin_tone"], intersections=False)
    pd.testing.assert_frame_equal(without, table.iloc[:3].reset_index()[list(without)], check_dtype=False)
    values = demographic_values(frame, intersections=True)
    assert list(values) == ["gender", "age", "skin_tone", "gender × age", "gender × skin_tone", "age × skin_tone"]
    unknown = (frame["gender"] == "") | (frame["skin_tone"] == "")
    assert ((values["gender × skin_tone"] == "") == unknown).all()


def test_the_figure_leaves_intersections_out(rows):
    frame, y, p = rows
    figure = subgroup_rates(subgroup_table(frame, y, p, 0.55), evaluate_scores(y, p, 0.55, replicates=0))
    assert len(figure.layout.yaxis.ticktext) == 4 and not any("×" in text for text in figure.layout.yaxis.ticktext)


def test_calibration_errors_are_those_of_the_rows(rows):
    frame, y, p = rows
    table = subgroup_table(frame, y, p, 0.55, groups=np.arange(len(y)) // 2).set_index("value")
    chosen = (frame["gender"] == "m").to_numpy()
    wanted = calibration_error(
        y[chosen], p[chosen], unit_ids(np.arange(len(y)) // 2, len(frame))[chosen], replicates=500
    )
    found = table.loc["m", ["ece", "ece_low", "ece_high", "ece_expected"]].tolist()
    assert found == [wanted.value, wanted.low, wanted.high, wanted.expected]
    assert generator_table(frame, y, p, 0.55)["ece"].notna().all()


def test_a_perfect_ranking_is_not_certainty(rows):
    frame, y, _ = rows
    row = subgroup_table(frame, y, y * 0.9, 0.55, ["gender"]).iloc[0]
    assert row["auc"] == row["auc_high"] == 1.0
    assert row["auc_low"] == wilson(row["n_real"], row["n_real"])[0]


@pytest.mark.slow
def test_100_000_rows_take_less_than_40_seconds(many_people):
    frame, y, p, units = many_people
    start = time.process_time()
    subgroup_table(frame, y, p, 0.5, groups=units)
    assert time.process_time() - start < 40
