"""Cameras: sensor noise of the stated size, and files of the stated properties."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from aletheia.datasets.synthetic.cameras import CAMERAS, FileSettings, capture, draw_file_settings, encode_file
from aletheia.imaging.reading import probe_image


def test_capture_shot_noise():
    camera = dataclasses.replace(
        CAMERAS["cam-a"], read_noise=(1, 1), shot_noise=(0.02, 0.02), blur=(0, 0), sharpen=(0, 0)
    )
    spread = []
    for level in (0.1, 0.4, 0.8):
        image = capture(np.full((200, 200, 3), level, np.float32), camera, np.random.default_rng(0))
        spread.append(image[90:110, 90:110].var(axis=(0, 1)).mean())
    slopes = np.diff(spread) / np.diff([25.5, 102, 204])
    assert (slopes > 0).all()
    assert slopes[0] == pytest.approx(slopes[1], rel=0.4)


@pytest.mark.parametrize("quality", [64, 80, 95])
@pytest.mark.parametrize(("subsampling", "chroma"), [(0, "4:4:4"), (2, "4:2:0")])
def test_encode_file_properties(quality, subsampling, chroma):
    image = np.random.default_rng(0).uniform(0, 255, (256, 256, 3)).astype(np.float32)
    data = encode_file(image, FileSettings(240, True, quality, subsampling, True))
    properties = probe_image(data)
    assert (properties.width, properties.height, properties.format, properties.chroma) == (193, 240, "jpeg", chroma)
    assert properties.jpeg_quality == quality
    assert properties.progressive
    assert not properties.has_exif


def test_encode_file_content():
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    image = np.dstack([x * 0.9, y * 0.9, 128 + 0 * x])
    decoded = np.asarray(Image.open(io.BytesIO(encode_file(image, FileSettings(208, False, 95, 0, False)))))
    assert abs(decoded.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 1


def test_draw_file_settings_pools_overlap():
    rng = np.random.default_rng(0)
    qualities = {
        name: [draw_file_settings(camera, rng).quality for _ in range(2000)] for name, camera in CAMERAS.items()
    }
    a, b = np.array(qualities["cam-a"]), np.array(qualities["cam-b"])
    assert b.mean() > a.mean() + 0.5
    wins = (b[:, None] > a[None, :]).mean() + 0.5 * (b[:, None] == a[None, :]).mean()
    assert 0.5 < wins < 0.6
