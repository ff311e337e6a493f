"""Cutting a face out of a picture for a network."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.faces.crop import crop_face
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.face import Face
from aletheia.models.preprocessing import check_cuts_faces, largest_face, network_input
from aletheia.models.spec import AbstentionSpec, ModelSpec
from aletheia.models.verdict import crop_statistics


def spec(largest: float | None, size: int = 64, **crop) -> ModelSpec:
    ranges = {} if largest is None else {"face_size": (40.0, largest)}
    rules = AbstentionSpec(alpha=0.1, real_upper=0.4, fake_lower=0.4, ranges=ranges)
    return ModelSpec(
        architecture="attention_cnn", input_size=size, abstention=rules, crop=CropConfig(size=size, margin=0.25, **crop)
    )


def face(side: float) -> Face:
    box = np.array([100, 100, 100 + side, 100 + side], np.float32)
    places = np.array([[0.3, 0.34], [0.7, 0.34], [0.5, 0.59], [0.5, 0.77], [0.1, 0.4], [0.9, 0.4]], np.float32)
    return Face(box, box[:2] + side * places, 0.9)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """Return a picture (600, 600, 3) whose finest detail is as strong as can be."""
    return np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)


@pytest.mark.parametrize("policy", ["scale", "tight", "aligned"])
def test_network_input_shrinks_large_face(noise, policy):
    """A face four times as large as the largest of the training is shrunk to that one first."""
    large, model = face(400), spec(100.0, policy=policy)
    expected = cv2.resize(crop_face(noise, large, 150, 0.25, policy), (64, 64), interpolation=cv2.INTER_AREA)
    assert np.array_equal(network_input(noise, large, model), expected)
    assert not np.array_equal(expected, crop_face(noise, large, 64, 0.25, policy))


def test_network_input_large_face_no_sharper_than_largest(noise):
    """Enlarged from the largest face of the training, not cut out at a sharpness that the network never saw."""
    model, unknown = spec(40.0, size=128), spec(None, size=128)
    inputs = (network_input(noise, face(400), which) for which in (unknown, model))
    sharp, softened = (crop_statistics(rgb)["sharpness"] for rgb in inputs)
    assert softened < sharp - 1


def test_network_input_face_within_range_unchanged(noise):
    for model in (spec(100.0), spec(None)):
        assert np.array_equal(network_input(noise, face(100), model), crop_face(noise, face(100), 64, 0.25, "scale"))


def test_largest_face_not_recorded():
    assert largest_face(spec(None)) == 0.0 and largest_face(spec(70.0)) == 70.0
    assert largest_face(spec(70.0).model_copy(update={"abstention": None})) == 0.0


def test_check_cuts_faces_refuses_crops_of_others():
    check_cuts_faces("m", spec(None))
    with pytest.raises(InputError, match="aletheia run"):
        check_cuts_faces("m", spec(None, policy="none"))
