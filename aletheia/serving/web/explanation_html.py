"""The closer look at a face as HTML: what the network saw, where it looked, and the spectrum beside typical ones."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2

from aletheia.core.arrays import Array
from aletheia.serving.web import charts

if TYPE_CHECKING:
    from aletheia.inference.explain import Explanation

#: Faces of one picture that are looked at closely, the largest first.
FACES = 6
_SIDE = 240  # pixels of a shown crop
_CROP = "What the model was given: the face, cut out and brought to its size."
_ATTENTION = "Where the model paid attention. Bright parts count more, grey ones hardly."
_CAM = (
    "What spoke for “manipulated” (Grad-CAM). Bright parts pushed the answer that way. The strongest spot is always "
    "yellow, in a genuine face, too: the map says where, not how much."
)
_FAILED = "This closer look did not work just now. The verdict above does not depend on it."
_UNCUT = '<p class="quiet">This face cannot be cut out as those that the model learnt from.</p>'
_NO_CAM = "Nothing in this face spoke for “manipulated”, so this map is empty (Grad-CAM)."


def render_explanation(
    explanations: Sequence[Explanation | None], faces: int, busy: bool = False, failed: bool = False
) -> str:
    """The panels of the faces that were looked at so far.

    Parameters
    ----------
    explanations : sequence of Explanation
        Of the first faces of the answer; None for one that could not be cut out.
    faces : int
        How many there are.
    busy : bool
        More is to come.
    failed : bool
        It did not work.
    """
    panels = "".join(
        f'<div class="panel" data-panel="{n}">{_panel(found) if found else _UNCUT}</div>'
        for n, found in enumerate(explanations)
    )
    rest = range(len(explanations), faces)
    late = "Looking closer …" if busy else f"Only the {FACES} largest faces are looked at closely."
    late = _FAILED if failed else late
    panels += "".join(f'<div class="panel" data-panel="{n}"><p class="quiet">{late}</p></div>' for n in rest)
    return (
        f'<section class="block" aria-label="A closer look"{" aria-busy=true" if busy else ""}><h2>A closer look</h2>'
        "<p>These pictures show <em>where</em> the model looked, not <em>why</em>. They are coarse, and a bright spot "
        f"is no proof that something was changed there.</p>{panels}</section>"
    )


def _panel(found: Explanation) -> str:
    from aletheia.inference.explain import overlay

    shown = [(found.crop, "Face, cut out", _CROP)]
    if found.attention is not None:
        shown.append((overlay(found.crop, found.attention, _SIDE), "Attention", _ATTENTION))
    if found.cam is not None:
        empty = not found.cam.any()
        shown.append((overlay(found.crop, found.cam, _SIDE), "Evidence map", _NO_CAM if empty else _CAM))
    figures = "".join(
        f'<figure><img src="{_address(rgb)}" alt="{title}" width="{_SIDE}" height="{_SIDE}"><figcaption>'
        f"<strong>{title}</strong> {text}</figcaption></figure>"
        for rgb, title, text in shown
    )
    missing = "" if len(shown) > 1 else '<p class="quiet">This model was exported without maps of what it looks at.</p>'
    return f'<div class="crops">{figures}</div>{missing}{_spectrum(found)}'


def _spectrum(found: Explanation) -> str:
    known = {kind: getattr(found.typical, kind) for kind in ("real", "fake")} if found.typical else {}
    typical = {
        kind: {"low": part.low, "mean": part.mean, "high": part.high}
        for kind, part in known.items()
        if part is not None
    }
    text = (
        "Every picture is made of coarse and fine detail. Programs that make or enlarge faces often leave too much or "
        "too little of the finest, at the right. So do resizing, saving and filters: this line alone proves nothing, "
        "and the verdict above does not use it."
    )
    band = " The shaded bands hold nine of ten faces that the model was trained on." if typical else ""
    chart = charts.spectrum(*found.spectrum, typical)
    return f'<div class="beside"><div><h3>Fine detail</h3><p>{text}{band}</p></div><div>{chart}</div></div>'


def _address(rgb: Array) -> str:
    """A picture inside of the page, which leaves no file behind."""
    if rgb.shape[0] != _SIDE:
        rgb = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
