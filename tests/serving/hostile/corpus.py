"""Corpus of hostile and odd files, made here byte by byte, never downloaded.

Each `Case` has the result that is expected: an answer (the file is a picture, however odd), a refusal (it is none), or
either of the two (decoders may disagree about it); never a crash, a hang or an internal error.
"""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from .builders import (
    bmp,
    box,
    deflated_zeros,
    encoded,
    exif,
    flipped,
    gif,
    png,
    png16,
    segment,
    tiff,
    wave,
    with_adobe_marker,
    with_exif,
    with_jpeg_size,
)

ANSWERED, REFUSED, EITHER = "answered", "refused", "either"


@dataclasses.dataclass(frozen=True)
class Case:
    """A file: a description, its content, the expected result, and the name that the client sends."""

    name: str
    data: bytes
    expected: str = EITHER
    filename: str = "picture.jpg"

    def __str__(self) -> str:
        return self.name


def truncations(name: str, data: bytes, suffix: str, expected: str = REFUSED) -> Iterator[Case]:
    """Cut the file off at every per cent of its length; a JPEG may lack its last lines, as viewers show it, too."""
    for percent in range(100):
        filename = f"picture.{suffix}"
        right = EITHER if name == "JPEG" and percent >= 85 else expected
        yield Case(f"{name} cut at {percent} %", data[: len(data) * percent // 100], right, filename)


def every_case(rgb: np.ndarray) -> Iterator[Case]:
    """All but the truncations, around a picture (H, W, 3) uint8 with a face."""
    yield from odd_pictures(rgb)
    yield from empty_pictures(rgb)
    yield from bombs(rgb)
    yield from polyglots(rgb)
    yield from wrong_names(rgb)
    yield from strange_exif(rgb)
    yield from containers()


def odd_pictures(rgb: np.ndarray) -> Iterator[Case]:
    """Rare, and valid: each is a picture and gets an answer."""
    grey = rgb.mean(axis=2)
    cmyk = Image.fromarray(rgb).convert("CMYK")
    buffer = io.BytesIO()
    cmyk.save(buffer, "JPEG")
    yield Case("CMYK JPEG", buffer.getvalue(), ANSWERED)
    yield Case("inverted CMYK JPEG of Adobe", with_adobe_marker(buffer.getvalue()), ANSWERED)
    yield Case("16-bit grey PNG", encoded((grey * 257).astype(np.uint16), "PNG"), ANSWERED, "picture.png")
    yield Case("16-bit RGB PNG", png16(rgb.astype(np.uint16) * 257), ANSWERED, "picture.png")
    yield Case("32-bit float TIFF", encoded(grey.astype(np.float32), "TIFF"), EITHER, "picture.tif")
    nans = grey.astype(np.float32)
    nans[::2] = np.nan
    nans[1::4] = np.inf
    yield Case("float TIFF of NaN and infinity", encoded(nans, "TIFF"), EITHER, "picture.tif")
    yield Case("1-bit PNG", encoded(grey > 128, "PNG"), ANSWERED, "picture.png")
    transparent = np.dstack([rgb, np.zeros(rgb.shape[:2], np.uint8)])
    yield Case("PNG that is all transparent", encoded(transparent, "PNG"), ANSWERED, "picture.png")
    palette = Image.fromarray(rgb).quantize(7)
    buffer = io.BytesIO()
    palette.save(buffer, "PNG", transparency=3)
    yield Case("palette PNG with transparency", buffer.getvalue(), ANSWERED, "picture.png")
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        name = f"picture.{kind.lower()}"
        yield Case(f"one pixel {kind}", encoded(rgb[:1, :1], kind), ANSWERED, name)
    for shape in ((1, 30_000), (30_000, 1), (2, 8000), (8000, 3)):
        yield Case(f"PNG of {shape[1]} x {shape[0]}", encoded(np.zeros((*shape, 3), np.uint8), "PNG"), ANSWERED)
    yield Case("progressive JPEG", encoded(rgb, quality=80, progressive=True), ANSWERED)
    yield Case("JPEG of quality 1", encoded(rgb, quality=1), ANSWERED)
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    yield Case("noise", encoded(noise, "PNG"), ANSWERED, "picture.png")


def empty_pictures(rgb: np.ndarray) -> Iterator[Case]:
    """Nothing in it: no bytes, no rows, no columns, no data."""
    yield Case("no bytes", b"", REFUSED)
    yield Case("one byte", b"\xff", REFUSED)
    jpeg = encoded(rgb)
    for width, height in ((0, 9), (9, 0), (0, 0)):
        yield Case(f"PNG of {width} x {height}", png(width, height, zlib.compress(b"")), REFUSED, "picture.png")
        yield Case(f"JPEG of {width} x {height}", with_jpeg_size(jpeg, width, height), REFUSED)
        yield Case(f"GIF of {width} x {height}", gif(width, height), REFUSED, "picture.gif")
        yield Case(f"BMP of {width} x {height}", bmp(width, height), REFUSED, "picture.bmp")
        yield Case(f"TIFF of {width} x {height}", tiff(width, height), REFUSED, "picture.tif")
    yield Case("PNG without data", png(64, 64, zlib.compress(b"")), REFUSED, "picture.png")
    yield Case("PNG of another checksum", flipped(png(64, 64), -20), EITHER, "picture.png")
    yield Case("BMP of negative size", bmp(-64, -64), REFUSED, "picture.bmp")
    for magic in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"RIFF\0\0\0\0WEBP"):
        yield Case(f"nothing behind {magic!r}", magic, REFUSED)
        yield Case(f"zeros behind {magic!r}", magic + bytes(4096), REFUSED)


def bombs(rgb: np.ndarray) -> Iterator[Case]:
    """Small files that ask for much memory or time."""
    yield Case("PNG of 144 megapixels", png(12_000, 12_000), REFUSED, "bomb.png")
    yield Case("PNG of 36 megapixels", png(6000, 6000), ANSWERED, "bomb.png")
    huge = png(2**31 - 1, 2**31 - 1, deflated_zeros(99))
    yield Case("PNG that claims 2 ** 31 - 1 pixels a side", huge, REFUSED, "bomb.png")
    yield Case("JPEG that claims 65,535 pixels a side", with_jpeg_size(encoded(rgb), 65_535, 65_535), REFUSED)
    yield Case("JPEG that claims 6,000 pixels a side", with_jpeg_size(encoded(rgb), 6_000, 6_000), EITHER)
    yield Case("GIF that claims 65,535 pixels a side", gif(65_535, 65_535), REFUSED, "bomb.gif")
    yield Case("BMP that claims 2 ** 31 - 1 pixels a side", bmp(2**31 - 1, 2**31 - 1), REFUSED, "bomb.bmp")
    yield Case("TIFF that claims 2 ** 32 - 1 pixels a side", tiff(2**32 - 1, 2**32 - 1), REFUSED, "bomb.tif")
    for chunk in (b"zTXt", b"iCCP"):
        text = b"Comment\0\0" + deflated_zeros(200_000_000)
        data = png(64, 64, before=((chunk, text),))
        yield Case(f"PNG with 200 MB in a {chunk.decode()} chunk", data, EITHER, "bomb.png")
    many = png(64, 64, before=((b"tEXt", b"k\0v"),) * 100_000)
    yield Case("PNG of 100,000 chunks of text", many, EITHER, "bomb.png")
    frames = [Image.fromarray(np.full((64, 64, 3), value, np.uint8)) for value in (0, 255)] * 500
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    yield Case("GIF of 1,000 frames", buffer.getvalue(), ANSWERED, "bomb.gif")
    progressive = encoded(np.tile(rgb, (4, 4, 1)), progressive=True)
    start = progressive.rindex(b"\xff\xda")
    scans = progressive[:start] + progressive[start:-2] * 2000 + b"\xff\xd9"
    yield Case("JPEG of 2,000 scans", scans, REFUSED)
    yield Case("TIFF whose directories go in a circle", tiff(64, 64, next_directory=8), EITHER, "bomb.tif")
    yield Case("TIFF with strips of 4 GB", tiff(64, 64, strip_bytes=2**32 - 1), EITHER, "bomb.tif")


def polyglots(rgb: np.ndarray) -> Iterator[Case]:
    """Files that are two things at once, and files that are none of those that are read."""
    jpeg, picture = encoded(rgb), encoded(rgb, "PNG")
    page = b"<html><script>alert(document.cookie)</script></html>"
    zipped = b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18)
    yield Case("JPEG with a ZIP behind", jpeg + zipped, ANSWERED)
    yield Case("JPEG with a page behind", jpeg + page, ANSWERED)
    yield Case("JPEG with a page in its comment", jpeg[:2] + segment(0xFE, page) + jpeg[2:], ANSWERED)
    yield Case("PNG with a page behind", picture + page, ANSWERED, "picture.png")
    yield Case("PNG with a JPEG behind", picture + jpeg, ANSWERED, "picture.png")
    yield Case("GIF that is a script", b"GIF89a/*" + bytes(800) + b"*/=1;alert(1)", REFUSED, "picture.gif")
    yield Case("PDF with a JPEG inside", b"%PDF-1.4\n1 0 obj\nstream\n" + jpeg + b"\nendstream", REFUSED)
    yield Case("ZIP with a JPEG inside", zipped + jpeg, REFUSED, "picture.zip")
    yield Case("page", page, REFUSED, "picture.html")
    entity = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    yield Case("SVG that reads a file", entity + b"<svg xmlns='http://www.w3.org/2000/svg'>&x;</svg>", REFUSED, "a.svg")
    playlist = b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    for name in ("clip.m3u8", "clip.mp4", "picture.jpg"):
        yield Case(f"playlist of a file of the server, named {name}", playlist, REFUSED, name)
    yield Case("list of files of the server", b"ffconcat version 1.0\nfile '/etc/passwd'\n", REFUSED, "clip.mp4")
    yield Case("PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file\n", REFUSED, "picture.eps")
    laughs = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 12))
    xmp = f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "ha">{laughs}]><x>&l11;</x>'.encode()
    data = png(64, 64, before=((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),))
    yield Case("PNG with a billion laughs in its XMP", data, ANSWERED, "picture.png")


def wrong_names(rgb: np.ndarray) -> Iterator[Case]:
    """Names that lie, or that point at something on the server: the content decides, the name opens nothing."""
    jpeg = encoded(rgb)
    names = ["picture.png", "picture.mp4", "picture", ".jpg", "../../../../etc/passwd", "/etc/passwd", "C:\\boot.ini"]
    names += ["file:///etc/passwd", "http://127.0.0.1:1/x.jpg", "a" * 4000 + ".jpg", "\u202egpj.exe", "a\tb.jpg", "con"]
    for name in names:
        yield Case(f"JPEG named {name[:40]!r}", jpeg, ANSWERED, name)
    yield Case("text named .jpg", b"this is no picture\n" * 50, REFUSED)
    yield Case("text named .mp4", b"this is no video\n" * 50, REFUSED, "clip.mp4")
    yield Case("path in place of a picture", b"/etc/passwd", REFUSED)
    yield Case("address in place of a picture", b"http://127.0.0.1:1/picture.jpg", REFUSED)


def strange_exif(rgb: np.ndarray) -> Iterator[Case]:
    """Pictures that are sound but for what they say of themselves."""
    nan, infinite = struct.pack(">d", float("nan")), struct.pack(">d", float("inf"))
    values = {
        "rational 0 / 0": [(0x011A, 5, 1, struct.pack(">II", 0, 0))],
        "rational 1 / 0": [(0x829A, 5, 1, struct.pack(">II", 1, 0))],
        "double NaN": [(0x0112, 12, 1, nan), (0x829A, 12, 1, nan)],
        "double infinity": [(0x011A, 12, 1, infinite)],
        "orientation 0": [(0x0112, 3, 1, b"\0\0")],
        "orientation 65535": [(0x0112, 3, 1, b"\xff\xff")],
        "orientation as text": [(0x0112, 2, 4, b"six\0")],
        "orientation twice": [(0x0112, 3, 1, b"\0\6"), (0x0112, 3, 1, b"\0\3")],
        "2 ** 32 - 1 values": [(0x010F, 2, 2**32 - 1, b"abcd")],
        "values of an unknown type": [(0x010F, 99, 1, b"abcd")],
        "directory that is its own child": [(0x8769, 4, 1, struct.pack(">I", 8)), (0x8825, 4, 1, struct.pack(">I", 8))],
        "markup": [(0x010E, 2, 34, b"<script>alert(1)</script>\x1b[31m\x07\r\n\0")],
        "text that is not UTF-8": [(0x010E, 2, 5, b"\xff\xfe\x80\x81\0")],
    }
    for name, entries in values.items():
        data = with_exif(encoded(rgb), exif(entries))
        yield Case(f"EXIF with {name}", data, ANSWERED)
    whole = exif([(0x010F, 2, 40, b"m" * 40)])
    for cut in (0, 4, 8, 9, 20, len(whole) - 3):
        yield Case(f"EXIF cut at {cut} bytes", with_exif(encoded(rgb), whole[:cut]), ANSWERED)
    yield Case("EXIF of noise", with_exif(encoded(rgb), np.random.default_rng(1).bytes(60_000)), ANSWERED)


def containers() -> Iterator[Case]:
    """Videos that are no videos: boxes in boxes, sizes that lie, and references to other files."""
    brand = box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
    deep = b""
    for _ in range(20_000):
        deep = struct.pack(">I4s", 8 + len(deep), b"moov") + deep
    yield Case("MP4 of boxes 20,000 deep", brand + deep, REFUSED, "clip.mp4")
    yield Case("MP4 without a picture", brand + box(b"moov", b"") + box(b"mdat", bytes(99)), REFUSED, "clip.mp4")
    yield Case("MP4 with a box of 2 ** 63 bytes", brand + struct.pack(">I4sQ", 1, b"moov", 2**63), REFUSED, "clip.mp4")
    yield Case("MP4 with a box of no bytes", brand + struct.pack(">I4s", 2, b"moov") * 100, REFUSED, "clip.mp4")
    endless = b"\x1a\x45\xdf\xa3" + b"\x01" + b"\xff" * 7
    yield Case("Matroska of unknown size", endless + bytes(2000), REFUSED, "clip.mkv")
    nested = b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" * 5000
    yield Case("Matroska of segments 5,000 deep", nested, REFUSED, "clip.mkv")
    film = b"RIFF\xff\xff\xff\x7fAVI LIST\xff\xff\xff\x7fhdrl" + bytes(500)
    yield Case("AVI without a stream", film, REFUSED, "clip.avi")
    yield Case("sound alone", wave(), REFUSED, "clip.wav")


def long_video(folder: Path, hours: float = 5000.0) -> Case:
    """Two frames that are hours apart: a small file of an enormous duration."""
    import av

    path = folder / "long.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for second in (0, int(hours * 3600)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8), format="rgb24")
            frame.pts = second
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Case(f"video of {hours:,.0f} hours", path.read_bytes(), REFUSED, "long.mkv")
