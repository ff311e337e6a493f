"""JPEG files that end early: what is missing, against the place where they were cut."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aletheia.imaging.decoding import UnreadableImageError
from aletheia.imaging.jpeg_repair import MAX_MISSING, complete
from aletheia.imaging.reading import read_image, read_picture

from .picture_files import encode

NOISE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
FORMS = {"baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 5}}


@pytest.mark.parametrize("form", FORMS)
def test_complete_without_the_end_marker_misses_nothing(form):
    data = encode(NOISE, "JPEG", **FORMS[form])
    assert data.endswith(b"\xff\xd9")
    for cut in (1, 2):
        picture = read_picture(data[:-cut])
        np.testing.assert_array_equal(picture.rgb, read_image(data))
        assert picture.notes == ("The end of the file is missing; all of the picture is there.",)


@pytest.mark.parametrize("share", [0.005, 0.01, 0.03])
def test_complete_measures_what_is_missing(share):
    # In noise every block takes about as many bytes: the share of the bytes is that of the picture.
    data = encode(NOISE, "JPEG", quality=90)
    _, missing = complete(data[: round(len(data) * (1 - share))])
    assert missing == pytest.approx(share, abs=0.01)
    picture = read_picture(data[: round(len(data) * (1 - share))])
    assert f"with it {missing:.1%} of the picture" in picture.notes[0]
    kept = round(240 * (1 - share)) // 16 * 16 - 16
    np.testing.assert_array_equal(picture.rgb[:kept], read_image(data)[:kept])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_complete_refuses_what_is_truncated(form, share):
    data = encode(NOISE, "JPEG", **FORMS[form])
    cut = data[: round(len(data) * (1 - share))]
    assert complete(cut) is None
    with pytest.raises(UnreadableImageError, match="truncated"):
        read_image(cut)


def test_complete_reads_a_progressive_file_without_its_last_bytes():
    y, x = np.mgrid[0:240, 0:320]
    smooth = np.stack([x * 255 // 320, y, 128 + 60 * np.sin(x / 9)], axis=-1).astype(np.uint8)
    data = encode(Image.fromarray((smooth * 0.9 + NOISE * 0.1).astype(np.uint8)), "JPEG", progressive=True)
    picture = read_picture(data[: round(len(data) * 0.995)])
    assert np.abs(picture.rgb.astype(int) - read_image(data)).mean() < 1
    assert "missing" in picture.notes[0]


def test_complete_of_a_grey_file_and_of_garbage():
    grey = encode(NOISE[..., 0], "JPEG")
    assert complete(grey[:-2]) == (grey, 0.0)
    for data in (b"\xff\xd8\xff", grey[:40], b"\xff\xd8" + b"\xff" * 1000, grey[:300]):
        assert complete(data) is None
    assert 0 < MAX_MISSING < 0.1
