"""Videos among the files of a source."""

from __future__ import annotations

import hashlib
import math

import av
import numpy as np
import pytest

from aletheia.data.images import perceptual_hash
from aletheia.data.sources import load_source
from aletheia.data.videos import examine_video
from aletheia.faces.video import UnreadableVideo, read_frames
from aletheia.settings import get_settings


@pytest.fixture
def clip(face_folder):
    path = face_folder / "real" / "camera" / "clip.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for _ in range(10):
            pixels = rng.integers(0, 256, (8, 12, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_properties_hash_and_look(clip):
    properties, phash, digest = examine_video(clip)
    assert (properties.width, properties.height, properties.format) == (96, 64, "MP4")
    assert math.isnan(properties.jpeg_quality) and properties.chroma == ""
    assert properties.file_bytes == clip.stat().st_size
    assert digest == hashlib.sha256(clip.read_bytes()).hexdigest()
    (middle,) = read_frames(clip, 1)
    assert middle.time == pytest.approx(0.5)
    assert phash == perceptual_hash(middle.rgb)


def test_a_video_is_a_row_of_the_source(face_folder, clip):
    (face_folder / "fake" / "swap" / "broken.mp4").write_bytes(b"no video")
    found = load_source(face_folder, progress=False)
    row = found.manifest[found.manifest["path"].str.endswith("clip.mp4")].iloc[0]
    assert (row["label"], row["source"], row["format"]) == ("real", "camera", "MP4")
    assert len(found.manifest) == 8
    (skipped,) = found.skipped.itertuples()
    assert skipped.path.endswith("broken.mp4") and "no video" in skipped.reason


def test_a_video_that_is_too_large(clip, monkeypatch):
    monkeypatch.setenv("ALETHEIA_MAX_VIDEO_BYTES", "1000")
    get_settings.cache_clear()
    try:
        with pytest.raises(UnreadableVideo, match="ALETHEIA_MAX_VIDEO_BYTES"):
            examine_video(clip)
    finally:
        get_settings.cache_clear()
