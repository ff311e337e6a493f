"""Two registered models side by side."""

from __future__ import annotations

import functools
import shutil
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.comparison import (
    compare_versions,
    comparison_sentences,
    fairness_differences,
    recipe_differences,
    scores_on,
    stored_scores,
)
from aletheia.models.spec import ModelSpec


def scores(seed: int, skill: float, n: int = 240) -> pd.DataFrame:
    """Rows of 24 people of two groups, the same for each seed; the second group's scores are higher."""
    rng = np.random.default_rng(seed)
    fake = np.arange(n) % 2 == 1
    group = np.arange(n) // 10 % 2
    p = 1 / (1 + np.exp(-rng.normal(size=n) - np.where(fake, skill, -skill) - group * seed))
    return pd.DataFrame(
        {
            "sha256": [f"{k:064x}" for k in range(n)],
            "label": np.where(fake, "fake", "real"),
            "identity": [f"p{k // 10}" for k in range(n)],
            "gender": np.where(group == 1, "female", "male"),
            "probability": p,
            "verdict": np.where(p >= 0.5, "fake", "real"),
        }
    )


@pytest.fixture
def evaluated(registry):
    """Two registered models; the runs of their evaluations left scores."""
    for seed, skill in ((0, 0.5), (1, 2.0)):
        version = registry.register(threshold=0.5 + seed / 10, seed=seed)
        uid, tree = uuid.uuid4().hex, uuid.uuid4().hex
        path = registry.folder / f"{uid}.parquet"
        scores(seed, skill).to_parquet(path)
        body = {"kind": "dataset", "metadata": {"key": "scores", "tree": tree}, "spec": {"target_path": str(path)}}
        url = f"/api/v2/projects/{registry.name}/artifacts/evaluate_scores"
        artifact = registry.http.put(url, params={"tree": tree}, json=body).json()["metadata"]["uid"]
        uri = f"store://datasets/{registry.name}/evaluate_scores#0@{tree}^{artifact}"
        run = {
            "metadata": {"name": "evaluate", "uid": uid},
            "status": {"state": "completed", "artifact_uris": {"scores": uri}},
        }
        registry.http.post(f"/api/v1/projects/{registry.name}/runs/{uid}", json=run).raise_for_status()
        registry.models[version] = uid
    catalog = registry.catalog()
    found = [catalog.find(version) for version in registry.models]
    for model in found:
        model.labels["evaluation"] = registry.models[model.version]
    return found, functools.partial(stored_scores, reader=registry.reader, project=registry.name)


def test_compare_versions_by_stored_scores(evaluated):
    (first, second), scores_of = evaluated
    result = compare_versions(first, second, scores_of)
    frames = scores(0, 0.5), scores(1, 2.0)
    y = frames[0]["label"] == "fake"
    assert result.scores.second_auc == pytest.approx(roc_auc_score(y, frames[1]["probability"]))
    assert result.scores.flipped == (frames[0]["verdict"] != frames[1]["verdict"]).sum() > 0
    assert list(result.recipe["name"]) == ["threshold", "seed"] and result.reasons == []
    sentences = " ".join(comparison_sentences(result))
    assert "v1.0.1 is better" in sentences and "Largest gap of fpr between groups by gender" in sentences
    values = result.to_dict()
    assert values["scores"]["n"] == 240 and {row["rate"] for row in values["gaps"]} == {"fpr", "fnr", "auc"}


def test_compare_versions_says_what_is_missing(evaluated):
    (first, second), scores_of = evaluated
    second.labels["evaluation"] = ""
    shutil.rmtree(first.folder)
    result = compare_versions(first, second, scores_of)
    assert result.scores is None and not len(result.recipe) and not len(result.gaps)
    assert len(result.reasons) == 2 and "--on SOURCE" in result.reasons[1] and "no model.json" in result.reasons[0]


def test_stored_scores_that_are_gone(evaluated, registry):
    (first, _), scores_of = evaluated
    for path in registry.folder.glob("*.parquet"):
        path.unlink()
    with pytest.raises(InputError, match="are gone"):
        scores_of(first)


def test_recipe_differences_name_fields():
    first = ModelSpec(architecture="a", input_size=64, data_hash="x", training={"epochs": 3, "lr": 0.1})
    second = first.model_copy(update={"data_hash": "y", "training": {"epochs": 4, "lr": 0.1}, "metrics": {"auc": 1.0}})
    rows = recipe_differences(first, second).to_dict("records")
    assert rows == [
        {"name": "training.epochs", "first": 3, "second": 4},
        {"name": "data_hash", "first": "x", "second": "y"},
    ]
    assert not len(recipe_differences(first, first))


def test_fairness_differences_use_each_threshold():
    frame = scores(1, 1.0)
    gaps = fairness_differences(frame, frame, thresholds=[0.5, 1.0]).set_index("rate")
    assert gaps.loc["fpr", "first"] > 0 and gaps.loc["fpr", "second"] == 0
    assert gaps.loc["auc", "first"] == gaps.loc["auc", "second"]
    without = frame.drop(columns="gender")
    assert not len(fairness_differences(without, without, thresholds=[0.5, 0.5]))


def test_scores_on_a_source(registry, brightness_bundle, crops):
    """Crops of black and white faces, scored by a model that knows brightness."""
    from aletheia.datasets.pipeline import load_dataset
    from aletheia.models.spec import read_spec

    version = registry.register_bundle(brightness_bundle, read_spec(brightness_bundle), "candidate")
    table = Path(crops[1]["path"][0]).parent / "manifest.parquet"
    crops[1].assign(path=[Path(path).name for path in crops[1]["path"]]).to_parquet(table)
    frame = scores_on(registry.catalog().find(version), data=load_dataset(str(table)), progress=False)
    assert {"sha256", "label", "probability", "verdict"} <= set(frame)
    assert set(frame["verdict"]) <= {"real", "fake"} and frame["probability"].notna().all()
