"""Pictures from elsewhere, cut out and saved as those of the training."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.core.errors import InputError
from aletheia.datasets.pipeline import Dataset, Faces, extract_dataset_faces
from aletheia.datasets.validation import validate_manifest
from aletheia.evaluation.elsewhere import are_crops, faces_as_in_training, saved_as_in_training, shrunk_as_in_answers
from aletheia.faces.crop_config import CropConfig
from aletheia.imaging.transforms import resize_rgb
from aletheia.inference.predictor import Predictor
from aletheia.models.bundle import load_bundle
from aletheia.models.scoring import predict_manifest
from aletheia.models.spec import AbstentionSpec, ModelSpec, read_spec, write_spec

LARGEST = 50.0  # pixels a side, of the faces of a training


def _spec(**crop) -> ModelSpec:
    return ModelSpec(architecture="attention_cnn", input_size=32, crop=CropConfig(**crop))


def _pixels(path: str) -> np.ndarray:
    return cv2.imread(path).astype(np.float64)


SKIPPED = pd.DataFrame({"path": ["a.txt", "b.txt"], "reason": "no picture"})


def test_faces_as_in_training_takes_crops_as_they_are(crops):
    faces, left_out = faces_as_in_training(Dataset(crops[1], crops[1].iloc[:0], SKIPPED), _spec())
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
    faces, _ = faces_as_in_training(data, _spec(quality=(70, 80)), progress=False)
    assert len(faces) == 30 and seen["one_class"] and not set(faces["path"]) & set(genuine["path"])
    with pytest.raises(InputError, match="use fewer"):
        apply_remedies(crops[1], crops[1].iloc[:0], Remedies.parse(["drop=label=fake"]), progress=False)


@pytest.fixture
def small_faced(random_bundle, tmp_path) -> Path:
    """A model with rules by which faces of more than `LARGEST` pixels are larger than all of its training."""
    shutil.copytree(random_bundle, tmp_path / "model")
    spec = read_spec(tmp_path / "model")
    rules = AbstentionSpec(alpha=0.1, real_upper=0.4, fake_lower=0.4, ranges={"face_size": (10.0, LARGEST)})
    # Larger than the crop of the largest face (75 pixels), so that what is shrunk loses something.
    crop = spec.crop.model_copy(update={"size": 128})
    write_spec(tmp_path / "model", spec.model_copy(update={"abstention": rules, "crop": crop}))
    return tmp_path / "model"


@pytest.fixture
def pictures(portraits, tmp_path, monkeypatch) -> Dataset:
    """Pictures with a face of 120 pixels and more, and one with a face below `LARGEST`."""
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path / "data"))
    images = [portraits[0][0], portraits[1][0], np.ascontiguousarray(resize_rgb(portraits[2][0], 80))]
    paths = [tmp_path / f"{i}.png" for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(str(path), image[..., ::-1])
    rows = pd.DataFrame({"path": list(map(str, paths)), "label": ["real", "fake", "real"]})
    return Dataset(validate_manifest(rows), rows.iloc[:0], SKIPPED.iloc[:0])


def test_faces_as_in_training_scores_large_faces_as_answered(small_faced, pictures):
    """The probability of a picture is the same whether a user asks for it or an evaluation measures it."""
    network, spec = load_bundle(small_faced)
    detector = Predictor(small_faced)
    answers = [face for path in pictures.main["path"] for face in detector.predict(path).faces]
    assert sum(max(np.subtract(face.box[2:], face.box[:2])) > LARGEST for face in answers) == 2 and len(answers) == 3
    asked = [face.probability for face in answers]
    faces, _ = faces_as_in_training(pictures, spec, progress=False)
    assert predict_manifest(network, spec, faces, progress=False) == pytest.approx(asked, abs=1e-4)
    again, _ = faces_as_in_training(pictures, spec, progress=False)  # from the journal
    assert again["path"].tolist() == faces["path"].tolist()
    # Cut out without regard to the model: the large faces are too sharp until the crops are shrunk.
    cut = extract_dataset_faces(pictures, spec.crop, progress=False)
    crops, left_out = faces_as_in_training(Dataset(cut.main, cut.pool, SKIPPED.iloc[:0]), spec)
    right, sharp, shrunk = (list(map(_pixels, rows["path"])) for rows in (faces, cut.main, crops))
    for row in (0, 1):
        assert np.abs(shrunk[row] - right[row]).mean() < 0.5 * np.abs(sharp[row] - right[row]).mean()
    assert left_out == 0 and crops["path"].iloc[2] == cut.main["path"].iloc[2]
    assert (sharp[2] == right[2]).all()


def test_shrunk_as_in_answers_counts_unreadable_crops(small_faced, pictures):
    spec = read_spec(small_faced)
    cut = extract_dataset_faces(pictures, spec.crop, progress=False).main
    Path(cut["path"].iloc[0]).write_bytes(b"")
    faces, unread = shrunk_as_in_answers(cut, spec)
    assert unread == 1 and len(faces) == 2


def test_saved_as_in_training(crops, tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path))
    faces = crops[1].head(6)
    assert saved_as_in_training(faces, CropConfig(), 1) is faces
    saved = saved_as_in_training(faces, CropConfig(quality=(70, 80), resolution=16), 1)
    remedied = apply_remedies(faces, faces.iloc[:0], Remedies(quality=(70, 80), resolution=16), seed=1).faces
    assert saved.path.tolist() == remedied.path.tolist() and not set(saved.path) & set(faces.path)
