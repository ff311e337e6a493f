"""Faces of videos: one row a face and frame, with the video and the time."""

from __future__ import annotations

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
from aletheia.faces.extraction import extract_faces
from aletheia.imaging.video import read_frames


@pytest.fixture(scope="module")
def clips(tmp_path_factory, portraits, write_video) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    images = [np.ascontiguousarray(image[:256, :256]) for image, *_ in portraits[:3]]
    wall = np.full_like(images[0], 90)
    write_video(folder / "three.mp4", [image for image in images for _ in range(5)], crf=12)  # a second each
    write_video(folder / "empty.MOV", [wall] * 5)
    write_video(folder / "half.mkv", [images[0]] * 5 + [wall] * 5, crf=12)
    (folder / "broken.avi").write_bytes(b"RIFF but no more")
    cv2.imwrite(str(folder / "picture.png"), images[1][..., ::-1])
    return folder


NAMES = ["three.mp4", "empty.MOV", "picture.png", "half.mkv", "broken.avi"]


def manifest(folder: Path, names=NAMES, **columns) -> pd.DataFrame:
    return pd.DataFrame({"path": [str(folder / name) for name in names], "label": "real", **columns})


def test_extract_faces_video_rows(clips, tmp_path):
    extracted = extract_faces(
        manifest(clips, identity=list("abcde")), tmp_path, CropConfig(frames=6), workers=1, progress=False
    )
    faces = extracted.manifest
    assert [Path(p).name for p in faces["original"]] == ["three.mp4"] * 6 + ["picture.png"] + ["half.mkv"] * 3
    assert faces["identity"].tolist() == list("aaaaaacddd")
    np.testing.assert_allclose(faces["frame_time"][:6], [0.2, 0.6, 1.2, 1.6, 2.2, 2.6], atol=0.01)
    assert faces["frame_time"][7:].between(0, 1).all()
    assert faces["frame_time"].isna().tolist() == [False] * 6 + [True] + [False] * 3
    assert faces["video"].tolist() == [p if i != 6 else "" for i, p in enumerate(faces["original"])]
    assert faces["path"].is_unique
    validate_manifest(faces, check_files=True)
    reasons = {Path(r.path).name: r.reason for r in extracted.skipped.itertuples()}
    assert reasons["empty.MOV"] == "no face found in 5 frames"  # it has only five
    assert reasons["broken.avi"].startswith("unreadable: is no video")
    assert len(reasons) == 2

    detector = BlazeFace()
    for row, frame in zip(faces.itertuples(), read_frames(clips / "three.mp4", 6), strict=False):
        face = detector.detect(frame.rgb)[0]
        np.testing.assert_array_equal(cv2.imread(row.path)[..., ::-1], crop_face(frame.rgb, face, 128))
        np.testing.assert_allclose((row.face_x0, row.face_y0, row.face_x1, row.face_y1), face.box, atol=0.01)


def test_extract_faces_video_column_kept(clips, tmp_path):
    named = extract_faces(
        manifest(clips, ["three.mp4", "half.mkv"], video=["clip 7", ""]),
        tmp_path,
        CropConfig(frames=2),
        workers=1,
        progress=False,
    ).manifest
    assert named["video"].tolist() == ["clip 7", "clip 7", str(clips / "half.mkv")]


def test_extract_faces_video_repeatable(clips, tmp_path):
    first = extract_faces(manifest(clips), tmp_path, workers=1, progress=False)
    again = extract_faces(manifest(clips), tmp_path, workers=1, progress=False)
    assert again.resumed == len(NAMES)
    pd.testing.assert_frame_equal(first.manifest, again.manifest)
    pd.testing.assert_frame_equal(first.skipped, again.skipped)
    contents = [Path(p).read_bytes() for p in first.manifest["path"]]
    fewer = extract_faces(manifest(clips), tmp_path, CropConfig(frames=2), workers=1, progress=False)
    assert [Path(p).read_bytes() for p in first.manifest["path"]] == contents
    assert fewer.resumed == 0 and len(fewer.manifest) < len(first.manifest)


def test_extract_faces_video_duplicate(clips, tmp_path):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes((clips / "three.mp4").read_bytes())
    both = pd.DataFrame({"path": [str(clips / "three.mp4"), str(copy)], "label": "real"})
    extracted = extract_faces(both, tmp_path / "out", CropConfig(frames=3), workers=1, progress=False)
    assert len(extracted.manifest) == 3
    assert extracted.skipped["reason"].tolist() == [f"the same picture as {clips / 'three.mp4'}"]


@pytest.mark.parametrize("frames", [0, 10_001])
def test_extract_faces_frames_out_of_range(clips, tmp_path, frames):
    with pytest.raises(InputError, match="frames"):
        extract_faces(manifest(clips), tmp_path, CropConfig(frames=frames), progress=False)
