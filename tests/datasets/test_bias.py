from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, chi2_contingency
from scipy.stats.contingency import association

from aletheia.core.errors import InputError
from aletheia.datasets.bias import BY_CHANCE, TOO_FEW, analyse_bias
from aletheia.stats.categorical import cramers_v, encode, renumber
from aletheia.stats.cells import count_cells
from aletheia.stats.clustered_table import clustered_independence
from aletheia.stats.intervals import clustered_rate

Make = Callable[..., pd.DataFrame]


def test_analyse_bias_agrees_with_pandas_and_scipy(make_manifest: Make) -> None:
    df = make_manifest(900, seed=2, skin_tone=np.random.default_rng(0).choice(["I", "III", "VI", ""], 900))
    df.loc[(df["gender"] == "male") & (np.arange(900) % 3 == 0), ["label", "generator"]] = ["real", ""]
    report = analyse_bias(df)
    rates = report.rates.set_index(["column", "group"])
    fake = df["label"] == "fake"
    assert rates.loc[("label", "(all)"), "n_fake"] == fake.sum()
    for column in ("source", "gender", "skin_tone"):
        known = df[df[column] != ""]
        expected = (known["label"] == "fake").groupby(known[column]).agg(["size", "sum", "mean"])
        got = rates.loc[column].loc[expected.index, ["n", "n_fake", "fake_rate"]]
        np.testing.assert_allclose(got.to_numpy(dtype=float), expected.to_numpy(dtype=float))
        table = pd.crosstab(known[column], known["label"]).to_numpy()
        chi2, p, dof, _ = chi2_contingency(table, correction=False)
        row = report.associations.set_index("column").loc[column]
        assert (row.chi2, row.p, row.dof) == pytest.approx((chi2, p, dof))
        assert report.cramers_v(column) == pytest.approx(association(table, method="cramer"))
        assert row.cramers_v_corrected <= row.cramers_v
    both = df[df["skin_tone"] != ""]
    crossed = (both["label"] == "fake").groupby([both["gender"], both["skin_tone"]]).agg(["size", "mean"])
    for (gender, tone), (n, rate) in crossed.iterrows():
        row = rates.loc[("gender × skin_tone", f"{gender}, {tone}")]
        assert (row.n, row.fake_rate) == pytest.approx((n, rate))


def test_analyse_bias_verdicts() -> None:
    df = pd.DataFrame({"path": [str(i) for i in range(429)]})
    df["source"] = ["even"] * 200 + ["reals"] * 100 + ["fakes"] * 100 + ["few"] * 29
    df["label"] = ["real", "fake"] * 100 + ["real"] * 100 + ["fake"] * 100 + ["fake"] * 29
    verdicts = analyse_bias(df).rates.set_index("group")["verdict"]
    assert verdicts["reals"] == "fewer fakes"
    assert verdicts["fakes"] == "more fakes"
    assert verdicts["even"] == "as overall"
    assert verdicts["few"] == TOO_FEW
    assert analyse_bias(df, min_n=20).rates.set_index("group")["verdict"]["few"] == "more fakes"
    assert analyse_bias(df).associations["verdict"].tolist() == ["large"]


def test_analyse_bias_bergsma_correction() -> None:
    df = pd.DataFrame({"label": ["real"] * 12 + ["fake"] * 18, "source": list("aaabbbbcccccaaaaabbbbbbbccccccc"[:30])})
    report = analyse_bias(df, min_n=1)
    row = report.associations.iloc[0]
    n, r, k = 30, 3, 2
    phi2 = max(0, row.chi2 / n - (k - 1) * (r - 1) / (n - 1))
    expected = np.sqrt(phi2 / min(k - (k - 1) ** 2 / (n - 1) - 1, r - (r - 1) ** 2 / (n - 1) - 1))
    assert row.cramers_v_corrected == pytest.approx(expected)


def test_analyse_bias_uninformative_columns(make_manifest: Make) -> None:
    df = make_manifest(300, source="one", age=["", "20"] * 150)
    df.loc[df["label"] == "real", "gender"] = ""
    rows = analyse_bias(df).associations.set_index("column")
    assert rows.loc["generator", "verdict"] == "only fakes have a generator"
    assert rows.loc["source", "verdict"] == rows.loc["age", "verdict"] == "one group only"
    assert rows.loc["gender", "verdict"] == "known for one label only"
    assert (rows.loc["gender", "known_real"], rows.loc["gender", "known_fake"]) == (0, 1)
    assert rows.loc[["generator", "gender"], "cramers_v"].isna().all()
    assert rows.loc[["source", "age"], "cramers_v"].eq(0).all()
    assert "ethnicity" not in rows.index
    assert np.isnan(analyse_bias(df).cramers_v("ethnicity"))


def test_analyse_bias_too_few_rows() -> None:
    df = pd.DataFrame({"label": ["fake"] * 200 + ["real"] * 5, "gender": ["f", "m"] * 100 + ["x"] * 5})
    row = analyse_bias(df).associations.iloc[0]
    assert row.cramers_v == pytest.approx(1)
    assert row.verdict == TOO_FEW


def test_analyse_bias_columns(make_manifest: Make) -> None:
    df = make_manifest(100)
    assert analyse_bias(df, ["chroma"]).associations["column"].tolist() == ["chroma"]
    with pytest.raises(InputError, match="'colour'"):
        analyse_bias(df, ["colour"])
    with pytest.raises(InputError, match="rows"):
        analyse_bias(df.iloc[:0])
    with pytest.raises(InputError, match=r"'label'.*row 1 \('Real'\)"):
        analyse_bias(df.assign(label=["Real"] + ["fake"] * 99))


def test_encode_and_renumber() -> None:
    codes, values = encode(pd.Series(["b", "", "a", None, "b"]))
    assert codes.tolist() == [1, -1, 0, -1, 1]
    assert values.tolist() == ["a", "b"]
    categories = encode(pd.Series(["b", None, "a"]).astype("category"))
    assert categories[0].tolist() == [1, -1, 0]
    many = [f"v{i}" for i in range(3000)]
    codes, values = encode(pd.Series(many[::-1]))
    assert values[codes].tolist() == many[::-1]
    for size in (6, 10**9):
        used, places = renumber(np.array([5, -1, 2, 5]), size)
        assert used.tolist() == [2, 5]
        assert places.tolist() == [1, -1, 0, 1]


def test_cramers_v_extremes() -> None:
    assert cramers_v(np.array([[5, 0], [0, 7], [0, 0]])) == pytest.approx(1)
    assert cramers_v(np.array([[5, 5], [7, 7]])) == pytest.approx(0)
    assert cramers_v(np.array([[5, 5], [0, 0]])) == 0
    assert np.isnan(cramers_v(np.array([[5, 0], [7, 0]])))


def test_analyse_bias_people_not_pictures() -> None:
    # 10 people of 10 pictures, each of one label: a table that is far from even by rows, and by people a coin toss.
    fakes = np.array([1, 1, 1, 0, 0, 1, 1, 0, 0, 0])
    df = pd.DataFrame(
        {"label": np.repeat(np.where(fakes, "fake", "real"), 10), "identity": np.repeat(np.arange(10), 10)}
    )
    df["gender"] = np.repeat(["f"] * 5 + ["m"] * 5, 10)
    df["identity"] = df["identity"].map("p{}".format)
    df["path"] = [f"{i}.png" for i in range(100)]
    report = analyse_bias(df, ["gender"])
    row = report.associations.iloc[0]
    rows = chi2_contingency(pd.crosstab(df["gender"], df["label"]), correction=False)
    people = chi2_contingency(pd.crosstab(df["gender"][::10], df["label"][::10]), correction=False)
    assert row.chi2 == pytest.approx(rows.statistic)
    assert rows.pvalue < 0.05 < row.p
    assert row.p == pytest.approx(chi2.sf(people.statistic * 9 / 10, 1))  # k / (k - 1) of the variance
    assert row.design == pytest.approx(10 * 10 / 9)
    assert (row.verdict, row.cramers_v_corrected) == (BY_CHANCE, 0)
    rates = report.rates[report.rates["column"] == "gender"]
    assert rates["verdict"].tolist() == ["as overall"] * 2
    expected = clustered_rate(df["label"][:50] == "fake", np.repeat(np.arange(5), 10))
    assert (rates["low"].iloc[0], rates["high"].iloc[0]) == pytest.approx((expected.low, expected.high))
    assert analyse_bias(df.drop(columns="identity"), ["gender"]).associations.verdict[0] == "small"


def test_analyse_bias_adjusts_for_columns_and_groups() -> None:
    rng = np.random.default_rng(5)
    df = pd.DataFrame({"label": rng.choice(["real", "fake"], 600), "path": [f"{i}.png" for i in range(600)]})
    for name in ("gender", "age", "skin_tone"):
        df[name] = rng.choice(["a", "b", "c"], 600)
    report = analyse_bias(df, ["gender", "age", "skin_tone"])
    p = report.associations["p"].to_numpy()
    order = np.argsort(p)
    expected = np.minimum(np.maximum.accumulate(p[order] * [3, 2, 1]), 1)
    np.testing.assert_allclose(report.associations["p_adjusted"].to_numpy()[order], expected)
    own = clustered_independence(count_cells(df["label"] == "fake", encode(df["age"])[0], np.arange(600), 3)).p_values
    smallest = report.rates[report.rates["column"] == "age"]["p"].min()
    assert smallest == pytest.approx(min(3 * own.min(), 1))


def test_analyse_bias_many_values_of_one_person_each() -> None:
    df = pd.DataFrame({"label": ["real", "fake"] * 1500, "identity": [f"p{i // 2}" for i in range(3000)]})
    df["source"] = df["identity"]
    assert analyse_bias(df, ["source"], min_n=1).associations["verdict"].tolist() == [TOO_FEW]
