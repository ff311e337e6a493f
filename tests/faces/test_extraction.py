"""Extraction: rows, files, order, reasons, the same result for any number of workers."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.manifest import validate_manifest
from aletheia.faces.crop import crop_face
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.detectors.blazeface import BlazeFace
from aletheia.faces.extraction import FACE_COLUMNS, extract_faces


@pytest.fixture(scope="module")
def folder(tmp_path_factory, portraits):
    """Eight portraits, one group image, and four files without a usable face."""
    root = tmp_path_factory.mktemp("pictures")
    for i, (image, _) in enumerate(portraits):
        cv2.imwrite(str(root / f"{i}.png"), image[..., ::-1])
    group = np.hstack([image for image, _ in portraits[:3]])
    cv2.imwrite(str(root / "group.png"), group[..., ::-1])
    cv2.imwrite(str(root / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    small = np.full((120, 120, 3), 110, np.uint8)
    small[40:80, 40:80] = cv2.resize(portraits[3][0], (40, 40), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(root / "small.png"), small[..., ::-1])
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (root / "copy.png").write_bytes((root / "2.png").read_bytes())
    return root


def manifest_of(folder, names):
    paths = [str(folder / name) for name in names]
    return pd.DataFrame({"path": paths, "label": "real", "identity": [f"id-{n}" for n in names]})


NAMES = [f"{i}.png" for i in range(8)]


def test_extract_faces_rows_and_crops(folder, tmp_path):
    extracted = extract_faces(manifest_of(folder, NAMES), tmp_path, CropConfig(size=96), workers=1, progress=False)
    faces = extracted.manifest
    assert len(faces) == 8 and extracted.skipped.empty
    assert set(FACE_COLUMNS) <= set(faces.columns)
    assert faces["identity"].tolist() == [f"id-{n}" for n in NAMES]  # in the manifest's order
    assert faces["original"].tolist() == [str(folder / n) for n in NAMES]
    assert sum(extracted.stages.values()) == 8
    validate_manifest(faces, check_files=True)
    detector = BlazeFace()
    for row in faces.itertuples():
        rgb = cv2.imread(row.original)[..., ::-1]
        face = detector.detect(np.ascontiguousarray(rgb))[0]
        np.testing.assert_allclose((row.face_x0, row.face_y0, row.face_x1, row.face_y1), face.box, atol=0.01)
        np.testing.assert_array_equal(cv2.imread(row.path)[..., ::-1], crop_face(rgb, face, 96))
        points = np.array([p.split(",") for p in row.face_keypoints.split(" ")], float)
        np.testing.assert_allclose(points, face.keypoints, atol=0.06)


def test_extract_faces_reasons(folder, tmp_path):
    names = ["broken.jpg", "0.png", "wall.png", "missing.png", "small.png", "2.png", "copy.png"]
    extracted = extract_faces(manifest_of(folder, names), tmp_path, workers=1, progress=False)
    assert extracted.manifest["identity"].tolist() == ["id-0.png", "id-2.png"]
    reasons = {Path(r.path).name: r.reason for r in extracted.skipped.itertuples()}
    assert reasons["broken.jpg"].startswith("unreadable: ")
    assert reasons["missing.png"].startswith("unreadable: ")
    assert reasons["wall.png"] == "no face found"
    assert "smaller than 32" in reasons["small.png"] or reasons["small.png"] == "no face found"
    assert reasons["copy.png"] == f"the same picture as {folder / '2.png'}"
    assert len(extracted.manifest) + len(extracted.skipped) == len(names)


@pytest.mark.parametrize("largest_only", [True, False])
def test_extract_faces_reason_of_uncut_face(folder, tmp_path, monkeypatch, largest_only):
    """Of the three faces of the group the largest has its keypoints in one place."""
    original = BlazeFace.detect_with_stage

    def detect(self, rgb):
        faces, stage = original(self, rgb)
        return [dataclasses.replace(faces[0], keypoints=np.full((6, 2), 30, np.float32)), *faces[1:]], stage

    monkeypatch.setattr(BlazeFace, "detect_with_stage", detect)
    config = CropConfig(policy="aligned", largest_only=largest_only)
    extracted = extract_faces(manifest_of(folder, ["group.png", "1.png"]), tmp_path, config, workers=1, progress=False)
    reasons = {Path(r.path).name: r.reason for r in extracted.skipped.itertuples()}
    left_out = "face that cannot be cut out: its keypoints coincide, so that it cannot be aligned"
    assert reasons == dict.fromkeys(["group.png", "1.png"] if largest_only else ["1.png"], left_out)
    assert extracted.manifest["face_index"].tolist() == ([] if largest_only else [1, 2])


def test_extract_faces_min_size(folder, tmp_path):
    extracted = extract_faces(
        manifest_of(folder, ["0.png"]), tmp_path, CropConfig(min_size=300), workers=1, progress=False
    )
    assert extracted.manifest.empty
    assert "smaller than 300" in extracted.skipped["reason"][0]
    assert set(FACE_COLUMNS) <= set(extracted.manifest.columns)


def test_extract_faces_all_of_an_image(folder, tmp_path):
    manifest = manifest_of(folder, ["group.png", "1.png"])
    every = extract_faces(manifest, tmp_path, CropConfig(largest_only=False), workers=1, progress=False).manifest
    assert every["face_index"].tolist() == [0, 1, 2, 0]
    sizes = (every["face_x1"] - every["face_x0"])[:3].to_numpy()
    assert (np.diff(np.round(sizes)) <= 0).all()
    largest = extract_faces(manifest, tmp_path, workers=1, progress=False).manifest
    assert largest["path"].tolist() == every["path"].iloc[[0, 3]].tolist()


def test_extract_faces_any_number_of_workers(folder, tmp_path):
    names = [
        *NAMES,
        "group.png",
        "wall.png",
        "broken.jpg",
        "small.png",
        "copy.png",
        *(f"x{i}" for i in range(6)),
    ]
    assert len(names) >= 16  # else no processes are started
    manifest = manifest_of(folder, names)
    results = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        extracted = extract_faces(manifest, out, workers=workers, progress=False)
        digests = [hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in extracted.manifest["path"]]
        results.append((extracted.manifest.assign(path=digests), extracted.skipped))
        assert not list(out.glob(".*"))  # no half-written file stays
    pd.testing.assert_frame_equal(results[0][0], results[1][0])
    pd.testing.assert_frame_equal(results[0][1], results[1][1])


def test_extract_faces_settings_share_a_folder(folder, tmp_path):
    manifest = manifest_of(folder, ["0.png"])
    a = extract_faces(manifest, tmp_path, CropConfig(size=64), workers=1, progress=False).manifest["path"][0]
    b = extract_faces(manifest, tmp_path, CropConfig(size=96), workers=1, progress=False).manifest["path"][0]
    again = extract_faces(manifest, tmp_path, CropConfig(size=64), workers=1, progress=False).manifest["path"][0]
    assert a == again != b
    assert cv2.imread(a).shape[0] == 64


@pytest.mark.parametrize(
    "options", [{"policy": "oval"}, {"size": 2}, {"margin": 9}, {"threshold": 1.5}, {"policy": "none"}]
)
def test_extract_faces_invalid_settings(folder, tmp_path, options):
    with pytest.raises(InputError):
        extract_faces(manifest_of(folder, ["0.png"]), tmp_path, CropConfig(**options), workers=1, progress=False)


def test_extract_faces_folder_cannot_be_made(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot make this folder"):
        extract_faces(manifest_of(folder, ["0.png"]), tmp_path / "file" / "crops", workers=1, progress=False)
