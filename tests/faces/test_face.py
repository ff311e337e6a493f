"""The geometry of a detected face."""

from __future__ import annotations

import numpy as np
import torch
import torchvision

from aletheia.faces.face import KEYPOINTS, Face, box_iou


def test_face_centre_and_size():
    face = Face(np.array([10, 20, 50, 80], np.float32), np.zeros((len(KEYPOINTS), 2), np.float32), 0.9)
    assert face.centre.tolist() == [30, 50]
    assert face.size == 60


def test_box_iou_agrees_with_torchvision():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (200, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 60, (200, 2))], axis=1).astype(np.float32)
    expected = torchvision.ops.box_iou(torch.from_numpy(boxes[:1]), torch.from_numpy(boxes))[0].numpy()
    np.testing.assert_allclose(box_iou(boxes[0], boxes), expected, atol=1e-5)
