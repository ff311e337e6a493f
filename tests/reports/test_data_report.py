from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from aletheia.audit.file_properties import shortcut_auc
from aletheia.datasets.balance import balance_training
from aletheia.datasets.bias import analyse_bias
from aletheia.datasets.split import check_leakage, split_manifest
from aletheia.reports.data_plots import association_figure, bias_figure, preparation_figures, shortcut_figure
from aletheia.reports.data_report import data_report

Make = Callable[..., pd.DataFrame]
EVIL = "<script>alert('x')</script><b>&"


@pytest.fixture
def prepared(make_manifest: Make) -> dict[str, object]:
    df = make_manifest(600, fakes=0.8, people=100, skin_tone=np.random.default_rng(0).choice(["I", "VI"], 600))
    df.loc[df["source"] == "b", "source"] = EVIL
    df = split_manifest(df)
    parts = {name: df[df["split"] == name] for name in ("train", "val", "test")}
    pool = make_manifest(300, seed=9, fakes=0.0, source="ffhq")
    train, report = balance_training(parts["train"], pool, "count", exclude_rows=df)
    whole = pd.concat([train, parts["val"], parts["test"]], ignore_index=True)
    return {"before": df, "after": whole, "train": train, "test": parts["test"], "balancing": report}


def counted(figure: go.Figure, column: str, label: str) -> dict[str, float]:
    (bars,) = [t for t in figure.data if t.name == label and t.xaxis == column]
    return dict(zip(bars.y, bars.x, strict=True))


def test_figures_show_what_the_manifest_holds(prepared: dict[str, object]) -> None:
    before, after = prepared["before"], prepared["after"]
    figures = preparation_figures(before, after, analyse_bias(before), analyse_bias(after))
    assert list(figures) == ["data_vis", "bias", "association", "delivery"]
    for axis, df in (("x", before), ("x2", after)):
        for label in ("real", "fake"):
            bars = counted(figures["data_vis"], axis, label)
            mine = df[df["label"] == label]
            assert bars["split: train"] == (mine["split"] == "train").sum()
            assert bars["source: a"] == (mine["source"] == "a").sum()
            assert bars["skin tone: VI"] == (mine["skin_tone"] == "VI").sum()
    assert counted(figures["data_vis"], "x2", "real")["source: ffhq"] == prepared["balancing"].drawn
    for figure in figures.values():
        assert figure.layout.title.text
        titles = [axis.title.text for axis in figure.select_xaxes()]
        assert any(titles)
        assert "<script" not in figure.to_json()


def test_delivery_shares_add_up(prepared: dict[str, object]) -> None:
    figure = preparation_figures(
        prepared["before"], prepared["after"], *[analyse_bias(prepared[k]) for k in ("before", "after")]
    )["delivery"]
    sums = [np.sum(trace.y) for trace in figure.data]
    assert len(sums) == 12
    assert sums == pytest.approx([100.0] * 12)


def test_many_groups_are_gathered(make_manifest: Make) -> None:
    df = make_manifest(400, age=[str(i % 40) for i in range(400)])
    figure = preparation_figures(df, df, analyse_bias(df), analyse_bias(df))["data_vis"]
    bars = counted(figure, "x", "fake")
    assert sum(name.startswith("age: ") for name in bars) == 9
    assert sum(v for k, v in bars.items() if k.startswith("age: ")) == (df["label"] == "fake").sum()


def test_figures_without_anything_to_show(make_manifest: Make) -> None:
    df = make_manifest(50, source="", gender="", generator="", width=0, height=0, jpeg_quality=np.nan)
    bias = analyse_bias(df)
    assert "no source" in bias_figure(bias, bias).layout.annotations[0].text
    assert "No column" in association_figure(bias, bias).layout.annotations[0].text
    assert len(preparation_figures(df, df, bias, bias)) == 4
    assert "all real" in shortcut_figure(shortcut_auc(df[df["label"] == "real"])).layout.annotations[0].text


def page_of(prepared: dict[str, object], **more: object) -> str:
    before, after = (analyse_bias(prepared[k]) for k in ("before", "after"))
    return data_report(
        preparation_figures(prepared["before"], prepared["after"], before, after),
        before,
        after,
        prepared["balancing"],
        shortcut_auc(prepared["train"], prepared["test"]),
        **more,
    )


def test_the_page_stands_alone_and_escapes_names(prepared: dict[str, object]) -> None:
    skipped = pd.DataFrame({"path": [EVIL], "reason": ["is empty (zero bytes)"]})
    page = page_of(prepared, skipped=skipped, leaks=check_leakage(prepared["after"]))
    assert page.startswith("<!DOCTYPE html>")
    outside = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert "alert(" not in re.sub(r"&lt;script&gt;alert\(&#x27;x&#x27;\)", "", outside)
    assert "<script>alert" not in page
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)
    assert page.count("plotly.js v") == 1
    assert len(re.findall(r'class="plotly-graph-div"', page)) == 5


def test_the_page_says_in_words_what_is_wrong(prepared: dict[str, object]) -> None:
    page = page_of(prepared, leaks=check_leakage(prepared["after"]))
    share = (prepared["before"]["label"] == "fake").mean()
    assert f"Always saying “fake” is right in {share:.0%}" in page
    assert "Nothing stands on two sides of the split." in page
    assert f"drew {prepared['balancing'].drawn:,} of 300 images" in page
    leaky = prepared["after"].copy()
    leaky.loc[[0, len(leaky) - 1], "identity"] = "ann"
    leaky.loc[[0, len(leaky) - 1], "split"] = ["train", "test"]
    assert "leaks between the splits" in page_of(prepared, leaks=check_leakage(leaky))
    confounded = prepared["test"].assign(has_exif=prepared["test"]["label"] == "fake")
    train = prepared["train"].assign(has_exif=prepared["train"]["label"] == "fake")
    page = page_of({**prepared, "test": confounded, "train": train})
    assert "EXIF present" in page
    assert "has shown nothing about faces" in page


def test_sources_that_tell_the_label_are_called_out(prepared: dict[str, object]) -> None:
    apart = {
        **prepared,
        **{
            k: prepared[k].assign(source=prepared[k]["label"].map({"real": "camera", "fake": "lab"}))
            for k in ("before", "after")
        },
    }
    assert "no source has both real and fake images" in page_of(apart)
