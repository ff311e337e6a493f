"""Planted faults are the ones that they are named after, and change nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.fault_injection import saved_again, shared_duplicates, shared_identities, swapped_labels
from aletheia.datasets.leakage import check_leakage
from aletheia.datasets.validation import validate_manifest
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import extract_faces
from aletheia.imaging.reading import probe_image


@pytest.fixture(scope="module")
def faces(tmp_path_factory, portraits):
    folder = tmp_path_factory.mktemp("images")
    rows = []
    for k, (image, *_) in enumerate(portraits[:6]):
        cv2.imwrite(str(folder / f"{k}.png"), image[..., ::-1])
        rows.append({"path": str(folder / f"{k}.png"), "label": ("real", "fake")[k % 2], "identity": f"p{k // 2}"})
    manifest = validate_manifest(pd.DataFrame(rows)).assign(split="test", source="cam-a")
    config = CropConfig(size=64, margin=0.1)
    extracted = extract_faces(manifest, folder / "crops", config, workers=1, progress=False).manifest
    return extracted.assign(generator=np.where(extracted["label"] == "fake", "swap", ""))


def test_saved_again(faces, tmp_path):
    fake = (faces["label"] == "fake").to_numpy()
    out = saved_again(faces, fake, tmp_path / "again", quality=55)
    pd.testing.assert_frame_equal(out[~fake], faces[~fake])
    for row, before in zip(out[fake].itertuples(), faces[fake].itertuples(), strict=True):
        properties = probe_image(row.original)
        assert (properties.format, properties.jpeg_quality) == (row.format, row.jpeg_quality) == ("jpeg", 55)
        difference = cv2.imread(row.path).astype(int) - cv2.imread(before.path)
        assert 0 < np.abs(difference).mean() < 10


def test_shared_identities(faces):
    leaking = shared_identities(faces, count=2)
    assert (leaking["split"] == "train").sum() == 2
    assert set(check_leakage(leaking)["kind"]) == {"identity"}
    with pytest.raises(InputError, match="No person has two faces"):
        shared_identities(faces.drop_duplicates("identity"))


def test_shared_duplicates(faces, tmp_path):
    leaking = shared_duplicates(faces, tmp_path / "copies", count=3)
    copies = leaking.iloc[len(faces) :]
    assert len(copies) == 3 and set(copies["split"]) == {"train"}
    assert not set(copies["identity"]) & set(faces["identity"])
    assert not set(copies["path"]) & set(faces["path"])


def test_swapped_labels(faces):
    out = swapped_labels(faces.assign(source=["a", "a", "a", "b", "b", "b"]), "a")
    assert out["label"].tolist() == ["fake", "real", "fake", "fake", "real", "fake"]
    assert out["generator"].tolist() == ["unknown", "", "unknown", "swap", "", "swap"]
    with pytest.raises(InputError, match="no source 'c'; there are cam-a"):
        swapped_labels(faces, "c")
