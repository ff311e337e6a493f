"""A file's record of its origin besides content credentials: EXIF, XMP and traces of software."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin
from PIL.TiffImagePlugin import IFDRational

from aletheia.core.errors import InputError
from aletheia.serving.credentials import clean_text
from aletheia.serving.provenance import Provenance, read_provenance

GENERATIVE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def picture(kind: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def described(**changes) -> Image.Exif:
    exif = Image.Exif()
    values = {"Make": "Example", "Model": "Camera 7", "Software": "Firmware 1.0", "Artist": "A. Nobody"} | changes
    for name, value in values.items():
        exif[ExifTags.Base[name]] = value
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    inner[ExifTags.Base.ExposureTime] = IFDRational(1, 125)
    inner[ExifTags.Base.FNumber] = IFDRational(28, 10)
    inner[ExifTags.Base.ISOSpeedRatings] = 400
    inner[ExifTags.Base.FocalLength] = IFDRational(50, 1)
    inner[ExifTags.Base.UserComment] = b"ASCII\0\0\0a comment"
    inner[ExifTags.Base.MakerNote] = b"secret" * 99
    position = exif.get_ifd(ExifTags.IFD.GPSInfo)
    position.update({1: "S", 2: (IFDRational(33, 1), IFDRational(51, 1), IFDRational(36, 1))})
    position.update({3: "E", 4: (IFDRational(151, 1), IFDRational(12, 1), IFDRational(0, 1))})
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_read_provenance_exif(kind):
    assert dict(read_provenance(picture(kind, exif=described())).exif) == {
        "Make": "Example",
        "Model": "Camera 7",
        "Software": "Firmware 1.0",
        "DateTimeOriginal": "2024:05:06 07:08:09",
        "Artist": "A. Nobody",
        "UserComment": "a comment",
        "ExposureTime": "1/125 s",
        "FNumber": "f/2.8",
        "ISOSpeedRatings": "400",
        "FocalLength": "50 mm",
        "GPSPosition": "-33.86000, 151.20000",
    }


def test_clean_text_bounds_and_cleans():
    result = dict(read_provenance(picture(exif=described(Artist="a\x1b[31m\r\n\x7fb", Make="x" * 5000))).exif)
    assert result["Artist"] == "a [31m b"
    assert len(result["Make"]) == 200 and result["Make"].endswith("…")
    assert clean_text("\0" * 10**6) == "" and clean_text("a\u202eb\u2028c") == "a b c"


@pytest.mark.parametrize("value", [IFDRational(0, 0), IFDRational(1, 0), float("nan")])
def test_read_provenance_skips_undefined_numbers(value):
    exif = described()
    inner, position = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    inner[ExifTags.Base.ExposureTime] = IFDRational(0, 0) if value != value else value
    position[2] = (IFDRational(0, 0),) * 3
    result = dict(read_provenance(picture(exif=exif)).exif)
    assert "ExposureTime" not in result and "GPSPosition" not in result
    assert result["FNumber"] == "f/2.8"


def test_read_provenance_software_fields():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a portrait, Steps: 20, Sampler: Euler a")
    texts.add_text("unknown", "not told")
    result = read_provenance(picture("PNG", pnginfo=texts)).software
    assert result == (
        "parameters: a portrait, Steps: 20, Sampler: Euler a (a field that web interfaces of Stable Diffusion write)",
    )
    assert read_provenance(picture(comment=b"made with love")).software == ("comment: made with love",)


@pytest.mark.parametrize("form", ["attribute", "element", "resource"])
def test_read_provenance_xmp_generative(form):
    inner = {
        "attribute": f'<rdf:Description xmp:CreatorTool="Painter 3" Iptc4xmpExt:DigitalSourceType="{GENERATIVE}"/>',
        "element": f"<xmp:CreatorTool>Painter 3</xmp:CreatorTool><x:DigitalSourceType>{GENERATIVE}</x:>",
        "resource": f'<xmp:CreatorTool>Painter 3</xmp:CreatorTool><x:DigitalSourceType rdf:resource="{GENERATIVE}"/>',
    }[form]
    data = picture(xmp=f"<x:xmpmeta>{inner}</x:xmpmeta>".encode())
    assert read_provenance(data).software == ("XMP creator tool: Painter 3", "XMP says: made by generative AI")


def test_read_provenance_hostile_xmp_is_fast():
    bombs = [b"DigitalSourceType " * 3000, b"xmp:CreatorTool=" + b"'" * 60000, b"<!ENTITY a 'a'>" * 4000]
    started = time.process_time()
    for bomb in bombs:
        read_provenance(picture("WEBP", xmp=bomb))
    assert time.process_time() - started < 2


def test_read_provenance_empty():
    assert read_provenance(picture()).to_dict() == {"exif": [], "c2pa": None, "software": []}
    cut = picture("PNG")[:3000]  # its tags may stand behind the pixels
    for data in (b"", b"no picture", b"PK\3\4" + bytes(99), b"%PDF-1.7 jumb c2pa", picture()[:40], cut):
        assert read_provenance(data) == Provenance()


def test_read_provenance_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_provenance(tmp_path / "none.jpg").to_dict()
    (tmp_path / "empty.jpg").touch()
    assert read_provenance(tmp_path / "empty.jpg") == Provenance()


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of broken EXIF
def test_read_provenance_damaged_tags(damaged):
    result = []
    for piece in damaged(picture(exif=described()), np.random.default_rng(0)):
        result.append(read_provenance(piece).to_dict())
        json.dumps(result[-1], allow_nan=False)
        assert all(len(value) <= 200 for _, value in result[-1]["exif"])
    assert len({str(record) for record in result}) > 10
