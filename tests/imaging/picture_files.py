"""Pictures of formats that Pillow does not write, and parts of files."""

from __future__ import annotations

import io
import struct
import zlib

import av
import numpy as np
from PIL import Image


def encode(image: Image.Image | np.ndarray, form: str, **options: object) -> bytes:
    """Write a picture with Pillow."""
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, form, **options)
    return stream.getvalue()


def smooth(height: int = 48, width: int = 64) -> np.ndarray:
    """A picture with a bright left upper corner, different in every channel, without fine detail."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * (1 - x / width), 255 * (1 - y / height), 128 + 60 * np.sin(x / 9)], axis=-1).astype(np.uint8)


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def heic(rgb: np.ndarray, *, turns: int = 0, colour: bytes = b"", size: tuple[int, int] | None = None) -> bytes:
    """A HEIC picture of one HEVC frame (ISO/IEC 23008-12), turned counter-clockwise by its ``irot`` property.

    `colour` is the content of a ``colr`` box; `size` (height, width) is stated in place of the true one.
    """
    height, width = rgb.shape[:2]
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=1, options={"crf": "4", "x265-params": "log-level=none"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv444p"
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        packets = [*stream.encode(frame), *stream.encode()]
        payload = b"".join(bytes(packet) for packet in packets)
        extradata = bytes(stream.codec_context.extradata)
    units = [unit for unit in _annex_b(extradata + payload) if unit]
    parameters = {32: [], 33: [], 34: []}
    slices = []
    for unit in units:
        kind = unit[0] >> 1 & 0x3F
        if kind in parameters:
            parameters[kind] = [unit]
        elif kind < 32:
            slices.append(unit)
    arrays = b"".join(
        struct.pack(">BH", 0x80 | kind, len(found)) + b"".join(struct.pack(">H", len(unit)) + unit for unit in found)
        for kind, found in parameters.items()
    )
    general = parameters[33][0][3:15]  # profile, tier and level of the sequence parameter set
    record = b"\1" + general + struct.pack(">HBBBBHB", 0xF000, 0xFC, 0xFF, 0xF8, 0xF8, 0, 0x0F) + b"\3" + arrays
    mdat = b"".join(struct.pack(">I", len(unit)) + unit for unit in slices)
    shown = size or (height, width)
    properties = [
        _box(b"hvcC", record),
        _box(b"ispe", bytes(4), struct.pack(">II", shown[1], shown[0])),
        _box(b"irot", bytes([turns])),
    ]
    if colour:
        properties.append(_box(b"colr", colour))
    links = b"".join(struct.pack(">B", index + 1) for index in range(len(properties)))
    ftyp = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")

    def meta(offset: int) -> bytes:
        return _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8), b"pict", bytes(13)),
            _box(b"pitm", bytes(4), struct.pack(">H", 1)),
            _box(b"iloc", bytes(4), struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, len(mdat))),
            _box(
                b"iinf", bytes(4), struct.pack(">H", 1), _box(b"infe", b"\2\0\0\0", struct.pack(">HH", 1, 0), b"hvc1\0")
            ),
            _box(
                b"iprp",
                _box(b"ipco", *properties),
                _box(b"ipma", bytes(4), struct.pack(">IHB", 1, 1, len(properties)), links),
            ),
        )

    offset = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(offset) + _box(b"mdat", mdat)


def _annex_b(stream: bytes) -> list[bytes]:
    return stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def insert_png_chunk(data: bytes, chunk: bytes, before: bytes) -> bytes:
    """Put a chunk into a PNG file, before the first one of a kind."""
    place = data.index(before) - 4
    return data[:place] + chunk + data[place:]


def exif_orientation(orientation: int) -> bytes:
    """EXIF with nothing but an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def xmp_orientation(orientation: int, attribute: bool = True) -> bytes:
    """XMP with nothing but an orientation, as an attribute or as an element."""
    inner = (
        f' tiff:Orientation="{orientation}"/>' if attribute else f"><tiff:Orientation>{orientation}</tiff:Orientation>"
    )
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description{inner}</x:xmpmeta>'.encode()


def icc_profile(chromaticities: tuple[tuple[float, float], ...], gamma: float) -> bytes:
    """A display profile (ICC.1:2022, three-component matrix) of these primaries and white (x, y) and this exponent."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    xyz = np.array([(x / y, 1, (1 - x - y) / y) for x, y in chromaticities]).T
    white, d50 = xyz[:, 3], np.array([0.9642, 1.0, 0.8249])
    adapt = np.linalg.inv(bradford) @ np.diag(bradford @ d50 / (bradford @ white)) @ bradford
    colorants = adapt @ (xyz[:, :3] * np.linalg.solve(xyz[:, :3], white))

    def fixed(values: np.ndarray) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(v) * 65536) for v in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78 + 1)
    tags = [(b"desc", text), (b"wtpt", fixed(d50)), (b"cprt", b"text\0\0\0\0none")]
    tags += [(name, fixed(colorants[:, i])) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, body, offset = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags:
        table += struct.pack(">4sII", name, offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s", offset + len(body), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp"
    )
    head += bytes(28) + struct.pack(">3i", *(round(float(v) * 65536) for v in d50))
    return head.ljust(128, b"\0") + table + body
