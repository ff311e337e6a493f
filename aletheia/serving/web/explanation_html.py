"""Explanation of faces as HTML: the crop, attention and evidence maps, and the spectrum beside typical ones."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2

from aletheia.core.arrays import Array
from aletheia.serving.web import charts

if TYPE_CHECKING:
    from aletheia.inference.explain import Explanation

#: Faces of one picture that are explained, the largest first.
FACES = 6
_SIDE = 240  # pixels of a shown crop
_CROP = "What the model was given: the face, cut out and brought to its size."
_ATTENTION = "Where the model paid attention. Bright parts count more, grey ones hardly."
_CAM = (
    "What spoke for “manipulated” (Grad-CAM). Bright parts pushed the answer that way. The strongest spot is always "
    "yellow, in a genuine face, too: the map says where, not how much."
)
_FAILED = "This closer look did not work just now. The verdict above does not depend on it."
_NOT_CROPPED = '<p class="quiet">This face cannot be cut out as those that the model learnt from.</p>'
_NO_CAM = "Nothing in this face spoke for “manipulated”, so this map is empty (Grad-CAM)."


def render_explanation(
    explanations: Sequence[Explanation | None], faces: int, busy: bool = False, failed: bool = False
) -> str:
    """Render the panels of the faces that have been explained so far.

    Parameters
    ----------
    explanations : sequence of Explanation
        Of the first faces of the answer; None for one that could not be cropped.
    faces : int
        Number of faces in the answer.
    busy : bool
        Whether more explanations are to come.
    failed : bool
        Whether explaining has failed.
    """
    panels = "".join(
        f'<div class="panel" data-panel="{n}">{_panel(explanation) if explanation else _NOT_CROPPED}</div>'
        for n, explanation in enumerate(explanations)
    )
    rest = range(len(explanations), faces)
    note = "Looking closer …" if busy else f"Only the {FACES} largest faces are looked at closely."
    note = _FAILED if failed else note
    panels += "".join(f'<div class="panel" data-panel="{n}"><p class="quiet">{note}</p></div>' for n in rest)
    return (
        f'<section class="block" aria-label="A closer look"{" aria-busy=true" if busy else ""}><h2>A closer look</h2>'
        "<p>These pictures show <em>where</em> the model looked, not <em>why</em>. They are coarse, and a bright spot "
        f"is no proof that something was changed there.</p>{panels}</section>"
    )


def _panel(explanation: Explanation) -> str:
    from aletheia.inference.explain import overlay

    crop, attention, cam = explanation.crop, explanation.attention, explanation.cam
    images = [(crop, "Face, cut out", _CROP)]
    if attention is not None:
        images.append((overlay(crop, attention, _SIDE), "Attention", _ATTENTION))
    if cam is not None:
        images.append((overlay(crop, cam, _SIDE), "Evidence map", _CAM if cam.any() else _NO_CAM))
    figures = "".join(
        f'<figure><img src="{_data_url(rgb)}" alt="{title}" width="{_SIDE}" height="{_SIDE}"><figcaption>'
        f"<strong>{title}</strong> {text}</figcaption></figure>"
        for rgb, title, text in images
    )
    missing = (
        "" if len(images) > 1 else '<p class="quiet">This model was exported without maps of what it looks at.</p>'
    )
    return f'<div class="crops">{figures}</div>{missing}{_spectrum(explanation)}'


def _spectrum(explanation: Explanation) -> str:
    bands = {kind: getattr(explanation.typical, kind, None) for kind in ("real", "fake")}
    typical = {
        kind: {"low": band.low, "mean": band.mean, "high": band.high}
        for kind, band in bands.items()
        if band is not None
    }
    text = (
        "Every picture is made of coarse and fine detail. Programs that make or enlarge faces often leave too much or "
        "too little of the finest, at the right. So do resizing, saving and filters: this line alone proves nothing, "
        "and the verdict above does not use it."
    )
    legend = " The shaded bands hold nine of ten faces that the model was trained on." if typical else ""
    chart = charts.spectrum_chart(*explanation.spectrum, typical)
    return f'<div class="beside"><div><h3>Fine detail</h3><p>{text}{legend}</p></div><div>{chart}</div></div>'


def _data_url(rgb: Array) -> str:
    """Encode a picture as a URL of its own content, so that no file is needed."""
    if rgb.shape[0] != _SIDE:
        rgb = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
