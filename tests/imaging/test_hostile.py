"""Pictures that are small and would hold a decoder for long are refused before they are decoded."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from aletheia.imaging.hostile import count_scans, excess
from aletheia.imaging.reading import UnreadableImageError, read_image


def saved(shape: tuple[int, int], kind: str = "JPEG", **options) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def with_scans(data: bytes, number: int) -> bytes:
    """Repeat the beginning of the last scan of a progressive JPEG, which libjpeg accepts with a warning."""
    scan = data[data.rindex(b"\xff\xda") : -2][:10]
    return data[:-2] + scan * number + b"\xff\xd9"


def gif(comment: int, comments: int = 1) -> bytes:
    data = saved((8, 8), "GIF")
    start = 13 + (3 << ((data[10] & 7) + 1))
    blocks = b"\xff" + b"c" * 255
    extension = b"\x21\xfe" + blocks * (comment // 255) + b"\0"
    return data[:start] + extension * comments + data[start:]


def test_count_scans_of_usual_files():
    assert count_scans(saved((40, 60))) == 1
    assert count_scans(saved((40, 60), progressive=True)) == 10  # libjpeg's script for colour (jcparam.c)
    assert count_scans(with_scans(saved((40, 60), progressive=True), 30)) == 40
    assert count_scans(saved((40, 60), restart_marker_blocks=1)) == 1
    assert count_scans(b"\xff\xd8\xff") == 0


def test_count_scans_leaves_out_what_is_no_scan():
    """A preview inside, and the film that a phone appends to a "motion photo"."""
    preview = saved((16, 16), progressive=True)
    film = np.random.default_rng(1).integers(0, 256, 3 << 20, dtype=np.uint8).tobytes()
    photo = saved((3000, 4000), exif=b"Exif\0\0" + preview) + film
    assert photo.count(b"\xff\xda") > 20
    assert count_scans(photo) == 1
    assert read_image(photo).shape == (3000, 4000, 3)


@pytest.mark.parametrize(("shape", "scans", "accepted"), [((3000, 4000), 195, False), ((100, 100), 100, True)])
def test_read_image_many_scans_of_many_pixels(shape, scans, accepted):
    data = with_scans(saved(shape, progressive=True, quality=20), scans - 10)
    if accepted:
        assert read_image(data).shape == (*shape, 3)
        return
    began = time.process_time()
    with pytest.raises(UnreadableImageError, match=f"has {scans} JPEG scans of 12,000,000 pixels"):
        read_image(data)
    assert time.process_time() - began < 2  # decoded, it takes some ten


def tiff(tags: list[tuple[int, int, int]], data: int = 0) -> bytes:
    """A TIFF of one pixel with further tags (number, type, count) that all point to one place."""
    small = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    entries = sorted({entry[0]: entry for entry in [*small, *((*tag, 8) for tag in tags)]}.values())
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4 + data)


def inserted(data: bytes, position: int, piece: bytes, number: int) -> bytes:
    return data[:position] + piece * number + data[position:]


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


#: A file, where small pieces are put into it, the piece, and what is said.
PIECES = {
    "segments": ("JPEG", 2, b"\xff\xfe\0\2", "JPEG segments"),
    "fill bytes": ("JPEG", 2, b"\xff", "JPEG segments"),
    "restarts": ("JPEG", 2, b"\xff\xd0", "JPEG segments"),
    "chunks in front": ("PNG", 33, chunk(b"teXt"), "PNG chunks"),
    "chunks behind": ("PNG", -12, chunk(b"teXt"), "PNG chunks"),
    "empty pixels": ("PNG", 33, chunk(b"IDAT"), "PNG chunks"),
    "empty comments": ("GIF", 781, b"\x21\xfe\0", "comments of over 10,000 pieces"),
    "tiny comments": ("GIF", 781, b"\x21\xfe\1a\0", "comments of over 10,000 pieces"),
    "pieces of one comment": ("GIF", 781, b"\x21\xfe" + b"\1a" * 20_000 + b"\0", "comments of over 10,000 pieces"),
    "controls": ("GIF", 781, b"\x21\xf9\4\0\0\0\0\0", "GIF blocks"),
    "stray bytes": ("GIF", 781, b"\0", "GIF blocks"),
}


@pytest.mark.parametrize("way", PIECES)
def test_read_image_of_a_million_small_pieces(way):
    """Each cost seconds to minutes before; now they are counted up to a limit, and a few are read as ever."""
    kind, position, piece, reason = PIECES[way]
    data = saved((8, 8), kind)
    position = 13 + (3 << ((data[10] & 7) + 1)) if kind == "GIF" else position % len(data)
    many = inserted(data, position, piece, 1_000_000 if len(piece) < 1000 else 1)
    began = time.process_time()
    with pytest.raises(UnreadableImageError, match=f"{reason}.*as only an attack would"):
        read_image(many)
    assert time.process_time() - began < 2
    if way != "empty pixels" and len(piece) < 1000:
        assert read_image(inserted(data, position, piece, 50)).shape == (8, 8, 3)


def test_read_image_of_tags_that_point_to_one_place():
    """16,000 tags of eight megabytes each would be copied, one after another, until memory ends."""
    tags = [(40_000 + k, 4, 1_000) for k in range(20_000)]
    with pytest.raises(UnreadableImageError, match="TIFF tags that are many times longer than the file"):
        read_image(tiff(tags, data=4_000))
    with pytest.raises(UnreadableImageError, match="has 200,000 TIFF strips"):
        read_image(tiff([(273, 4, 200_000)]))
    assert read_image(tiff([(40_000, 4, 5)])).shape == (1, 1, 3)


def test_read_image_of_exif_that_points_to_one_place():
    exif = tiff([(40_000 + k, 4, 15_000) for k in range(3_000)], data=20_000)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    data = saved((8, 8))
    with pytest.raises(UnreadableImageError, match="TIFF tags"):
        read_image(data[:2] + segment + data[2:])
    png = saved((8, 8), "PNG")
    assert read_image(png[:33] + chunk(b"eXIf", exif) + png[33:]).shape == (8, 8, 3)  # its orientation is not read


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "tiff", "webp"])
def test_excess_of_usual_files(kind):
    assert excess(kind, saved((40, 60), kind.upper())) == ""
    for end in (0, 1, 5, 12, 30):
        assert excess(kind, saved((40, 60), kind.upper())[:end]) == ""


@pytest.mark.parametrize(("comment", "comments"), [(40 << 20, 1), (510, 80_000)])
def test_read_image_endless_comment(comment, comments):
    data = gif(comment, comments)
    began = time.process_time()
    with pytest.raises(UnreadableImageError, match="comment of over"):
        read_image(data)
    assert time.process_time() - began < 3
    assert read_image(gif(100_000)).shape == (8, 8, 3)
