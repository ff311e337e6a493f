"""The file's own record of its origin as HTML: beside the verdict, never part of it. All of its text is untrusted."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from aletheia.serving.web.about_html import scrollable

_NO_RECORD = (
    "The file carries no content credentials and says nothing of a camera or a program. Most pictures lose such notes "
    "when they are sent or posted: that they are missing speaks neither for nor against it."
)
_TAG_NAMES = {
    "Make": "camera maker",
    "Model": "camera",
    "LensMake": "lens maker",
    "LensModel": "lens",
    "Software": "program",
    "ProcessingSoftware": "program",
    "HostComputer": "computer",
    "DateTimeOriginal": "taken",
    "DateTimeDigitized": "digitised",
    "DateTime": "changed",
    "Artist": "author",
    "Copyright": "copyright",
    "ImageDescription": "description",
    "UserComment": "comment",
    "ExposureTime": "exposure",
    "FNumber": "aperture",
    "ISOSpeedRatings": "ISO",
    "FocalLength": "focal length",
    "GPSPosition": "position",
}


def render_provenance(record: Mapping[str, Any] | None) -> str:
    """Render content credentials, camera data and traces of programs.

    Parameters
    ----------
    record : mapping or None
        See `aletheia.serving.service.InferenceService.provenance`; None when it could not be read.
    """
    if record is None:
        body = "<p>What the file says about itself could not be read.</p>"
    elif not (record["c2pa"] or record["exif"] or record["software"]):
        body = f"<p>{_NO_RECORD}</p>"
    else:
        body = _credentials(record["c2pa"]) + _camera(record["exif"]) + _programs(record["software"])
    return (
        '<section class="block evidence" aria-label="What the file says about itself">'
        "<h2>What the file says about itself</h2>"
        f'<p class="badge">Not part of the score: the model has seen none of it.</p>{body}</section>'
    )


def _credentials(c2pa: Mapping[str, Any] | None) -> str:
    if not c2pa:
        return "<h3>Content credentials</h3><p>None.</p>"
    if not c2pa["valid"]:
        lead = "There are signed content credentials, but they do not hold."
    elif c2pa.get("trusted"):
        lead = "The file carries signed content credentials that hold, by a signer that is trusted here."
    else:
        lead = (
            "The file carries signed content credentials that fit it. Who signed is not known here: anybody can sign, "
            "so the names below are claims."
        )
    rows = [
        (name, c2pa.get(key)) for name, key in (("signed by", "issuer"), ("made with", "generator"), ("on", "when"))
    ]
    facts = _table([(name, str(value)) for name, value in rows if value], "Content credentials")
    lists = _list("What was done", c2pa.get("actions") or ()) + _list("Problems", c2pa.get("problems") or ())
    return f"<h3>Content credentials</h3><p>{lead}</p>{facts}{lists}"


def _camera(exif: Any) -> str:
    if not exif:
        return ""
    rows = [(_TAG_NAMES.get(str(tag), str(tag)), str(value)) for tag, value in exif]
    note = "<p>Written by a camera or a program, and easily changed by anybody.</p>"
    return f"<h3>Camera data (EXIF)</h3>{note}{_table(rows, 'Camera data')}"


def _programs(software: Any) -> str:
    return _list("Traces of programs", software)


def _list(title: str, items: Any) -> str:
    if not items:
        return ""
    lines = "".join(f"<li>{escape(str(item))}</li>" for item in items)
    return f"<h3>{title}</h3><ul>{lines}</ul>"


def _table(rows: list[tuple[str, str]], name: str) -> str:
    if not rows:
        return ""
    body = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return scrollable(f'<table class="facts">{body}</table>', name)
