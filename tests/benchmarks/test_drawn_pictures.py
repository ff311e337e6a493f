"""Pictures of `benchmarks.drawn_pictures`: the new generator changes the face, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aletheia.datasets.synthetic.cameras import CAMERAS, capture
from aletheia.datasets.synthetic.faces import render
from aletheia.datasets.synthetic.forgeries import face_mask
from aletheia.datasets.synthetic.people import draw_people
from aletheia.datasets.synthetic.scene import draw_shot
from benchmarks.drawn_pictures import FORGERIES, PATCH, PATCH_SPREAD, PATCHWISE, draw_picture, patchwise


@pytest.fixture(scope="module")
def captured():
    """A genuine picture (H, W, 3) float32, its landmarks, and the mask of the inner face."""
    rng = np.random.default_rng(3)
    scene, points = render(draw_people(2, "cam-a", 3)[0], draw_shot(rng))
    image = capture(scene, CAMERAS["cam-a"], rng)
    return image, points, face_mask(image.shape[:2], points, np.random.default_rng(0), grow=0.8) > 0


def test_patchwise_shifts_each_patch_of_the_face_alone(captured):
    image, points, inner = captured
    shift = (patchwise(image, points, np.random.default_rng(1)) - image).mean(axis=-1)
    height, width = image.shape[:2]
    assert np.abs(shift[: height // 12, : width // 12]).max() == 0  # the background is as it was
    whole = [
        shift[y : y + PATCH, x : x + PATCH]
        for y in range(0, height - PATCH, PATCH)
        for x in range(0, width - PATCH, PATCH)
        if inner[y : y + PATCH, x : x + PATCH].all()
    ]
    assert len(whole) > 4
    assert np.mean([patch.std() for patch in whole]) < 2  # one shift a patch, but for clipping and the soft mask
    assert np.std([patch.mean() for patch in whole]) == pytest.approx(PATCH_SPREAD, rel=0.5)


def test_the_same_seed_draws_the_same_picture():
    person, donor = draw_people(2, "cam-a", 3)
    first, again, other = (
        draw_picture(person, donor, "cam-a", PATCHWISE, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert first == again != other


@pytest.mark.parametrize("forgery", ["", "face-swap", *FORGERIES])
def test_every_forgery_gives_a_jpeg(forgery):
    person, donor = draw_people(2, "cam-a", 3)
    data = draw_picture(person, donor, "cam-c", forgery, np.random.default_rng(5))
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[2] == 3
