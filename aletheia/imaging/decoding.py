"""Open images from files or bytes, within limits, with errors that name the file."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, JpegImagePlugin, TiffImagePlugin, UnidentifiedImageError

from aletheia.core.errors import InputError
from aletheia.core.paths import check_is_local
from aletheia.core.settings import get_settings
from aletheia.core.shards import parse_member, read_member
from aletheia.core.wording import counted
from aletheia.imaging.hostile import count_scans, excess
from aletheia.imaging.media_types import HEAD_BYTES, VIDEO_FORMATS, describe_format, image_format
from aletheia.imaging.png_chunks import read_chunks

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".hif",
    ".avif",
)  # fmt: skip

# Pillow warns of large images, for which there is a limit of our own, and of broken EXIF, which is ignored.
warnings.filterwarnings("ignore", module=r"PIL\..*")

_READ_HINT = f"Formats read are JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC and AVIF; of videos {VIDEO_FORMATS}"
# Encoders write ten scans or so; more are accepted where they cost a second or so.
_MAX_SCANS, _USUAL_SCANS, _MAX_SCANNED_PIXELS = 200, 20, 640_000_000
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?[\s\0]{0,64}")


class UnreadableImageError(InputError):
    """An image that cannot be read.

    Attributes
    ----------
    name : str
        The file, or a description of the bytes.
    reason : str
        The defect.
    remedy : str
        A way out for the user.
    """

    def __init__(self, name: str, reason: str, remedy: str = "Leave it out or replace it") -> None:
        self.name, self.reason, self.remedy = name, reason, remedy
        super().__init__(name, reason, remedy)

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}. {self.remedy}."


def load_bytes(source: str | Path | bytes) -> tuple[str, bytes]:
    """Read a source within the byte limit; return its name and content."""
    limit = get_settings().max_file_bytes
    too_large = "more than the {:,} that ALETHEIA_MAX_FILE_BYTES allows"
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        name = f"image of {len(data):,} bytes"
    else:
        check_is_local(source)
        path = Path(source)
        name = os.fspath(source)
        try:
            if member := parse_member(path):
                data = read_member(member, limit)
            # A pipe or device would block or never end; only a regular file is opened.
            elif not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableImageError(name, "is not a regular file")
            else:
                with path.open("rb") as stream:
                    data = stream.read(limit + 1)
        except (OSError, ValueError) as error:
            if isinstance(error, UnreadableImageError):
                raise
            raise UnreadableImageError(name, f"cannot be opened ({_reason(error)})") from None
    if len(data) > limit:
        raise UnreadableImageError(name, "is a file of " + too_large.format(limit) + " bytes")
    if not data:
        raise UnreadableImageError(name, "is empty (zero bytes)")
    return name, data


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())[:200]


@contextlib.contextmanager
def decoder_errors(name: str) -> Iterator[None]:
    """Turn any exception of a decoder into an :class:`UnreadableImageError`."""
    try:
        yield
    except UnreadableImageError:
        raise
    except Image.DecompressionBombError:
        raise UnreadableImageError(name, "has far too many pixels") from None
    except Exception as error:  # on crafted files decoders raise exceptions of nearly every class
        raise UnreadableImageError(name, f"is damaged or truncated ({_reason(error)})") from None


def without_leading_bytes(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Skip white space before the beginning of a picture, as viewers do; also a note of it."""
    begin = _BLANK.match(data)
    skipped = begin.end() if begin else 0
    if not skipped or not image_format(data[skipped : skipped + HEAD_BYTES]):
        return data, ()
    belongs = "does" if skipped == 1 else "do"
    note = f"The file has {counted(skipped, 'byte')} before its beginning that {belongs} not belong to it."
    return data[skipped:], (note,)


def _not_an_image(data: bytes) -> str:
    head = data[:HEAD_BYTES]
    if kind := describe_format(head):
        return f"is {kind}, which is not read" if kind != "a video" else "is a video, not a picture"
    try:
        text = head.decode("utf-8").isprintable() or b"\n" in head
    except UnicodeDecodeError:
        text = False
    return "is text, not an image" if text else "is not an image of a known format"


def open_image(name: str, data: bytes, max_pixels: int | None) -> Image.Image:
    """Open an image by its magic number, whatever its name; only the header is read.

    In ``info`` of a PNG are EXIF, XMP and coded colour space wherever in the file they stand.
    """
    kind = image_format(data[:HEAD_BYTES])
    if not kind:
        raise UnreadableImageError(name, _not_an_image(data), _READ_HINT)
    if much := excess(kind, data):
        raise UnreadableImageError(name, f"{much}, as only an attack would")
    image = _open(kind, name, data)
    limit = get_settings().max_pixels if max_pixels is None else max_pixels
    if image.width * image.height > limit:
        raise UnreadableImageError(
            name,
            f"has {image.width} x {image.height} pixels, more than the {limit:,} allowed",
            "Reduce it, or raise ALETHEIA_MAX_PIXELS",
        )
    if kind == "tiff":
        _check_tiff(name, image)
    return image


def _open(kind: str, name: str, data: bytes) -> Image.Image:
    if kind == "jpeg":
        # Image.open would turn a JPEG with a multi-picture index into an MPO and trust that index.
        jpeg = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        _check_scans(name, data, jpeg.width * jpeg.height)
        return jpeg
    if kind == "heif":
        from pi_heif import HeifImageFile

        return HeifImageFile(io.BytesIO(data))  # type: ignore[no-any-return]
    try:
        image = Image.open(io.BytesIO(data), formats=(kind.upper(),))
    except UnidentifiedImageError:
        if kind == "tiff":
            _check_samples(name, data)
        raise
    if kind == "png":
        image.info.update(read_chunks(data))
    return image


def _check_tiff(name: str, image: Image.Image) -> None:
    """Refuse a TIFF that Pillow decodes to other values than were stored."""
    tags = getattr(image, "tag_v2", {})
    bits, planes = tags.get(258, (1,)), tags.get(284, 1)
    if planes == 2 and tags.get(277, 1) > 1 and max(bits if isinstance(bits, tuple) else (bits,)) > 8:
        raise UnreadableImageError(
            name,
            "is a TIFF whose channels of more than 8 bits are stored one after another (planar), which is not read",
            "Save it with interleaved channels, or with 8 bits a channel",
        )


def _check_samples(name: str, data: bytes) -> None:
    """Refuse a TIFF whose values Pillow has no mode for, by what they are."""
    tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
    stream = io.BytesIO(data)
    stream.seek(tags.next)
    tags.load(stream)
    bits, samples = tags.get(258, (1,)), tags.get(339, (1,))
    kinds = {2: "signed whole numbers", 3: "floating-point values", 5: "complex numbers", 6: "complex numbers"}
    first = samples[0] if isinstance(samples, tuple) else samples
    if first in kinds or max(bits if isinstance(bits, tuple) else (bits,)) > 16:
        size = max(bits if isinstance(bits, tuple) else (bits,))
        what = kinds.get(first, "whole numbers")
        raise UnreadableImageError(
            name, f"is a TIFF of {what} of {size} bits, which is not read", "Save it with 8 or 16 bits a channel"
        )


def _check_scans(name: str, data: bytes, pixels: int) -> None:
    if data.count(b"\xff\xda") <= _USUAL_SCANS:
        return
    scans = count_scans(data)
    if scans > _MAX_SCANS or (scans > _USUAL_SCANS and scans * pixels > _MAX_SCANNED_PIXELS):
        raise UnreadableImageError(name, f"has {scans} JPEG scans of {pixels:,} pixels, as only an attack would")
