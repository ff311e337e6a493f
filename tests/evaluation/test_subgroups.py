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
from aletheia.stats.calibration_error import expected_calibration_error
from aletheia.stats.intervals import wilson
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet


def subgroups_of(frame, y, p, threshold=0.55, columns=None, groups=None, **options):
    return subgroup_table(frame, ScoredSet(y, p, threshold, groups), columns, **options)


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


def test_subgroup_table_matches_rows(rows):
    frame, y, p = rows
    table = subgroups_of(frame, y, p, 0.55).set_index(["column", "value"])
    alone = [("gender", "f"), ("gender", "m"), ("age", "senior (60+)"), ("age", "young")]
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


def test_subgroup_table_few_rows(rows):
    frame, y, p = rows
    old = subgroups_of(frame, y, p, 0.55).set_index("value").loc["senior (60+)"]
    assert old["n"] == 8
    assert old[["auc", "fpr", "fpr_high", "fnr", "ece", "ece_low", "ece_high", "ece_expected"]].isna().all()
    assert old["verdict"].count(TOO_FEW) == 2
    young = subgroups_of(frame, y, p, 0.55).set_index("value").loc["young"]
    assert young["verdict"] == ""


def test_subgroup_table_few_rows_of_a_class(rows):
    frame, y, p = rows
    few = np.where((y == 0) | (np.cumsum(y) <= 5), "some", "")
    row = subgroups_of(frame.assign(gender=few), y, p, 0.55, ["gender"]).iloc[0]
    assert row["n_fake"] == 5 and row["fpr"] == pytest.approx((p[y == 0] >= 0.55).mean())
    assert row[["auc", "auc_low", "fnr", "ece", "ece_high"]].isna().all() and row["verdict"] == f"fnr: {TOO_FEW}"


def test_subgroup_table_counts_people_not_rows(rows):
    frame, y, p = rows
    for count, verdict in ((5, f"fpr: {TOO_FEW}; fnr: {TOO_FEW}"), (6, "")):
        named = frame.assign(gender="f", identity=[f"person {k % count}" for k in range(len(frame))])
        row = subgroups_of(named, y, p, 0.55, ["gender"]).iloc[0]
        assert row["verdict"] == verdict and np.isfinite(row["fpr"]) == np.isfinite(row["auc"]) == (count == 6)


def test_subgroup_table_unreadable_rows(rows):
    frame, y, p = rows
    gaps = p.copy()
    gaps[:100] = np.nan
    pd.testing.assert_frame_equal(
        subgroups_of(frame, y, gaps, 0.5, ["gender"]),
        subgroups_of(frame.iloc[100:], y[100:], p[100:], 0.5, ["gender"]),
    )


def test_subgroup_table_groups_copies(rows):
    frame, y, p = rows
    copies = pd.concat([frame] * 5, ignore_index=True)
    ids = np.tile(np.arange(len(frame)), 5).astype(str)
    single = subgroups_of(frame, y, p, 0.5, ["gender"], groups=np.arange(len(frame)).astype(str))
    copies_table = subgroups_of(copies, np.tile(y, 5), np.tile(p, 5), 0.5, ["gender"], groups=ids)
    for name in ("fpr_low", "fpr_high", "auc_low", "auc_high"):
        np.testing.assert_allclose(single[name], copies_table[name], atol=0.012)


def test_generator_table_against_all_real_rows(rows):
    frame, y, p = rows
    table = generator_table(frame, ScoredSet(y, p)).set_index("value")
    assert list(table.index) == ["blend", "swap"]
    for name in table.index:
        chosen = (y == 0) | (frame["generator"] == name).to_numpy()
        assert table.loc[name, "auc"] == pytest.approx(roc_auc_score(y[chosen], p[chosen]))
        assert table.loc[name, "n_real"] == (y == 0).sum()


def test_subgroup_table_unknown_columns(rows):
    frame, y, p = rows
    with pytest.raises(InputError, match="shoe_size"):
        subgroups_of(frame, y, p, 0.5, ["shoe_size"])
    empty = subgroups_of(frame[["skin_tone"]], y, p, 0.5)
    assert len(empty) == 0 and "fpr" in empty.columns


def test_subgroup_table_intersections(rows):
    frame, y, p = rows
    frame = frame.assign(skin_tone=np.where(np.arange(len(frame)) % 3 == 0, "dark", ""))
    table = subgroups_of(frame, y, p, 0.55, ["gender", "skin_tone"]).set_index(["column", "value"])
    assert list(table.index)[-2:] == [("gender × skin_tone", "f × dark"), ("gender × skin_tone", "m × dark")]
    chosen = ((frame["gender"] == "f") & (frame["skin_tone"] == "dark")).to_numpy()
    row = table.loc["gender × skin_tone", "f × dark"]
    assert (row["n"], row["n_fake"]) == (chosen.sum(), y[chosen].sum())
    assert row["fpr"] == pytest.approx((p[chosen & (y == 0)] >= 0.55).mean())
    assert row["auc"] == pytest.approx(roc_auc_score(y[chosen], p[chosen]))
    without = subgroups_of(frame, y, p, 0.55, ["gender", "skin_tone"], intersections=False)
    pd.testing.assert_frame_equal(without, table.iloc[:3].reset_index()[list(without)], check_dtype=False)
    values = demographic_values(frame, intersections=True)
    assert list(values) == ["gender", "age", "skin_tone", "gender × age", "gender × skin_tone", "age × skin_tone"]
    unknown = (frame["gender"] == "") | (frame["skin_tone"] == "")
    assert ((values["gender × skin_tone"] == "") == unknown).all()


def test_subgroup_rates_without_intersections(rows):
    frame, y, p = rows
    figure = subgroup_rates(subgroups_of(frame, y, p, 0.55), evaluate_scores(ScoredSet(y, p, 0.55), replicates=0))
    assert len(figure.layout.yaxis.ticktext) == 4 and not any("×" in text for text in figure.layout.yaxis.ticktext)


def test_subgroup_table_calibration_error(rows):
    frame, y, p = rows
    table = subgroups_of(frame, y, p, 0.55, groups=np.arange(len(y)) // 2).set_index("value")
    chosen = (frame["gender"] == "m").to_numpy()
    expected = expected_calibration_error(ScoredSet(y[chosen], p[chosen], groups=(np.arange(len(y)) // 2)[chosen]))
    row = table.loc["m", ["ece", "ece_low", "ece_high", "ece_expected"]].tolist()
    assert row == [expected.value, expected.low, expected.high, expected.expected]
    assert generator_table(frame, ScoredSet(y, p, 0.55))["ece"].notna().all()


def test_subgroup_table_perfect_ranking_interval(rows):
    frame, y, _ = rows
    row = subgroups_of(frame, y, y * 0.9, 0.55, ["gender"]).iloc[0]
    assert row["auc"] == row["auc_high"] == 1.0
    assert row["auc_low"] == wilson(row["n_real"], row["n_real"])[0]


@pytest.mark.slow
def test_subgroup_table_time_100_000_rows(many_people):
    frame, y, p, units = many_people
    start = time.process_time()
    subgroups_of(frame, y, p, 0.5, groups=units)
    assert time.process_time() - start < 40
