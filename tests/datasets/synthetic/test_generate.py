"""The data set as a whole: shares, groups, reproducibility, no shortcut, detectable faces."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from aletheia.core.errors import InputError
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.synthetic.generate import generate_dataset
from aletheia.datasets.synthetic.plan import draw_image, plan_dataset
from aletheia.faces.detectors.blazeface import BlazeFace

from ...waiting import wait_for


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    path = generate_dataset(folder, n=60, pool=12, seed=4, workers=1, progress=False)
    return folder, read_manifest(path), read_manifest(folder / "pool.parquet")


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.jpg"))
    }


def shortcut_auc(df: pd.DataFrame, groups: np.ndarray) -> float:
    features = np.c_[
        df["width"], df["height"], df["jpeg_quality"], df["chroma"] == "4:4:4", df["progressive"],
        df["file_bytes"] / (df["width"] * df["height"]),
    ]  # fmt: skip
    model = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.05, min_samples_leaf=10)
    fake = (df["label"] == "fake").to_numpy()
    scores = cross_val_predict(model, features, fake, groups=groups, cv=GroupKFold(5), method="predict_proba")
    return roc_auc_score(fake, scores[:, 1])


def test_generate_dataset_counts_and_columns(data_set):
    folder, main, pool = data_set
    assert len(main) == 60
    assert (main["label"] == "real").sum() == 11  # 18 %
    assert set(main["generator"]) == {"", "self-blended", "face-swap", "upsampled"}
    assert ((main["generator"] == "") == (main["label"] == "real")).all()
    assert len(pool) == 12
    assert (pool["label"] == "real").all()
    assert set(main["source"]) == {"cam-a"}
    assert set(pool["source"]) == {"cam-b"}
    for column in ("gender", "age", "skin_tone", "identity"):
        assert (main[column] != "").all()
    assert all(Path(path).is_file() for path in main["path"])
    assert {Path(p).relative_to(folder).parts[0] for p in main["path"]} == {"real", "fake"}


def test_generate_dataset_pairs(data_set):
    _, main, pool = data_set
    swaps = main[main["generator"] == "face-swap"]
    assert len(swaps)
    for row in swaps.itertuples():
        target, donor = row.pair.split("|")
        assert target == row.identity != donor
    assert (main.loc[main["generator"] != "face-swap", "pair"] == "").all()
    both = pd.concat([main, pool], ignore_index=True)
    sizes = pd.Series(connected_groups(both)).groupby(both["identity"]).agg(set)
    assert len(set(connected_groups(main))) == main["identity"].nunique() // 2  # pairs, not one lump
    assert all(len(groups) == 1 for groups in sizes)
    assert not set(main["identity"]) & set(pool["identity"])


@pytest.mark.slow
def test_generate_dataset_any_number_of_workers(data_set, tmp_path):
    folder, main, _ = data_set
    path = generate_dataset(tmp_path / "again", n=60, pool=12, seed=4, workers=2, progress=False)
    assert digests(tmp_path / "again") == digests(folder)
    again = read_manifest(path)
    pd.testing.assert_frame_equal(again.drop(columns="path"), main.drop(columns="path"))


def test_generate_dataset_seeds(data_set):
    jobs, other = plan_dataset(60, 12, 4), plan_dataset(60, 12, 5)
    assert draw_image(jobs[0], jobs[0].images[0]) != draw_image(other[0], other[0].images[0])


@pytest.mark.slow
def test_generate_dataset_reused_or_redone(tmp_path):
    folder = tmp_path / "set"
    path = generate_dataset(folder, n=30, pool=2, seed=1, workers=1, progress=False)
    before = digests(folder)
    stamp = path.stat().st_mtime_ns
    generate_dataset(folder, n=30, pool=2, seed=1, workers=1, progress=False)
    assert path.stat().st_mtime_ns == stamp
    next(folder.rglob("*.jpg")).unlink()
    generate_dataset(folder, n=30, pool=2, seed=1, workers=1, progress=False)
    assert digests(folder) == before
    generate_dataset(folder, n=30, pool=2, seed=2, workers=1, progress=False)
    assert digests(folder) != before
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.slow
def test_generate_dataset_killed(tmp_path):
    folder = tmp_path / "set"
    code = (
        "from aletheia.datasets.synthetic import generate_dataset\n"
        f"generate_dataset({str(folder)!r}, n=20_000, pool=10, seed=1, workers=1, progress=False)"
    )
    child = subprocess.Popen([sys.executable, "-c", code])
    wait_for(lambda: any(tmp_path.rglob("*.jpg")))
    child.kill()
    child.wait()
    assert not folder.exists()
    assert any(tmp_path.glob(".set.partial-*"))
    generate_dataset(folder, n=30, pool=1, seed=1, workers=1, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("numbers", [{"n": 29}, {"pool": 0}, {"seed": -1}])
def test_generate_dataset_invalid_numbers(tmp_path, numbers):
    with pytest.raises(InputError, match="needs n >= 30"):
        generate_dataset(tmp_path / "set", **{"n": 30, "pool": 1, **numbers}, progress=False)


def test_generate_dataset_foreign_folder(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not empty"):
        generate_dataset(tmp_path, n=30, pool=1, progress=False)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(InputError, match="is a file"):
        generate_dataset(tmp_path / "thesis.txt", n=30, pool=1, progress=False)


@pytest.mark.slow
def test_generate_dataset_faces_are_detected(data_set):
    from aletheia.imaging.reading import read_image

    _, main, pool = data_set
    detector = BlazeFace()
    found = [bool(detector.detect(read_image(p))) for p in [*main["path"], *pool["path"]]]
    assert np.mean(found) >= 0.95


def test_plan_dataset_labels_skewed_by_group():
    images = [
        (job.people[p.person], bool(p.generator))
        for seed in range(3)
        for job in plan_dataset(1000, 2, seed)
        if job.source == "cam-a"
        for p in job.images
    ]
    dark = np.array([person.monk >= 7 for person, _ in images])
    fake = np.array([is_fake for _, is_fake in images])
    assert fake.mean() == pytest.approx(0.82)
    assert 0.1 < dark.mean() < 0.3
    assert fake[dark].mean() > fake[~dark].mean() + 0.05


@pytest.mark.slow
def test_generate_dataset_of_any_person(tmp_path):
    """No shortcut in file properties, faces found in every group."""
    from aletheia.imaging.reading import read_image

    path = generate_dataset(tmp_path / "set", n=360, pool=100, seed=0, workers=min(2, os.cpu_count() or 1))
    main, pool = read_manifest(path), read_manifest(path.with_name("pool.parquet"))
    both = pd.concat([main, pool], ignore_index=True)
    groups = connected_groups(both)
    assert shortcut_auc(main, groups[: len(main)]) <= 0.60
    assert shortcut_auc(both, groups) <= 0.60
    assert len(set(groups[: len(main)])) >= 15
    detector = BlazeFace()
    found = pd.Series([bool(detector.detect(read_image(p))) for p in both["path"]])
    assert found.groupby(both["skin_tone"]).mean().min() >= 0.95
    assert json.loads((tmp_path / "set" / "synthetic.json").read_text())["n"] == 360
