"""Two evaluations compared row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.score_comparison import compare_scores


def scores(n: int = 240, seed: int = 0, skill: float = 1.0, **columns) -> pd.DataFrame:
    """Rows of 24 people, the same for each seed of the scores."""
    rng = np.random.default_rng(seed)
    fake = np.arange(n) % 2 == 1
    logit = rng.normal(size=n) + np.where(fake, skill, -skill)
    frame = pd.DataFrame(
        {
            "sha256": [f"{k:064x}" for k in range(n)],
            "face_index": 0,
            "frame_time": np.nan,
            "label": np.where(fake, "fake", "real"),
            "identity": [f"p{k // 10}" for k in range(n)],
            "probability": 1 / (1 + np.exp(-logit)),
        }
    )
    return frame.assign(verdict=np.where(frame["probability"] > 0.5, "fake", "real"), **columns)


def test_compare_scores_numbers():
    first, second = scores(skill=0.5), scores(seed=1, skill=1.5)
    result = compare_scores(first, second.sample(frac=1, random_state=0))
    y = first["label"] == "fake"
    assert result.first_auc == pytest.approx(roc_auc_score(y, first["probability"]))
    assert result.second_auc == pytest.approx(roc_auc_score(y, second["probability"]))
    assert result.difference.value == pytest.approx(result.second_auc - result.first_auc)
    assert 0 < result.difference.low < result.difference.value < result.difference.high
    right = [(frame["verdict"] == frame["label"]).to_numpy() for frame in (first, second)]
    assert result.first_only_right == (right[0] & ~right[1]).sum()
    assert result.second_only_right == (right[1] & ~right[0]).sum()
    assert (result.first_answered, result.second_answered) == (1, 1)
    assert result.first_only_right_at_threshold is result.second_only_right_at_threshold is None  # no column threshold
    assert (result.n, result.only_first, result.only_second) == (240, 0, 0)
    same = compare_scores(first, first).difference
    assert (same.value, same.low, same.high) == (0, 0, 0)


@pytest.mark.parametrize(("people", "judged"), [(7, False), (8, True)])
def test_few_people_allow_no_judgement(people, judged):
    """Seven people of a class have no interval in an evaluation; the comparison of two has none either."""
    rows = np.arange(240)
    identity = np.where(rows % 2 == 1, rows % 30, 1000 + rows // 2 % people).astype(str)
    result = compare_scores(scores(skill=0.2, identity=identity), scores(seed=1, skill=3.0, identity=identity))
    assert result.difference.value > 0.2
    assert result.difference.has_interval == judged
    (first, *_) = result.sentences("v1.0.0", "v1.0.1")
    assert ("v1.0.1 is better" in first) == judged
    assert ("too few groups of rows to say which is better" in first) != judged


def test_compare_scores_keeps_common_rows():
    first = scores().iloc[:200]
    second = scores().iloc[40:].copy()
    second.loc[second.index[:10], "probability"] = np.nan
    result = compare_scores(first, second)
    assert (result.n, result.only_first, result.only_second) == (150, 50, 40)


def test_compare_scores_tells_frames_of_a_film_apart():
    films = scores().assign(sha256="f" * 64, frame_time=np.arange(240) / 25)
    assert compare_scores(films, films).n == 240


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": [f"{k:064x}" for k in range(1000, 1240)]}, "share 0 of 240 and 240 test rows"),
        ({"label": "real"}, "not of both classes"),
    ],
)
def test_compare_scores_refuses(change, message):
    with pytest.raises(InputError, match=message):
        compare_scores(scores(**change), scores())


def test_compare_scores_without_columns():
    with pytest.raises(InputError, match="no column sha256"):
        compare_scores(scores().drop(columns="sha256"), scores())


def test_compare_scores_of_models_that_answer_nothing_are_compared_at_their_thresholds():
    first = scores(skill=0.5, threshold=0.4).assign(verdict="cannot tell")
    second = scores(seed=1, skill=1.5, threshold=0.6)
    second.loc[second.index[::4], "verdict"] = "cannot tell"
    result = compare_scores(first, second)
    assert (result.first_answered, result.second_answered, result.first_only_right) == (0, 0.75, 0)
    assert result.second_only_right == (second["verdict"] == second["label"]).sum()
    fake = first["label"] == "fake"
    right = [(frame["probability"] >= limit) == fake for frame, limit in ((first, 0.4), (second, 0.6))]
    assert result.first_only_right_at_threshold == (right[0] & ~right[1]).sum() > 0
    assert result.second_only_right_at_threshold == (right[1] & ~right[0]).sum() > 0
