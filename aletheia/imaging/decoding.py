"""Open images from files or bytes, within limits, with errors that name the file."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, JpegImagePlugin

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.imaging.hostile import count_scans, gif_comment_bytes

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")

# Pillow warns of large images, for which there is a limit of our own, and of broken EXIF, which is ignored.
warnings.filterwarnings("ignore", module=r"PIL\..*")

_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
)
_READ_HINT = "Formats read are JPEG, PNG, WebP, BMP, TIFF and GIF"
# Encoders write ten scans or so; more are accepted where they cost a second or so.
_MAX_SCANS, _USUAL_SCANS, _MAX_SCANNED_PIXELS = 200, 20, 640_000_000
_MAX_COMMENT = 1 << 20  # bytes


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
        path = Path(source)
        name = os.fspath(source)
        try:
            # A pipe or device would block or never end; only a regular file is opened.
            if not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableImageError(name, "is not a regular file")
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


def _sniff(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((name for magic, name in _MAGIC if data.startswith(magic)), "")


def _not_an_image(data: bytes) -> str:
    head = data[:512]
    if head[4:8] == b"ftyp":
        return f"is of the format {head[8:12].decode('latin-1')!r} (HEIC, AVIF or a video), which is not read"
    try:
        text = head.decode("utf-8").isprintable() or b"\n" in head
    except UnicodeDecodeError:
        text = False
    return "is text, not an image" if text else "is not an image of a known format"


def open_image(name: str, data: bytes, max_pixels: int | None) -> Image.Image:
    """Open an image by its magic number, whatever its name; only the header is read."""
    kind = _sniff(data)
    if not kind:
        raise UnreadableImageError(name, _not_an_image(data), _READ_HINT)
    if kind == "jpeg":
        # Image.open would turn a JPEG with a multi-picture index into an MPO and trust that index.
        image: Image.Image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        _check_scans(name, data, image.width * image.height)
    else:
        if kind == "gif" and gif_comment_bytes(data) > _MAX_COMMENT:
            raise UnreadableImageError(name, f"has a comment of over {_MAX_COMMENT:,} bytes, as only an attack would")
        image = Image.open(io.BytesIO(data), formats=(kind.upper(),))
    limit = get_settings().max_pixels if max_pixels is None else max_pixels
    if image.width * image.height > limit:
        raise UnreadableImageError(
            name,
            f"has {image.width} x {image.height} pixels, more than the {limit:,} allowed",
            "Reduce it, or raise ALETHEIA_MAX_PIXELS",
        )
    return image


def _check_scans(name: str, data: bytes, pixels: int) -> None:
    if data.count(b"\xff\xda") <= _USUAL_SCANS:
        return
    scans = count_scans(data)
    if scans > _MAX_SCANS or (scans > _USUAL_SCANS and scans * pixels > _MAX_SCANNED_PIXELS):
        raise UnreadableImageError(name, f"has {scans} JPEG scans of {pixels:,} pixels, as only an attack would")
