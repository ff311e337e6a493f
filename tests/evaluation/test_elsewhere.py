"""Pictures from elsewhere, cut out and saved as those of the training."""

from __future__ import annotations

import pandas as pd
import pytest

from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.core.errors import InputError
from aletheia.datasets.pipeline import Dataset, Faces
from aletheia.evaluation.elsewhere import are_crops, faces_as_in_training, saved_as_in_training
from aletheia.faces.crop_config import CropConfig

SKIPPED = pd.DataFrame({"path": ["a.txt", "b.txt"], "reason": "no picture"})


def test_faces_as_in_training_takes_crops_as_they_are(crops):
    faces, left_out = faces_as_in_training(Dataset(crops[1], crops[1].iloc[:0], SKIPPED), CropConfig())
    assert faces is crops[1] and left_out == 2 and are_crops(faces)


def test_faces_as_in_training_accepts_one_class(crops, tmp_path, monkeypatch):
    """Genuine faces alone are cut out and saved alike, too; a remedy that leaves none of a class is refused."""
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path))
    genuine = crops[1][crops[1]["label"] == "real"].reset_index(drop=True)
    cut = Faces(genuine, genuine.iloc[:0], SKIPPED, {})
    seen = {}
    monkeypatch.setattr(
        "aletheia.evaluation.elsewhere.extract_dataset_faces", lambda *_, **more: seen.update(more) or cut
    )
    data = Dataset(genuine[["path", "label"]], genuine.iloc[:0], SKIPPED)
    faces, _ = faces_as_in_training(data, CropConfig(quality=(70, 80)), progress=False)
    assert len(faces) == 30 and seen["one_class"] and not set(faces["path"]) & set(genuine["path"])
    with pytest.raises(InputError, match="use fewer"):
        apply_remedies(crops[1], crops[1].iloc[:0], Remedies.parse(["drop=label=fake"]), progress=False)


def test_saved_as_in_training(crops, tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path))
    faces = crops[1].head(6)
    assert saved_as_in_training(faces, CropConfig(), 1) is faces
    saved = saved_as_in_training(faces, CropConfig(quality=(70, 80), resolution=16), 1)
    remedied = apply_remedies(faces, faces.iloc[:0], Remedies(quality=(70, 80), resolution=16), seed=1).faces
    assert saved.path.tolist() == remedied.path.tolist() and not set(saved.path) & set(faces.path)
