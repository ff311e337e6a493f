"""Figure of where in the crop a network finds its evidence: mean maps over mean faces."""

from __future__ import annotations

import base64

import cv2
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from aletheia.core.arrays import Array
from aletheia.evaluation.saliency import GRID, UNIFORM, ClassSaliency, Saliency
from aletheia.inference.explain import overlay
from aletheia.plotting.theme import FAKE, empty, note, styled

_SIDE = 256  # pixels of a picture


def saliency_figure(saliency: Saliency | None) -> go.Figure:
    """Draw the mean map of fakes and that of genuine faces over their mean faces, each with its best window."""
    title = "Where the network finds its evidence"
    parts = [] if saliency is None else [("fakes", saliency.fake), ("genuine faces", saliency.real)]
    known = [(name, part) for name, part in parts if part is not None]
    if not known:
        return empty(title, "There is no face to explain.")
    titles = [f"{name}: {part.share.text('.0%', 'too few people')}" for name, part in known]
    figure = make_subplots(1, len(known), subplot_titles=titles, horizontal_spacing=0.06)
    for column, (_, part) in enumerate(known, start=1):
        _add_panel(figure, part, column)
    styled(figure, title, height=420)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, constrain="domain")
    return note(
        figure,
        "Integrated gradients, averaged: grey where there is none, the more yellow the more. Above, the share within "
        f"the best window (framed; {UNIFORM:.1%} of the area) of other people's faces, with a 95 % interval.",
    )


def _add_panel(figure: go.Figure, part: ClassSaliency, column: int) -> None:
    picture = overlay(part.face, part.heat / max(part.heat.max(), 1e-12), _SIDE)
    figure.add_image(source=_data_uri(picture), hoverinfo="skip", row=1, col=column)
    top, left, height, width = (cells * _SIDE / GRID for cells in part.window)
    corners = {"x0": left - 0.5, "y0": top - 0.5, "x1": left + width - 0.5, "y1": top + height - 0.5}
    figure.add_shape(type="rect", **corners, line={"color": FAKE, "width": 3}, row=1, col=column)


def _data_uri(rgb: Array) -> str:
    png = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
    return "data:image/png;base64," + base64.b64encode(png).decode()
