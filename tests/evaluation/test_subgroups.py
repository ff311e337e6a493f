"""Error rates by demographic group and by generator."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.errors import InputError
from aletheia.evaluation.subgroups import TOO_FEW, generator_table, subgroup_table


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
    assert list(table.index) == [("gender", "f"), ("gender", "m"), ("age", "old"), ("age", "young")]
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
    assert old[["auc", "fpr", "fpr_high", "fnr"]].isna().all()
    assert old["verdict"].count(TOO_FEW) == 2
    young = subgroup_table(frame, y, p, 0.55).set_index("value").loc["young"]
    assert young["verdict"] == ""


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
