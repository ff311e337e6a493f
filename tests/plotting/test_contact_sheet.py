"""The contact sheet shows every kind once, and survives what cannot be read."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.plotting.contact_sheet import augmentation_sheet, face_sheet, png, reason_kinds, rejected_sheet


@pytest.fixture
def manifest(tmp_path) -> pd.DataFrame:
    rows = []
    for i, (label, generator, colour) in enumerate(
        [("real", "", (255, 0, 0)), ("fake", "a", (0, 255, 0)), ("fake", "b", (0, 0, 255))]
    ):
        path = tmp_path / f"{i}.png"
        Image.new("RGB", (30, 30), colour).save(path)
        rows.append({"path": str(path), "label": label, "source": "camera", "generator": generator})
    return pd.DataFrame(rows)


def test_face_sheet_lines(manifest):
    sheet = np.asarray(face_sheet(manifest, per_kind=2, size=32))
    assert sheet.shape == (3 * 52, 64, 3)
    for line, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        assert tuple(sheet[line * 52 + 20 + 16, 16]) == colour
        assert tuple(sheet[line * 52 + 20 + 16, 48]) == (255, 255, 255)  # one face only


def test_face_sheet_unreadable(manifest, tmp_path):
    (tmp_path / "1.png").write_bytes(b"no image")
    sheet = np.asarray(face_sheet(manifest, per_kind=1, size=32))
    assert tuple(sheet[52 + 20 + 16, 16]) == (128, 128, 128)
    assert Image.open(io.BytesIO(png(Image.fromarray(sheet)))).size == (32, 156)


def test_face_sheet_empty(manifest):
    with pytest.raises(InputError, match="no rows"):
        face_sheet(manifest.iloc[:0])


def test_rejected_sheet_lines(manifest, tmp_path, write_video):
    clip = write_video(tmp_path / "clip.mp4", [np.full((48, 64, 3), (200, 200, 0), np.uint8)] * 5)
    reasons = ["face of 12 pixels, smaller than 32", "face of 30 pixels, smaller than 32", "unreadable: 3 bytes"]
    skipped = pd.DataFrame({"path": manifest["path"], "reason": reasons})
    skipped.loc[3] = [str(clip), "no face found in 16 frames"]
    sheet = np.asarray(rejected_sheet(skipped, per_kind=2, size=32))
    assert sheet.shape == (3 * 52, 64, 3)  # too small, unreadable, none in a video
    assert tuple(sheet[52 + 36, 16]) == (128, 128, 128)  # not read again: it may have killed its reader
    first_line = {tuple(sheet[36, column]) for column in (16, 48)}
    assert first_line == {(255, 0, 0), (0, 255, 0)}
    yellow = np.abs(sheet.reshape(-1, 3).astype(int) - (200, 200, 0)).max(axis=1) < 12
    assert yellow.sum() > 900  # a video is shown by a frame


def test_reason_kinds():
    reasons = pd.Series(
        ["unreadable: broken data stream", "has the same bytes as /x/y", "face of 3 pixels, smaller than 32", "empty"]
    )
    assert reason_kinds(reasons).tolist() == [
        "unreadable",
        "has the same bytes as",
        "face of … pixels, smaller than …",
        "empty",
    ]


@pytest.mark.parametrize("augmentation", ["none", "light", "albumentations"])
def test_augmentation_sheet(tmp_path, augmentation):
    rng = np.random.default_rng(0)
    for index in range(3):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / f"{index}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    frame = pd.DataFrame({"path": sorted(map(str, tmp_path.glob("*.png")))})
    sheet = np.asarray(augmentation_sheet(frame, 40, augmentation, faces=3, draws=4))
    assert sheet.shape == (120, 200, 3)
    originals = {np.asarray(Image.open(path)).tobytes() for path in frame["path"][:3]}
    assert {np.ascontiguousarray(sheet[k * 40 : k * 40 + 40, :40]).tobytes() for k in range(3)} == originals
    same = (sheet[:, 40:].reshape(120, 4, 40, 3) == sheet[:, None, :40]).all(axis=(0, 2, 3))
    assert same.tolist() == [augmentation == "none"] * 4
    again = np.asarray(augmentation_sheet(frame, 40, augmentation, faces=3, draws=4))
    np.testing.assert_array_equal(sheet, again)
