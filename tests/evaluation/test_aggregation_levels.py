"""Scores of pictures and videos: hand-computed cases, and pandas with scikit-learn as the oracle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import accuracy_score, roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.aggregation_levels import COLUMNS, level_metrics, score_levels
from aletheia.models.spec import ModelSpec
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet

NAN = float("nan")


def spec(**values) -> ModelSpec:
    calibration = {"method": "platt", "scale": 2.0, "shift": 0.5}
    return ModelSpec(architecture="attention_cnn", input_size=32, calibration=calibration, threshold=0.6, **values)


def table(*rows: tuple) -> pd.DataFrame:
    """Rows of (original, frame_time, video, identity, label, logit)."""
    names = ["original", "frame_time", "video", "identity", "label", "logit"]
    frame = pd.DataFrame(rows, columns=names, index=np.arange(len(rows))[::-1])
    frame["frame_time"] = frame["frame_time"].astype(np.float32)
    frame["logit"] = frame["logit"].astype(np.float32)
    frame["probability"] = spec().calibration.probabilities(frame["logit"].to_numpy())
    return frame.assign(path=[f"/crops/{i}.png" for i in range(len(rows))], face_index=0)


def clip(video, time, label, logit, identity=""):
    return (video, time, video, identity, label, logit)


MIXED = table(
    ("/photos/a.jpg", NAN, "", "ann", "real", -1.0),
    ("/photos/a.jpg", NAN, "", "bob", "fake", 0.5),
    ("/photos/b.jpg", NAN, "", "cat", "real", 0.25),
    ("/photos/c.jpg", NAN, "", "dan", "fake", NAN),
    ("/photos/c.jpg", NAN, "", "dan", "real", -0.5),
    ("/photos/d.jpg", NAN, "", "eve", "fake", NAN),
    clip("/real/000.mp4", 0.0, "real", -2.0),
    clip("/real/000.mp4", 0.5, "real", -1.0),
    clip("/swap/000.mp4", 0.0, "real", -3.0),
    clip("/swap/000.mp4", 0.0, "fake", 2.0),
    clip("/swap/000.mp4", 0.5, "fake", 0.5),
    clip("/swap/000.mp4", 1.0, "fake", NAN),
)


def test_score_levels_by_hand():
    levels = score_levels(MIXED, spec())
    assert list(levels) == ["face", "frame", "video"]
    assert all(tuple(level) == COLUMNS for level in levels.values())
    faces, frames, videos = (level.set_index("unit") for level in levels.values())
    assert list(faces.index) == list(MIXED["path"]) and faces["n"].sum() == 9
    np.testing.assert_array_equal(faces["logit"], MIXED["logit"])
    np.testing.assert_array_equal(faces["probability"], MIXED["probability"])

    assert len(frames) == 9
    assert frames.loc["/photos/a.jpg", ["label", "logit", "n"]].tolist() == ["fake", 0.5, 2]
    assert frames.loc["/photos/a.jpg", "probability"] == pytest.approx(expit(1.5))
    assert frames.loc["/photos/b.jpg", ["label", "logit", "n"]].tolist() == ["real", 0.25, 1]
    assert frames.loc["/photos/c.jpg", ["label", "logit", "n"]].tolist() == ["fake", -0.5, 1]
    assert frames.loc["/photos/d.jpg", ["logit", "probability"]].isna().all() and frames.loc["/photos/d.jpg", "n"] == 0
    assert frames.loc["/swap/000.mp4 at 0.000 s", ["label", "logit", "n"]].tolist() == ["fake", 2.0, 2]
    assert frames.loc["/real/000.mp4 at 0.000 s", "logit"] == -2.0

    assert list(videos.index) == ["/real/000.mp4", "/swap/000.mp4"]  # the same file name, in two folders
    assert videos["label"].tolist() == ["real", "fake"] and videos["n"].tolist() == [2, 2]
    assert videos["logit"].tolist() == pytest.approx([-1.5, 1.25], abs=1e-5)
    assert videos["probability"].tolist() == pytest.approx(expit([-2.5, 3.0]).tolist(), abs=1e-6)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("mean_logit", expit(2 * 1.25 + 0.5)),
        ("mean_probability", (expit(4.5) + expit(1.5)) / 2),
        ("upper_quantile", expit(2 * (0.5 + 0.9 * 1.5) + 0.5)),
    ],
)
def test_score_levels_aggregation(aggregation, expected):
    video = score_levels(MIXED, spec(aggregation=aggregation))["video"].set_index("unit").loc["/swap/000.mp4"]
    assert video["probability"] == pytest.approx(expected, abs=1e-6)
    assert expit(2 * video["logit"] + 0.5) == pytest.approx(expected, abs=1e-6)


def test_score_levels_videos_of_equal_name():
    def stills(folder, label):
        rows = [(f"{folder}{i}.png", NAN, "000.mp4", "", label, float(i)) for i in range(3)]
        return [*rows, (f"{folder}9.png", NAN, "001.mp4", "", label, 9.0)]

    frame = table(*stills("/set/real/", "real"), *stills("/set/fake/", "fake"), *stills("C:\\clips\\", "fake"))
    frame = pd.concat([frame, table(*stills("C:\\more\\", "real"))]).assign(path=[f"/{i}.png" for i in range(16)])
    videos = score_levels(frame, spec())["video"]
    assert videos["n"].tolist() == [3, 1] * 4
    assert videos["label"].tolist() == ["real"] * 2 + ["fake"] * 4 + ["real"] * 2
    assert videos["unit"].tolist()[:3] == ["/set/real/000.mp4", "/set/real/001.mp4", "/set/fake/000.mp4"]
    assert videos["group"].is_unique and "frame" not in score_levels(frame, spec())
    # Crops lie in one folder; it is the originals' that counts, and without one the rows' own.
    bare = frame.drop(columns=["original", "frame_time", "identity"]).assign(path=frame["original"])
    pd.testing.assert_frame_equal(score_levels(bare, spec())["video"], videos)


def test_score_levels_without_aggregates():
    photos = MIXED.iloc[[0, 2, 5]]
    assert list(score_levels(photos, spec())) == ["face"]
    assert list(score_levels(MIXED.iloc[:6], spec())) == ["face", "frame"]
    one_face_a_frame = MIXED.iloc[[2, 6, 7, 10]]
    assert list(score_levels(one_face_a_frame, spec())) == ["face", "video"]
    one_frame_a_video = MIXED.iloc[[6, 10]]
    assert list(score_levels(one_frame_a_video, spec())) == ["face"]
    assert list(score_levels(photos[["path", "label", "logit", "probability"]], spec())) == ["face"]


def test_score_levels_groups_transitive():
    levels = score_levels(
        table(
            ("/a.jpg", NAN, "", "ann", "real", 0.0),
            ("/a.jpg", NAN, "", "bob", "real", 0.0),
            ("/b.jpg", NAN, "", "bob", "real", 0.0),
            ("/c.jpg", NAN, "", "cat", "fake", 0.0),
            ("/d.jpg", NAN, "", "", "fake", 0.0),
            clip("/v.mp4", 0.0, "fake", 0.0),
            clip("/v.mp4", 1.0, "fake", 0.0),
            clip("/w.mp4", 0.0, "fake", 0.0, "cat"),
        ),
        spec(),
    )
    assert levels["face"]["group"].tolist() == ["ann", "bob", "bob", "cat", "", *["video /v.mp4"] * 2, "cat"]
    assert levels["frame"]["group"].tolist() == ["ann", "ann", "cat", "", *["video /v.mp4"] * 2, "cat"]
    assert levels["video"]["group"].tolist() == ["video /v.mp4", "cat"]


def random_scores(n=1200, seed=0):
    """Frames of 100 videos in 20 folders that all use the same five names, one to three faces each."""
    rng = np.random.default_rng(seed)
    video, time = rng.integers(0, 100, n), rng.integers(0, 6, n) / 2
    names = [f"/set/{v // 5}/{v % 5:03d}.mp4" for v in video]
    fake = (video % 2 == 0).astype(int)
    logit = rng.normal(1.5 * fake - 0.75, 1) + rng.normal(0, 0.5, 100)[video]
    logit[::17] = np.nan
    rows = zip(names, time, np.where(fake, "fake", "real"), logit, strict=True)
    return table(*(clip(*row) for row in rows))


def test_level_metrics_match_scikit_learn():
    scores, model = random_scores(), spec()
    metrics = level_metrics(scores, model, replicates=100, seed=1)
    frames = scores.groupby(["original", "frame_time"]).agg({"logit": "max", "label": "first", "original": "first"})
    videos = frames.groupby(frames["original"].to_numpy()).agg({"logit": "mean", "label": "first"})
    for name, level in (("face", scores), ("frame", frames), ("video", videos)):
        scored = level[level["logit"].notna()]
        y, p = (scored["label"] == "fake").to_numpy(), expit(2 * scored["logit"].to_numpy(np.float64) + 0.5)
        assert metrics[name]["auc"].value == pytest.approx(roc_auc_score(y, p), abs=1e-9), name
        assert metrics[name]["accuracy"].value == pytest.approx(accuracy_score(y, p >= 0.6)), name
        assert (metrics[name].n, metrics[name].n_unreadable) == (len(scored), level["logit"].isna().sum()), name
        assert metrics[name].n_groups == 100 and metrics[name].threshold == 0.6
    assert metrics["face"].n_unreadable == 71 and metrics["video"].n == 100
    assert metrics["frame"].n_unreadable < metrics["face"].n_unreadable
    y = (scores["label"] == "fake").to_numpy()
    same = evaluate_scores(ScoredSet(y, scores["probability"], 0.6, scores["video"], 1), replicates=100)
    assert metrics["face"]["auc"].low == pytest.approx(same["auc"].low, abs=0.01)


def test_score_levels_nothing_scored():
    scores = MIXED.iloc[[2, 6, 7]].assign(logit=[0.1, NAN, NAN], probability=[0.6, NAN, NAN])
    assert list(score_levels(scores, spec())) == ["face", "video"]
    assert list(level_metrics(scores, spec(), replicates=0)) == ["face"]
    assert level_metrics(scores.assign(logit=NAN, probability=NAN), spec()) == {}
    for missing in (MIXED.iloc[:0], MIXED.drop(columns="label")):
        with pytest.raises(InputError, match="label"):
            score_levels(missing, spec())
    with pytest.raises(InputError, match="label"):
        score_levels(MIXED.assign(label="Fake"), spec())
