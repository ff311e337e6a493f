"""Reconstructed pictures: no network sees the person that it gives back, resuming, and delivery."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.paired import reconstruction
from aletheia.datasets.paired.genuine import Genuine, list_genuine
from aletheia.datasets.paired.reconstruction import assign_folds, reconstruct_faces

FEW = {"families": ("nearest", "vae"), "steps": 3, "width": 4, "progress": False}


def test_folds_keep_people_together():
    pictures = [Genuine(f"{k}.png", Path(f"{k}.png"), "camera", {"identity": f"p{k // 3}"}) for k in range(30)]
    pictures += [Genuine(f"v{k}.png", Path(f"v{k}.png"), "camera", {"video": "clip"}) for k in range(3)]
    folds = assign_folds(pictures, seed=0)
    people = pd.DataFrame({"person": [*(k // 3 for k in range(30)), *[99] * 3], "fold": folds})
    assert (people.groupby("person")["fold"].nunique() == 1).all()
    assert people.drop_duplicates("person")["fold"].value_counts().tolist() in ([6, 5], [5, 6])
    assert assign_folds(pictures, seed=1) != folds
    with pytest.raises(InputError, match="one person"):
        assign_folds(pictures[:3], seed=0)


@pytest.mark.slow
def test_networks_are_trained_on_others(genuine, tmp_path, monkeypatch):
    trained: list[set[str]] = []
    cut = reconstruction.training_patches

    def recorded(pictures, rng):
        trained.append({picture.person for picture in pictures})
        return cut(pictures, rng)

    monkeypatch.setattr(reconstruction, "training_patches", recorded)
    reconstruct_faces(genuine, tmp_path / "out", **FEW)
    pictures, _ = list_genuine(genuine)
    folds = assign_folds(pictures, seed=0)
    assert len(trained) == 2
    for fold, people in enumerate(trained):
        own = {picture.person for picture, number in zip(pictures, folds, strict=True) if number == fold}
        assert own and people and own.isdisjoint(people)


@pytest.mark.slow
def test_pairs_are_delivered_alike_and_stay_together(genuine, tmp_path):
    made = reconstruct_faces(genuine, tmp_path / "out", **FEW)
    rows = pd.read_csv(made.manifest, keep_default_na=False)
    assert made.pairs == 8 and len(made.skipped) == 2
    assert rows["generator"].value_counts().to_dict() == {"": 8, "reconstruct-nearest": 4, "reconstruct-vae": 4}
    for real, fake in zip(rows.iloc[::2].itertuples(), rows.iloc[1::2].itertuples(), strict=True):
        a, b = (Image.open(made.manifest.parent / one.path) for one in (real, fake))
        assert a.size == b.size and a.quantization == b.quantization
        assert real.pair == fake.pair and real.identity == fake.identity
        assert np.abs(np.asarray(a, int) - np.asarray(b)).mean() > 1
    assert len(set(connected_groups(rows))) == 7  # two of the pictures are one person's


@pytest.mark.slow
def test_same_seed_same_bytes_and_trained_networks_are_kept(genuine, tmp_path, monkeypatch):
    first = reconstruct_faces(genuine, tmp_path / "a", **FEW).manifest.parent
    train, calls = reconstruction.train_autoencoder, []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(*args, **kwargs)

    monkeypatch.setattr(reconstruction, "train_autoencoder", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reconstruct_faces(genuine, tmp_path / "b", **FEW)
    assert reconstruct_faces(genuine, tmp_path / "b", **FEW).resumed == 0
    assert len(calls) == 3 + 2
    assert reconstruct_faces(genuine, tmp_path / "b", **FEW).resumed == 8 and len(calls) == 5
    for path in (*first.rglob("*.jpg"), *first.rglob("*.csv"), *first.rglob("*.safetensors")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(first)).read_bytes(), path
    plain = reconstruct_faces(genuine, tmp_path / "b", **FEW, texture=False)
    assert plain.resumed == 0 and len(calls) == 5  # the networks do not depend on it
    fake = next((tmp_path / "b" / "fake").rglob("*.jpg"))
    assert fake.read_bytes() != (first / fake.relative_to(tmp_path / "b")).read_bytes()


def test_wrong_settings_are_refused(genuine, tmp_path):
    with pytest.raises(InputError, match="no family diffusion; choose among transposed"):
        reconstruct_faces(genuine, tmp_path / "out", families=["diffusion"], progress=False)
    with pytest.raises(InputError, match="steps is 0"):
        reconstruct_faces(genuine, tmp_path / "out", steps=0, progress=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no usable face in 0 images"):
        reconstruct_faces(tmp_path / "empty", tmp_path / "out", progress=False)
