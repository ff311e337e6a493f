"""The detector's networks against mediapipe's own graphs, which are the reference for what they find."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
import torchvision
from mediapipe.python.solutions.face_detection import FaceDetection

from aletheia.core.errors import InputError
from aletheia.faces import blazeface
from aletheia.faces.blazeface import FULL, SHORT, BlazeFaceNetwork, box_iou


@pytest.fixture(scope="module")
def pictures(portraits):
    """Portraits as they are, wide, high, two beside each other, and one inside of a larger picture."""
    images = [image for image, _ in portraits]
    wide = cv2.copyMakeBorder(images[0], 0, 0, 130, 41, cv2.BORDER_REFLECT)
    high = cv2.copyMakeBorder(images[1], 90, 3, 0, 0, cv2.BORDER_REPLICATE)
    small = np.full((500, 640, 3), 90, np.uint8)
    small[100:300, 300:500] = cv2.resize(images[2], (200, 200), interpolation=cv2.INTER_AREA)
    return [*images, wide, high, np.hstack(images[:2]), small]


@pytest.mark.parametrize(("kind", "selection"), [(FULL, 1), (SHORT, 0)])
def test_finds_what_mediapipe_finds(pictures, kind, selection):
    graph, network = FaceDetection(model_selection=selection), BlazeFaceNetwork(kind)
    seen = 0
    for image in pictures:
        height, width = image.shape[:2]
        scale = np.array((width, height))
        wanted = sorted(graph.process(image).detections or [], key=lambda d: -d.score[0])
        found = network(image)
        assert len(found) == len(wanted)
        for face, detection in zip(found, wanted, strict=True):
            seen += 1
            where = detection.location_data
            box = where.relative_bounding_box
            corner, extent = np.array((box.xmin, box.ymin)) * scale, np.array((box.width, box.height)) * scale
            points = np.array([(p.x, p.y) for p in where.relative_keypoints]) * scale
            tolerance = 0.02 * face.size
            np.testing.assert_allclose(face.box, np.concatenate([corner, corner + extent]), atol=tolerance)
            np.testing.assert_allclose(face.keypoints, points, atol=tolerance)
            assert face.score == pytest.approx(detection.score[0], abs=0.02)
    assert seen >= len(pictures) - 2


def test_overlapping_finds_become_their_weighted_mean():
    one = np.array([[0, 0], [10, 10], *[[1, 1]] * 6], float)
    shapes = np.stack([one, one + 1, one + 50])
    first, second = blazeface._merged(shapes, np.array([0.6, 0.9, 0.7]))
    np.testing.assert_allclose(first.box, np.array([0, 0, 10, 10]) + 0.9 / 1.5, rtol=1e-6)
    assert (first.score, second.score) == (0.9, 0.7)
    np.testing.assert_allclose(second.keypoints, 51)


def test_overlap_agrees_with_torchvision():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (200, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 60, (200, 2))], axis=1).astype(np.float32)
    expected = torchvision.ops.box_iou(torch.from_numpy(boxes[:1]), torch.from_numpy(boxes))[0].numpy()
    np.testing.assert_allclose(box_iou(boxes[0], boxes), expected, atol=1e-5)


def test_threads_may_share_one(pictures):
    network = BlazeFaceNetwork(FULL, threads=1)
    alone = [[face.box for face in network(image)] for image in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: [face.box for face in network(image)], pictures * 5))
    for k, boxes in enumerate(together):
        np.testing.assert_allclose(boxes, alone[k % len(pictures)], atol=1e-3)


def test_a_missing_file_says_what_to_do(monkeypatch):
    monkeypatch.setattr(blazeface.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="comes with mediapipe"):
        BlazeFaceNetwork(FULL).start()
