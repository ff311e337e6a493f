"""From one file to its crops."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from aletheia.faces.crop_config import CropConfig
from aletheia.faces.detectors.blazeface import BlazeFace
from aletheia.faces.worker import CRASHED, FaceExtractor


@pytest.fixture
def extractor(tmp_path):
    return FaceExtractor(CropConfig(size=64, min_size=100), BlazeFace, str(tmp_path))


def test_extractor_names_crops_after_content_and_settings(extractor, portraits, tmp_path):
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), portraits[0][0][..., ::-1])
    result = extractor(str(image))
    digest = hashlib.sha256(image.read_bytes() + b'[64, "scale", 0.2, 0.75]').hexdigest()[:24]
    assert [face.crop for face in result.faces] == [str(tmp_path / f"{digest}-0.png")]
    assert cv2.imread(result.faces[0].crop).shape == (64, 64, 3)
    assert (result.reason, result.faces[0].index) == ("", 0)


def test_extractor_too_small(extractor, portraits, tmp_path):
    small = np.full((300, 300, 3), 110, np.uint8)
    small[90:190, 90:190] = cv2.resize(portraits[0][0], (100, 100), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "small.png"), small[..., ::-1])
    result = extractor(str(tmp_path / "small.png"))
    assert result.faces == [] and "smaller than 100" in result.reason


def test_extractor_unreadable(extractor, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    result = extractor(str(tmp_path / "text.jpg"))
    assert result.stage == "unreadable" and result.reason.startswith("unreadable: ")
    assert extractor.on_crash("any.png").stage == CRASHED
