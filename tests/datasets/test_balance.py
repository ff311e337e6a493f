from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import association

from aletheia.audit.file_properties import shortcut_auc
from aletheia.core.errors import InputError
from aletheia.datasets.balance import POLICIES, balance_training

Make = Callable[..., pd.DataFrame]


def parts(make: Make, **pool_columns: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    train = make(500, seed=1, fakes=0.8, split="train")
    pool = make(2000, seed=2, fakes=0.0, source="ffhq", **pool_columns)
    return train, pool


def shares(df: pd.DataFrame) -> float:
    return float((df["label"] == "real").mean())


@pytest.mark.parametrize("policy", POLICIES)
def test_balance_training_marks_pool_rows(make_manifest: Make, policy: str) -> None:
    train, pool = parts(make_manifest)
    pool.loc[:999, "source"] = "a"
    out, report = balance_training(train, pool, policy, exclude_rows=make_manifest(100, seed=3, split="val"))
    pd.testing.assert_frame_equal(out.iloc[:500][train.columns], train)
    drawn = out.iloc[500:]
    assert drawn["split"].eq("train").all()
    assert drawn["pool"].eq(drawn["source"]).all()
    assert drawn["path"].is_unique
    assert drawn["path"].isin(pool["path"]).all()
    assert (report.drawn, report.real_after) == (len(drawn), (out["label"] == "real").sum())
    assert report.fake == (out["label"] == "fake").sum()
    for df, v in ((train, report.v_before), (out, report.v_after)):
        table = pd.crosstab(df["source"], df["label"]).to_numpy()
        assert v == pytest.approx(association(table, method="cramer"))


def test_balance_training_none_and_count(make_manifest: Make) -> None:
    train, pool = parts(make_manifest)
    assert balance_training(train, pool, "none").report.drawn == 0
    assert shares(balance_training(train, pool, "count").train) == 0.5
    assert shares(balance_training(train, pool, "count", target_share=0.4).train) == pytest.approx(0.4, abs=0.002)
    short = balance_training(train, pool.iloc[:50], "count").report
    assert short.drawn == 50
    assert "50 were drawn" in " ".join(short.notes)


def test_balance_training_matched_avoids_the_shortcut(make_manifest: Make) -> None:
    train = make_manifest(800, seed=1, fakes=0.8, split="train", source="a")
    pool = make_manifest(6000, seed=2, fakes=0.0, source="a", jpeg_quality=95.0)
    usable = np.arange(6000) % 2 == 0
    pool.loc[usable, "jpeg_quality"] = np.where(np.arange(3000) % 2, 75.0, 90.0)
    counted, matched = (balance_training(train, pool, policy, seed=4).train for policy in ("count", "matched"))
    assert not (matched["jpeg_quality"] == 95).any()
    keys = ["width", "height", "jpeg_quality", "chroma"]
    table = pd.crosstab([matched[key] for key in keys], matched["label"])
    assert (table["real"] - table["fake"]).abs().max() <= 1
    assert shortcut_auc(matched).auc < 0.57
    assert shortcut_auc(counted).auc > 0.6


def test_balance_training_matched_notes(make_manifest: Make) -> None:
    train, pool = parts(make_manifest, format="png", jpeg_quality=np.nan, chroma="")
    report = balance_training(train, pool, "matched").report
    assert report.drawn == 0
    assert "could not be matched" in " ".join(report.notes)


def test_balance_training_per_source(make_manifest: Make) -> None:
    train, pool = parts(make_manifest)
    pool.loc[:1499, "source"] = "a"
    out, report = balance_training(train, pool, "per-source")
    assert set(out.loc[out["pool"] != "", "source"]) == {"a"}
    table = pd.crosstab(out["source"], out["label"])
    assert table.loc["a", "real"] == table.loc["a", "fake"]
    assert "'ffhq' of the pool was not used" in " ".join(report.notes)


def test_balance_training_exclude_rows(make_manifest: Make) -> None:
    train, pool = parts(make_manifest, identity=[f"p{i}" for i in range(2000)])
    held_out = make_manifest(40, seed=3, split=["val", "test"] * 20, identity=[f"p{i}" for i in range(40)])
    pool.loc[100, "phash"] = held_out.loc[0, "phash"] ^ np.uint64(0b101)
    pool.loc[101, "phash"] = pool.loc[100, "phash"] ^ np.uint64(0b11110000)
    pool.loc[102, "path"] = train.loc[0, "path"]
    out, report = balance_training(train, pool, "count", exclude_rows=held_out, target_share=0.8)
    assert report.excluded == {
        "the same path as a training row": 1,
        "the same identity as a held-out row": 40,
        "a near duplicate of a held-out row": 2,
    }
    drawn = set(out.loc[out["pool"] != "", "path"])
    assert not drawn & set(pool.loc[[*range(40), 100, 101, 102], "path"])
    whole = pd.concat([train.assign(split="train"), held_out])
    assert balance_training(train, pool, "count", exclude_rows=whole).report.excluded == report.excluded


def test_balance_training_seeds(make_manifest: Make) -> None:
    train, pool = parts(make_manifest)
    for policy in ("count", "matched"):
        first, again, other = (balance_training(train, pool, policy, seed=s).train["path"].tolist() for s in (1, 1, 2))
        assert first == again != other


def test_balance_training_empty_pool(make_manifest: Make) -> None:
    train, pool = parts(make_manifest)
    for policy in POLICIES:
        out, report = balance_training(train, pool.iloc[:0], policy)
        assert len(out) == len(train)
        assert report.drawn == 0
        assert balance_training(make_manifest(50, fakes=0.3), pool, policy).report.drawn <= 50
    assert balance_training(make_manifest(50, fakes=0.3), pool, "count").report.drawn == 0


def test_balance_training_invalid(make_manifest: Make) -> None:
    train, pool = parts(make_manifest)
    for arguments, says in (
        ((train, pool, "half"), "no balance policy 'half'"),
        ((train.assign(split="val"), pool, "count"), "training rows only"),
        ((train, train, "count"), "real throughout"),
    ):
        with pytest.raises(InputError, match=says):
            balance_training(*arguments)
    with pytest.raises(InputError, match="above 0 and below 1"):
        balance_training(train, pool, "count", target_share=1.0)


def test_balance_training_columns_of_one_side(make_manifest: Make) -> None:
    train, pool = parts(make_manifest)
    out = balance_training(train.assign(note="x", score=1.5), pool.assign(licence="cc"), "count").train
    assert out["note"].tolist().count("") == len(out) - 500
    assert out["score"].isna().sum() == len(out) - 500
    assert out["licence"].iloc[0] == ""
