"""The largest gap between groups of people, against fairlearn's values, brute force and exact permutation tests."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.fairness_gaps import COLUMNS, MOST_TIMES, largest_gap
from aletheia.evaluation.subgroups import TOO_FEW
from aletheia.stats.bootstrap import draw_counts
from aletheia.stats.intervals import wilson
from aletheia.stats.scored_set import ScoredSet

# Real rows, those of them called fake, fakes, and those of them missed.
PEOPLE = {"ann": (40, 4, 30, 6), "bea": (25, 7, 50, 5), "cat": (50, 3, 25, 10), "dan": (10, 5, 10, 5)}


def gaps_of(frame, y, p, columns=None, groups=None, seed=0, **options):
    return largest_gap(frame, ScoredSet(y, p, 0.5, groups, seed), columns, **options)


def people(*names: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rows: list[tuple[str, int, float]] = []
    for name in names:
        real, false, fake, missed = PEOPLE[name]
        rows += [(name, 0, 0.8)] * false + [(name, 0, 0.2)] * (real - false)
        rows += [(name, 1, 0.3)] * missed + [(name, 1, 0.9)] * (fake - missed)
    frame = pd.DataFrame(rows, columns=["ethnicity", "y", "p"])
    return frame[["ethnicity"]], frame["y"].to_numpy(), frame["p"].to_numpy()


def sample(n=500, values=4, seed=0, size=5):
    """`n` rows in groups of `size` that have one value and errors in common."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) // size
    y = (rng.random(n) < 0.5).astype(int)
    p = np.clip(0.5 + 0.15 * (2 * y - 1) + rng.normal(0, 0.15, n) + rng.normal(0, 0.2, n)[group], 0, 1)
    return pd.DataFrame({"age": rng.choice(list("abcdef"[:values]), n)[group]}), y, p, group


def test_largest_gap_matches_fairlearn():
    # MetricFrame of fairlearn 0.15.0 on these rows: by_group, difference(), 1 / ratio().
    table = gaps_of(*people("ann", "bea", "cat")).set_index("rate")
    assert tuple(table.reset_index()[list(COLUMNS)]) == COLUMNS and (table["column"] == "ethnicity").all()
    assert table["gap"].tolist() == pytest.approx([0.22, 0.3, 0.008])
    assert table["highest"].tolist() == ["bea", "cat", "ann"] and table["lowest"].tolist() == ["cat", "bea", "bea"]
    assert table["highest_rate"].tolist() == pytest.approx([0.28, 0.4, 0.98])
    assert table["lowest_rate"].tolist() == pytest.approx([0.06, 0.1, 0.972])
    assert table["ratio"].tolist() == pytest.approx([0.28 / 0.06, 4.0, np.nan], nan_ok=True)
    assert (table["n_values"] == 3).all() and (table["verdict"] == "").all()


def rates_of(y, p, values, rate, names):
    if rate == "auc":
        return [roc_auc_score(y[values == name], p[values == name]) for name in names]
    wrong, fake = ((p >= 0.5), 0) if rate == "fpr" else ((p < 0.5), 1)
    return [wrong[(values == name) & (y == fake)].mean() for name in names]


@pytest.mark.parametrize("rate", ["fpr", "fnr", "auc"])
def test_largest_gap_replicates_match_repeated_rows(rate):
    frame, y, p, group = sample(300)
    values = frame["age"].to_numpy()
    table = gaps_of(frame, y, p, groups=group, min_people=2, replicates=50, permutations=0, seed=3)
    row = table.set_index("rate").loc[rate]
    number = np.unique(group.astype(str), return_inverse=True)[1]
    gaps, ratios = [], []
    for counts in draw_counts(60, 50, np.random.default_rng(3)):
        rows = np.repeat(np.arange(300), counts[number].astype(int))
        rates = rates_of(y[rows], p[rows], values[rows], rate, "abcd")
        gaps.append(np.ptp(rates))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios.append(min(np.divide(np.max(rates), np.min(rates)), MOST_TIMES))
    assert row["gap"] == pytest.approx(np.ptp(rates_of(y, p, values, rate, "abcd")))
    assert [row["gap_low"], row["gap_high"]] == pytest.approx(list(np.percentile(gaps, [2.5, 97.5])))
    if rate != "auc":
        assert [row["ratio_low"], row["ratio_high"]] == pytest.approx(list(np.percentile(ratios, [2.5, 97.5])))
    assert np.isnan(row["p_value"])


def test_largest_gap_p_value_matches_hypergeometric():
    # 11 false alarms among 65 real rows; how many of the 40 rows of ann have one, by lot?
    table = gaps_of(*people("ann", "bea"), permutations=20_000, replicates=0).set_index("rate")
    hits = np.arange(0, 12)
    gaps = np.abs(hits / 40 - (11 - hits) / 25)
    exact = hypergeom(65, 11, 40).pmf(hits)[gaps >= table.loc["fpr", "gap"] - 1e-12].sum()
    assert 0.05 < exact < 0.1
    assert table.loc["fpr", "p_value"] == pytest.approx(exact, abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize("rate", ["fpr", "auc"])
def test_largest_gap_p_value_matches_shuffled_groups(rate):
    frame, y, p, group = sample(240, values=3, seed=7)
    y = (group % 3 > 0).astype(int)  # each group of one class
    values = frame["age"].to_numpy()
    table = gaps_of(frame, y, p, groups=group, min_people=1, replicates=0, permutations=2000).set_index("rate")
    rng = np.random.default_rng(1)
    first, stratum = np.arange(0, 240, 5), y[::5]
    as_large = 0
    for _ in range(500):
        label = values[first].copy()
        for fake in (0, 1):
            label[stratum == fake] = rng.permutation(label[stratum == fake])
        as_large += np.ptp(rates_of(y, p, label[group], rate, "abc")) >= table.loc[rate, "gap"] - 1e-12
    assert table.loc[rate, "p_value"] == pytest.approx(as_large / 500, abs=0.06)


def test_largest_gap_p_value_of_auc_matches_enumeration():
    p = np.array([0.35, 0.1, 0.2, 0.3, 0.9, 0.4, 0.05, 0.6, 0.7, 0.8, 0.15, 0.55])
    y, values = np.repeat([0, 1], 6), np.array(["a", *"bbbbb", *"aaaaa", "b"])
    table = gaps_of(pd.DataFrame({"age": values}), y, p, min_people=1, replicates=0, permutations=5000)
    gaps = []
    for real in range(6):
        for fake in range(6, 12):
            a = np.isin(np.arange(12), [real, *(set(range(6, 12)) - {fake})])
            gaps.append(abs(roc_auc_score(y[a], p[a]) - roc_auc_score(y[~a], p[~a])))
    gap = table.set_index("rate").loc["auc", "gap"]
    assert gap == pytest.approx(gaps[5])
    assert table["p_value"].iloc[2] == pytest.approx(np.mean(np.array(gaps) >= gap - 1e-12), abs=0.02)


def test_largest_gap_p_values_uniform_without_difference():
    grouped, single, gaps = [], [], []
    for seed in range(60):
        frame, y, p, group = sample(300, values=3, seed=seed, size=10)
        settings = {"min_people": 2, "permutations": 100, "replicates": 0}
        table = gaps_of(frame, y, p, groups=group, **settings)
        grouped.append(table["p_value"].to_numpy())
        single.append(gaps_of(frame, y, p, **settings)["p_value"].to_numpy())
        gaps.append(table["gap"].to_numpy())
    assert np.mean(gaps, axis=0)[:2].min() > 0.1  # the bias of a maximum: all true gaps are 0
    assert np.mean(np.array(grouped) < 0.1) == pytest.approx(0.1, abs=0.07)
    assert np.mean(np.array(single)[:, :2] < 0.1) > 0.3  # rows of one person are no independent evidence


def test_largest_gap_finds_planted_gap():
    frame, y, p, group = sample(2000, values=3, seed=1)
    p = np.where((frame["age"] == "b") & (y == 0), np.clip(p + 0.3, 0, 1), p)
    row = gaps_of(frame, y, p, groups=group).set_index("rate").loc["fpr"]
    assert row["highest"] == "b" and row["p_value"] < 0.01 and row["gap_low"] > 0.2 and row["ratio_low"] > 1.3
    assert row["gap_low"] < row["gap"] < row["gap_high"] and row["ratio_low"] < row["ratio"] < row["ratio_high"]


def test_largest_gap_is_not_blinded_by_a_high_overall_rate():
    """Rates of .16 and .71: 2.03 times the overall rate of .35, but 4.4 times each other."""
    y, p = np.zeros(300), np.full(300, 0.1)
    frame = pd.DataFrame({"ethnicity": np.repeat(["White", "Black"], [196, 104])})
    p[:31], p[196:270] = 0.9, 0.9
    row = gaps_of(frame, y, p).set_index("rate").loc["fpr"]
    assert row["gap"] == pytest.approx(74 / 104 - 31 / 196) and row["ratio"] == pytest.approx(74 / 104 * 196 / 31)
    assert row["gap_low"] > 0.4 and row["ratio_low"] > 3 and row["p_value"] < 0.01
    assert (row["highest"], row["lowest"]) == ("Black", "White")


def test_largest_gap_interval_agrees_with_the_permutation_test():
    """Bootstraps of groups that do not differ have gaps all the same: their interval would leave 0 out."""
    p = np.where(np.arange(60) % 3 == 0, 0.9, 0.1)
    frame = pd.DataFrame({"gender": np.repeat(["f", "m"], [30, 30])})
    equal = gaps_of(frame, np.zeros(60), p).set_index("rate").loc["fpr"]
    assert (equal["gap"], equal["gap_low"], equal["ratio"], equal["ratio_low"]) == (0, 0, 1, 1)
    assert equal["p_value"] == 1 and equal["gap_high"] > 0.1
    p[[1, 2, 4]] = 0.9
    near = gaps_of(frame, np.zeros(60), p).set_index("rate").loc["fpr"]
    assert near["gap"] == pytest.approx(0.1) and near["p_value"] > 0.3
    assert (near["gap_low"], near["ratio_low"]) == (0, 1) and near["ratio"] == pytest.approx(1.3)


def test_largest_gap_bins_ages():
    frame = pd.DataFrame({"age": [*(str(age) for age in range(20, 50)), *["60-69"] * 15, *["old"] * 15]})
    p = np.where(np.arange(60) < 30, 0.1, 0.9)
    row = gaps_of(frame, np.zeros(60), p).set_index("rate").loc["fpr"]
    assert (row["highest"], row["lowest"], row["n_values"]) == ("senior (60+)", "adult (20–59)", 2)


def test_largest_gap_interval_without_errors():
    y = np.tile([0, 1], 60)
    frame = pd.DataFrame({"gender": np.repeat(["f", "m"], [80, 40])})
    table = gaps_of(frame, y, 0.1 + 0.8 * y, groups=np.arange(120) // 2).set_index("rate")
    assert (table["gap"] == 0).all() and (table["gap_low"] == 0).all() and (table["p_value"] == 1).all()
    # 40 and 20 groups without an error: the smaller may be this much worse, and its ranking this much less perfect.
    high, low = wilson(0, 20)[1], wilson(20, 20)[0]
    assert table["gap_high"].tolist() == pytest.approx([high, high, 1 - low])
    assert table[["ratio", "ratio_low", "ratio_high"]].isna().all().all()
    # One value without errors, one with: the former may have some, too.
    p = np.where((frame["gender"] == "f") & (np.arange(120) % 8 == 0), 0.9, 0.1 + 0.8 * y)
    some = gaps_of(frame, y, p).set_index("rate").loc["fpr"]
    assert some["gap"] == pytest.approx(0.25) and some["ratio"] == MOST_TIMES and some["ratio_low"] < 10
    draws_low = 0.25 - 1.96 * np.sqrt(0.25 * 0.75 / 40)
    assert some["gap_low"] < draws_low - 0.05 and some["gap_low"] >= 0


def test_largest_gap_ignores_values_with_few_people():
    frame, y, p = people("ann", "bea", "dan")
    table = gaps_of(frame, y, p, replicates=50, min_people=11).set_index("rate")
    assert (table["n_values"] == 2).all() and table.loc["fpr", "gap"] == pytest.approx(0.18)
    assert table.loc["fpr", "ratio"] == pytest.approx(0.28 / 0.1)
    alone = gaps_of(*people("ann", "dan"), min_people=11)
    assert (alone["verdict"] == TOO_FEW).all() and alone[["gap", "gap_low", "p_value", "ratio"]].isna().all().all()
    assert (alone["highest"] == "").all() and alone["n_values"].tolist() == [1, 1, 1]


def test_largest_gap_counts_people_not_rows():
    """Forty pictures of five people are five people, whatever the number of their films."""
    frame, y, p = people("ann", "bea", "cat")
    identity = np.where(frame["ethnicity"] == "cat", np.arange(len(frame)) % 5, np.arange(len(frame)) % 12)
    named = frame.assign(identity=frame["ethnicity"] + identity.astype(str))
    table = gaps_of(named, y, p, replicates=20, permutations=0).set_index("rate")
    assert (table["n_values"] == 2).all() and table.loc["fpr", "lowest"] == "ann"


def test_largest_gap_columns_and_unreadable_rows():
    frame, y, p, group = sample()
    frame["gender"] = np.where(np.arange(len(frame)) % 2 == 0, "f", "")
    table = gaps_of(frame, y, p, groups=group, intersections=True, min_people=1, replicates=20, permutations=20)
    assert table["column"].unique().tolist() == ["gender", "age", "gender × age"]
    assert table["n_values"].tolist() == [1] * 3 + [4] * 6
    gaps = p.copy()
    gaps[100:200] = np.nan
    keep = ~np.isnan(gaps)
    pd.testing.assert_frame_equal(
        gaps_of(frame, y, gaps, ["age"], groups=group, replicates=20),
        gaps_of(frame[keep], y[keep], p[keep], ["age"], groups=group[keep], replicates=20),
    )
    assert len(gaps_of(frame[[]], y, p)) == 0
    with pytest.raises(InputError, match="shoe_size"):
        gaps_of(frame, y, p, ["shoe_size"])


@pytest.mark.slow
def test_largest_gap_time_100_000_rows(many_people):
    frame, y, p, units = many_people
    start = time.process_time()
    gaps_of(frame, y, p, groups=units)
    assert time.process_time() - start < 40
