"""Decoding in other processes: the same pixels as in this one, and errors for files that cannot be read."""

from __future__ import annotations

import contextlib
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from aletheia.core.settings import get_settings
from aletheia.imaging.metadata_removal import strip_metadata
from aletheia.imaging.reading import read_image
from aletheia.imaging.video import read_frames
from aletheia.inference.errors import RequestError
from aletheia.inference.timing import Stages
from aletheia.serving.decoding import Decoder

from .helpers import count_open_files

MEMORY = 1 << 30


@pytest.fixture(scope="module")
def decoder():
    decoder = Decoder(1, MEMORY, 20)
    yield decoder
    decoder.close()


def png(rgb: np.ndarray) -> bytes:
    return cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()


def test_decoder_strips_metadata(decoder, portraits):
    """The same file as the function makes in this process, and its pixels; what cannot be stripped is refused."""
    turned, exif = io.BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Margarete"
    Image.fromarray(portraits[1][0][:, :200]).save(turned, "JPEG", exif=exif)
    picture, stripped = decoder.stripped(turned.getvalue())
    assert stripped == strip_metadata(turned.getvalue())
    assert b"Margarete" not in stripped
    assert np.array_equal(picture.rgb, read_image(turned.getvalue()))
    bitmap = io.BytesIO()
    Image.fromarray(portraits[1][0]).save(bitmap, "BMP")
    for data, kind in [(bitmap.getvalue(), "bad_image"), (b"GIF", "unknown_format"), (stripped[:900], "bad_image")]:
        with pytest.raises(RequestError) as caught:
            decoder.stripped(data)
        assert caught.value.kind == kind
    assert decoder.stripped(turned.getvalue())[1] == stripped  # the process is as good as new


def test_decoder_image_equals_read_image(decoder, jpeg, portraits):
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(portraits[1][0][:, :200]).save(turned, "PNG", exif=exif)
    for data in (jpeg, turned.getvalue(), png(portraits[2][0])):
        decoded = decoder.image(data).rgb
        assert decoded.dtype == np.uint8
        assert np.array_equal(decoded, read_image(data))
    assert decoder.image(turned.getvalue()).rgb.shape == (200, 256, 3)


@pytest.mark.parametrize("kind", ["path", "bytes", "file"])
def test_decoder_video_equals_read_frames(decoder, clip, kind, tmp_path):
    file = tmp_path / "clip.mp4"
    file.write_bytes(clip)
    source = {"path": str(file), "bytes": clip, "file": io.FileIO(file)}[kind]
    stages = Stages()
    decoded, expected = list(decoder.video(source, 4, stages)), list(read_frames(file, 4))
    assert [frame.time for frame in decoded] == [frame.time for frame in expected]
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(decoded, expected, strict=True))
    assert stages.seconds["decode"] > 0


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", "bad_image", "empty"),
        (b"hello, world", "unknown_format", "text"),
        (b"\0" * 100, "unknown_format", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "bad_image", "damaged"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 50, "bad_image", "damaged"),
        (b"8BPS" + b"\0" * 50, "unknown_format", "a Photoshop file, which is not read"),
    ],
)
def test_decoder_image_refuses(decoder, data, kind, message):
    with pytest.raises(RequestError, match=message) as refused:
        decoder.image(data)
    assert refused.value.kind == kind


def test_decoder_image_truncated(decoder, jpeg):
    with pytest.raises(RequestError, match="truncated") as refused:
        decoder.image(jpeg[: len(jpeg) // 2])
    assert refused.value.status == 422


def test_decoder_errors_name_no_path(decoder):
    for data in (b"", b"text", b"\xff\xd8\xff"):
        with pytest.raises(RequestError) as refused:
            decoder.image(data)
        assert "/" not in str(refused.value)
        assert "ALETHEIA_" not in str(refused.value)


def test_decoder_ignores_limit_of_datasets(decoder):
    """The limit of data sets is smaller than the limit that a service may have."""
    picture = np.full((6000, 6000, 3), 77, np.uint8)
    content = cv2.imencode(".bmp", picture)[1].tobytes()
    assert len(content) > get_settings().max_file_bytes
    assert np.array_equal(decoder.image(content).rgb, picture)


def test_decoder_limits_pixels_and_duration(jpeg, clip):
    small = Decoder(1, MEMORY, 20, max_pixels=1000, max_duration=1.0)
    try:
        with pytest.raises(RequestError, match="pixels") as refused:
            small.image(jpeg)
        assert (refused.value.kind, refused.value.status) == ("too_large", 413)
        with pytest.raises(RequestError, match="pixels") as refused:
            list(small.video(clip, 2))
        assert refused.value.kind == "too_large"
        long = Decoder(1, MEMORY, 20, max_duration=1.0)
        with pytest.raises(RequestError, match="takes 2 seconds") as refused:
            list(long.video(clip, 2))
        assert refused.value.kind == "too_large"
        long.close()
    finally:
        small.close()


def test_decoder_video_refuses(decoder, clip):
    for data, message in ((b"hello", "no video"), (clip[: len(clip) // 3], "video")):
        with pytest.raises(RequestError, match=message) as refused:
            list(decoder.video(data, 2))
        assert refused.value.kind == "bad_video"


def test_decoder_limits_memory():
    decoder = Decoder(1, 256 << 20, 30)
    try:
        with pytest.raises(RequestError, match="needs more memory") as refused:
            decoder.image(png(np.zeros((6300, 6300, 3), np.uint8)))
        assert refused.value.kind == "too_large"
    finally:
        decoder.close()


def test_decoder_limits_time():
    noise = png(np.random.default_rng(0).integers(0, 256, (4000, 4000, 3), np.uint8))
    decoder = Decoder(1, MEMORY, 0.05)
    try:
        with pytest.raises(RequestError, match="longer than"):
            decoder.image(noise)
    finally:
        decoder.close()


def test_decoder_closes_files(decoder, jpeg, clip):
    def use():
        for data in (jpeg, b"", b"text", jpeg[:500]):
            with contextlib.suppress(RequestError):
                decoder.image(data)
        list(decoder.video(clip, 2))

    use()
    before = count_open_files()
    for _ in range(5):
        use()
    assert count_open_files() == before


def test_decoder_closed(jpeg):
    decoder = Decoder(1, MEMORY, 20)
    decoder.close()
    with pytest.raises(RequestError, match="shutting down"):
        decoder.image(jpeg)
