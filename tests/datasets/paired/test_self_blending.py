"""Forgeries made of genuine photographs alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.datasets.ingest import load_source
from aletheia.datasets.paired.self_blending import blend_face, blend_folder, landmarks_of
from aletheia.datasets.split import split_manifest
from aletheia.datasets.synthetic.forgeries import face_mask
from aletheia.faces.detectors.blazeface import BlazeFace

UPRIGHT = np.array([(40, 50), (80, 50), (60, 70), (60, 88), (22, 58), (98, 58)], float)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, portraits):
    root = tmp_path_factory.mktemp("genuine")
    (root / "camera").mkdir()
    for index, (image, *_) in enumerate(portraits[:5]):
        cv2.imwrite(str(root / "camera" / f"{index}.png"), image[..., ::-1])
    cv2.imwrite(str(root / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    (root / "broken.jpg").write_bytes(b"no picture")
    return root


def test_landmarks_of_outline_contains_features():
    hull = cv2.convexHull(np.concatenate(list(landmarks_of(UPRIGHT).values())).astype(np.float32))
    for x, y in UPRIGHT[:4]:
        assert cv2.pointPolygonTest(hull, (float(x), float(y)), True) >= 0
    assert hull[..., 1].max() > 100 and hull[..., 1].min() < 45  # from above the eyes to the chin


def test_landmarks_of_rotation():
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright, turned = landmarks_of(UPRIGHT), landmarks_of(UPRIGHT @ turn.T)
    for name, points in upright.items():
        np.testing.assert_allclose(turned[name], points @ turn.T, atol=1e-9)


def test_blend_face_inner_face_only(portraits):
    changed = []
    for seed, (picture, *_) in enumerate(portraits[:5]):
        face = BlazeFace().detect(picture)[0]
        forged = blend_face(picture, face, np.random.default_rng(seed))
        assert forged.shape == picture.shape and forged.dtype == np.uint8
        difference = np.abs(forged.astype(int) - picture).max(axis=2)
        inner = face_mask(picture.shape[:2], landmarks_of(face.keypoints), np.random.default_rng(0), grow=1.0)
        reach = cv2.dilate(inner, np.ones((3, 3)), iterations=round(0.2 * face.size))
        assert difference[reach == 0].max() == 0
        changed.append((difference[inner > 0] > 2).mean())
    assert np.mean(changed) > 0.4


def test_blend_folder_files_alike(folder, tmp_path):
    blended = blend_folder(folder, tmp_path / "out", progress=False)
    rows = pd.read_csv(blended.manifest)
    assert blended.pairs == 5 and len(rows) == 10
    assert {Path(path).name: reason.split(":")[0] for path, reason in blended.skipped} == {
        "wall.png": "no face of 48 pixels found",
        "broken.jpg": "unreadable",
    }
    assert pd.read_csv(tmp_path / "out" / "skipped.csv")["path"].tolist() == [path for path, _ in blended.skipped]
    for _, pair in rows.groupby("pair"):
        assert pair["label"].tolist() == ["real", "fake"]
        assert pair["source"].tolist() == ["camera", "camera"]
        real, fake = (Image.open(tmp_path / "out" / path) for path in pair["path"])
        assert real.size == fake.size and real.quantization == fake.quantization
        assert np.abs(np.asarray(real, int) - np.asarray(fake)).max() > 10


def test_blend_folder_pairs_stay_together(folder, tmp_path):
    manifest = blend_folder(folder, tmp_path / "out", progress=False).manifest
    found = load_source(manifest, progress=False).manifest
    assert found["generator"].value_counts().to_dict() == {"": 5, "self-blended": 5}
    many = pd.concat(
        [found.assign(path=found["path"] + str(i), pair=found["pair"] + str(i), phash=0) for i in range(12)],
        ignore_index=True,
    )
    many["phash"] = np.random.default_rng(0).integers(0, 2**63, len(many)).astype(np.uint64)
    split = split_manifest(many, seed=0)
    assert (split.groupby("pair")["split"].nunique() == 1).all()
    assert split["split"].nunique() == 3


def test_blend_folder_repeatable(folder, tmp_path):
    first = blend_folder(folder, tmp_path / "a", progress=False).manifest.parent
    (tmp_path / "few" / "camera").mkdir(parents=True)
    shutil.copy(folder / "camera" / "3.png", tmp_path / "few" / "camera")
    alone = blend_folder(tmp_path / "few", tmp_path / "b", progress=False).manifest.parent
    again = blend_folder(folder, tmp_path / "c", progress=False).manifest.parent
    other = blend_folder(folder, tmp_path / "d", seed=1, progress=False).manifest.parent
    (single,) = (alone / "fake").rglob("*.jpg")
    assert single.read_bytes() == (first / single.relative_to(alone)).read_bytes()
    forgeries = sorted((first / "fake").rglob("*.jpg"))
    assert len(forgeries) == 5
    for path in forgeries:
        name = path.relative_to(first)
        assert path.read_bytes() == (again / name).read_bytes()
        assert path.read_bytes() != (other / name).read_bytes()
        real = str(name).replace("fake", "real", 1)
        assert (first / real).read_bytes() == (other / real).read_bytes()


def test_blend_command(folder, tmp_path):
    told = CliRunner().invoke(app, ["data", "self-blend", str(folder), str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    assert "5 genuine pictures" in told.output and "2 left out" in told.output
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for source, out, words in (
        ("missing", "o", "no such folder"),
        ("empty", "o", "no usable face in 0 images"),
    ):
        with pytest.raises(InputError, match=words):
            blend_folder(tmp_path / source, tmp_path / out, progress=False)
    with pytest.raises(InputError, match="cannot be written"):
        blend_folder(folder, tmp_path / "file" / "out", progress=False)


def test_blend_folder_takes_no_split_for_a_source(tmp_path, portraits):
    for name, index in (("train/camera/a.png", 0), ("train/b.png", 1)):
        (tmp_path / "genuine" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "genuine" / name), portraits[index][0][..., ::-1])
    rows = pd.read_csv(blend_folder(tmp_path / "genuine", tmp_path / "out", progress=False).manifest)
    assert dict(zip(rows["pair"], rows["source"], strict=True)) == {
        "train/camera/a.png": "camera",
        "train/b.png": "genuine",
    }
