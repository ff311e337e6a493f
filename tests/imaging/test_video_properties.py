"""Videos among the files of a source."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from aletheia.core.settings import get_settings
from aletheia.datasets.ingest import load_source
from aletheia.imaging.reading import perceptual_hash
from aletheia.imaging.video import UnreadableVideoError, read_frames
from aletheia.imaging.video_properties import examine_video


@pytest.fixture
def clip(face_folder, write_video):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (10, 8, 12, 3), np.uint8)
    pictures = coarse.repeat(8, axis=1).repeat(8, axis=2)
    return write_video(face_folder / "real" / "camera" / "clip.mp4", pictures, rate=10)


def test_examine_video_properties(clip):
    properties, phash, digest = examine_video(clip)
    assert (properties.width, properties.height, properties.format) == (96, 64, "MP4")
    assert math.isnan(properties.jpeg_quality) and properties.chroma == ""
    assert properties.file_bytes == clip.stat().st_size
    assert digest == hashlib.sha256(clip.read_bytes()).hexdigest()
    (middle,) = read_frames(clip, 1)
    assert middle.time == pytest.approx(0.5)
    assert phash == perceptual_hash(middle.rgb)


def test_examine_video_in_manifest(face_folder, clip):
    (face_folder / "fake" / "swap" / "broken.mp4").write_bytes(b"no video")
    found = load_source(face_folder, progress=False)
    row = found.manifest[found.manifest["path"].str.endswith("clip.mp4")].iloc[0]
    assert (row["label"], row["source"], row["format"]) == ("real", "camera", "MP4")
    assert len(found.manifest) == 8
    (skipped,) = found.skipped.itertuples()
    assert skipped.path.endswith("broken.mp4") and "no video" in skipped.reason


def test_examine_video_too_large(clip, monkeypatch):
    monkeypatch.setenv("ALETHEIA_MAX_VIDEO_BYTES", "1000")
    get_settings.cache_clear()
    try:
        with pytest.raises(UnreadableVideoError, match="ALETHEIA_MAX_VIDEO_BYTES"):
            examine_video(clip)
    finally:
        get_settings.cache_clear()
