"""Sources to leave out, and what the trainings without them say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.models.other_sources import LeftOutSource, OtherSources
from aletheia.models.spec import AbstentionSpec
from aletheia.training import left_out_sources
from aletheia.training.config import TrainConfig
from aletheia.training.left_out_sources import Fold, source_folds, train_without_sources, widen_limits

from ..factories import write_crops

RULES = AbstentionSpec(alpha=0.1, real_upper=0.4, fake_lower=0.6)


def rows(**counts: tuple[int, int]) -> pd.DataFrame:
    """A manifest with so many genuine and fake faces of each source."""
    parts = [
        (label, source)
        for source, both in counts.items()
        for label, n in zip(("real", "fake"), both, strict=True)
        for _ in range(n)
    ]
    return pd.DataFrame(parts, columns=["label", "source"])


def test_source_folds_of_sources_with_both_labels():
    folds, reason = source_folds(rows(a=(30, 30), b=(20, 40), c=(90, 19), d=(0, 50)), most=3)
    assert reason == "" and folds == [Fold(("a",), ("a",)), Fold(("b",), ("b",))]
    folds, _ = source_folds(rows(a=(50, 50), b=(40, 40), c=(30, 30), d=(20, 20)), most=2)
    assert folds == [Fold(("a", "d"), ("a", "d")), Fold(("b", "c"), ("b", "c"))]


def test_source_folds_of_three_sources_a_label():
    folds, reason = source_folds(rows(a=(30, 0), b=(20, 5), c=(90, 0), x=(0, 50), y=(0, 40), z=(3, 30)), most=3)
    assert reason == "" and folds == [Fold(("c",), ("x",)), Fold(("a",), ("y",)), Fold(("b",), ("z",))]
    assert folds[0].name == "c, x"


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (
            {"a": (30, 30), "b": (30, 19)},
            "20 faces or more of both labels come from 1 source, genuine ones from 2, fakes from 1",
        ),
        (
            {"a": (30, 0), "b": (30, 0), "x": (0, 30), "y": (0, 30)},
            "20 faces or more of both labels come from 0 sources, genuine ones from 2",
        ),
        ({"": (30, 30), "b": (30, 30)}, "20 faces or more of both labels come from 1 source,"),
    ],
)
def test_source_folds_say_why_there_are_none(counts, text):
    folds, reason = source_folds(rows(**counts), most=3)
    assert folds == [] and reason.startswith(text) and "2 of both or 3 of each are needed" in reason
    assert OtherSources(reason=reason).sentence().startswith("Nothing is known about other sources than those")


def test_widen_limits_takes_the_widest_and_never_narrows():
    parts = [LeftOutSource(name="a", real=30, fake=30, real_upper=0.9, fake_lower=0.7)]
    parts.append(LeftOutSource(name="b", real=30, fake=30, real_upper=0.3, fake_lower=0.1))
    wide = widen_limits(RULES, OtherSources(sources=tuple(parts)))
    assert (wide.real_upper, wide.fake_lower) == (0.9, 0.1)
    assert widen_limits(RULES, OtherSources(reason="none")) == RULES


@pytest.fixture
def two_sources(tmp_path):
    """160 and 40 crops of two sources, each person of one of them."""
    both = write_crops(tmp_path / "crops", 200, 1)
    both["source"] = np.where(np.arange(200) % 8 < 4, "cam-a", "cam-b")
    return both[:160].reset_index(drop=True), both[160:].reset_index(drop=True)


def test_train_without_sources_scores_what_was_left_out(two_sources, monkeypatch):
    """Trained are rows without the source and without the people in it; scored are all of its rows."""
    train, val = two_sources
    seen = []

    def score(recipe, frame, kept, chosen, progress):
        seen.append((recipe, frame[kept], frame[chosen]))
        return 0.25 + 0.5 * (frame["label"][chosen] == "fake").to_numpy() - 0.001 * np.arange(chosen.sum()) / 100

    monkeypatch.setattr(left_out_sources, "_score", score)
    config = TrainConfig(max_epochs=20, fault="label_noise", abstention_alpha=0.1)
    others = train_without_sources(config, train, val, progress=False)
    assert [part.name for part in others.sources] == ["cam-a", "cam-b"] and others.epochs == 8
    for recipe, kept, chosen in seen:
        assert recipe.fault == "none" and recipe.max_epochs == 8
        assert len(set(chosen["source"])) == 1 and not set(chosen["source"]) & set(kept["source"])
        assert not set(chosen["identity"]) & set(kept["identity"])
        assert len(chosen) == sum(
            part.real + part.fake for part in others.sources if part.name in set(chosen["source"])
        )
    assert others.auc == 1.0 and all(part.auc == 1.0 for part in others.sources)
    assert all(part.real_upper <= 0.25 and part.fake_lower >= 0.74 for part in others.sources)
    risky = train_without_sources(TrainConfig(abstention_wrong=0.001), train, val, progress=False)
    never = widen_limits(RULES, risky)  # one error more than was seen is more than one of a thousand
    assert (never.real_upper, never.fake_lower) == (1.0, 0.0)


def test_train_without_sources_says_what_failed(two_sources):
    train, val = two_sources
    val = val[val["source"] == "cam-a"]
    others = train_without_sources(TrainConfig(max_epochs=1), train, val, progress=False)
    assert others.sources == () and "the training without cam-a failed: only one class is left" in others.reason
    assert train_without_sources(TrainConfig(), train, val, most=0).reason.startswith("no training without")


@pytest.mark.slow
def test_train_without_sources_trains(two_sources):
    """Brightness separates the labels in both sources alike, and so in the one left out."""
    config = TrainConfig(image_size=32, options={"width": 4}, max_epochs=6, learning_rate=0.01, num_threads=1)
    others = train_without_sources(config, *two_sources, progress=False)
    assert others.reason == "" and len(others.sources) == 2
    assert others.auc > 0.6 and others.low < others.auc < others.high
    assert "tested on it, the recipe reaches an AUC of 0." in others.sentence()
