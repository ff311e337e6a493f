"""The figure of mean maps."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from aletheia.evaluation.saliency import GRID, ClassSaliency, Saliency, Window
from aletheia.evaluation.saliency_figure import saliency_figure
from aletheia.stats.estimate import Estimate


def test_saliency_figure_shows_map_and_window():
    window, heat = Window(8, 16, 8, 8), np.zeros((GRID, GRID))
    window.of(heat)[:] = 1 / 64
    part = ClassSaliency(np.full((64, 64, 3), 128, np.uint8), heat, window, Estimate(0.5, 0.4, 0.6))
    figure = saliency_figure(Saliency(part, None))
    (shape,), (image,) = figure.layout.shapes, figure.data
    assert (shape.x0, shape.y0, shape.x1, shape.y1) == (127.5, 63.5, 191.5, 127.5)
    png = np.frombuffer(base64.b64decode(image.source.split(",")[1]), np.uint8)
    rgb = cv2.imdecode(png, cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    assert rgb[96, 160].max() - rgb[96, 160].min() > 100 and rgb[20, 20].tolist() == [128] * 3
    assert figure.layout.annotations[0].text == "fakes: 50% (40% to 60%)"


def test_saliency_figure_without_faces_says_so():
    for nothing in (None, Saliency(None, None)):
        assert "no face to explain" in saliency_figure(nothing).layout.annotations[0].text
