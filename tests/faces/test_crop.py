"""Crops: the three policies against geometry worked out by hand."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.faces import crop as module
from aletheia.faces.crop import CropError, alignment, crop_face
from aletheia.faces.face import Face

# Eyes, nose, mouth of an upright face in a box of side 1, as the crop module's template has them.
UPRIGHT = np.array([(0.30, 0.335), (0.70, 0.335), (0.50, 0.586), (0.50, 0.769), (0.1, 0.4), (0.9, 0.4)])


def make_face(x0, y0, side, turn=0.0):
    points = UPRIGHT - 0.5
    turned = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + 0.5
    box = np.array((x0, y0, x0 + side, y0 + side), np.float32)
    return Face(box, (turned * side + (x0, y0)).astype(np.float32), 0.9)


@pytest.fixture
def ramp():
    """Red is x, green is y, so that a pixel names its place."""
    y, x = np.mgrid[0:200, 0:240]
    return np.dstack([x, y, 0 * x]).astype(np.uint8)


def test_crop_face_scale_margin(ramp):
    crop = crop_face(ramp, make_face(60, 50, 50), 70, margin=0.2)
    np.testing.assert_array_equal(crop, ramp[40:110, 50:120])


def test_crop_face_scale_mirrors_at_the_edge(ramp):
    crop = crop_face(ramp, make_face(0, 50, 50), 70, margin=0.2)
    np.testing.assert_array_equal(crop[:, 10:], ramp[40:110, 0:60])
    np.testing.assert_array_equal(crop[:, :10], ramp[40:110, 10:0:-1])


def test_crop_face_tight_stretches(ramp):
    crop = crop_face(ramp, make_face(-20, 50, 50), 64, margin=0.0, policy="tight")
    reference = cv2.resize(ramp[50:100, 0:30], (64, 64), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(crop, reference)


@pytest.mark.parametrize("policy", ["scale", "tight", "aligned"])
@pytest.mark.parametrize("side", [12, 60, 500])
def test_crop_face_shape(policy, side):
    rgb = np.random.default_rng(0).integers(0, 255, (300, 280, 3), dtype=np.uint8)
    crop = crop_face(rgb, make_face(40, 30, side), 96, policy=policy)
    assert crop.shape == (96, 96, 3)
    assert crop.dtype == np.uint8
    assert crop.flags.c_contiguous


@pytest.mark.parametrize("turn", [0.0, 0.3, -0.8])
@pytest.mark.parametrize("side", [40, 90, 600])
def test_crop_face_aligned_places_the_eyes(turn, side):
    scene = np.zeros((1000, 1000, 3), np.uint8)
    face = make_face(150, 170, side, turn)
    for k, point in enumerate(face.keypoints[:3]):
        # Keypoints count from pixel edges, OpenCV from pixel centres.
        centre = tuple(round(float(c - 0.5) * 16) for c in point)
        colour = [0, 0, 0]
        colour[k] = 255
        cv2.circle(scene, centre, round(side * 0.05 * 16), colour, -1, cv2.LINE_AA, shift=4)
    crop = crop_face(scene, face, 128, margin=0.2, policy="aligned").astype(float)
    y, x = np.mgrid[0:128, 0:128] + 0.5
    for k in range(3):
        weight = crop[..., k]
        centre = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
        np.testing.assert_allclose(centre, (UPRIGHT[k] + 0.2) / 1.4 * 128, atol=0.2)


def test_alignment_least_squares():
    rng = np.random.default_rng(0)
    points = UPRIGHT * 80 + rng.normal(0, 4, (6, 2))
    matrix = alignment(points, 100, 0.1)
    target = (UPRIGHT[:4] + 0.1) / 1.2 * 100
    # The same as a linear least-squares problem in (a, b, tx, ty), rows weighted by the root of the weights.
    rows, right = [], []
    for (x, y), (u, v), weight in zip(points[:4], target, (2, 2, 1, 1), strict=True):
        rows += [np.sqrt(weight) * np.array((x, -y, 1, 0)), np.sqrt(weight) * np.array((y, x, 0, 1))]
        right += [np.sqrt(weight) * u, np.sqrt(weight) * v]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    np.testing.assert_allclose(matrix, [[a, -b, tx], [b, a, ty]], atol=1e-4)  # the template is float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy": "oval"}, "policy.*scale"),
        ({"policy": "none"}, "cuts nothing out"),
        ({"size": 4}, "size.*8"),
        ({"size": 4097}, "size.*4096"),
        ({"margin": -1}, "margin.*0"),
        ({"margin": 2.1}, "margin.*2"),
    ],
)
def test_crop_face_invalid_settings(ramp, changes, message):
    with pytest.raises(InputError, match=message):
        crop_face(ramp, make_face(10, 10, 50), **{"size": 64, **changes})


@pytest.mark.parametrize("policy", ["scale", "tight"])
def test_crop_face_outside_of_the_image(ramp, policy):
    with pytest.raises(CropError, match="outside of the image"):
        crop_face(ramp, make_face(900, 10, 50), 64, policy=policy)


def test_crop_face_degenerate_keypoints(ramp):
    face = Face(np.array((10, 10, 60, 60), np.float32), np.full((6, 2), 30, np.float32), 0.9)
    with pytest.raises(CropError, match="keypoints coincide, so that it cannot be aligned") as caught:
        crop_face(ramp, face, 64, policy="aligned")
    assert "policy 'scale'" in str(caught.value) and "policy" not in caught.value.reason
    with pytest.raises(CropError, match="as those of no face"):
        crop_face(ramp, dataclasses.replace(face, keypoints=mirrored_keypoints()), 64, policy="aligned")


def mirrored_keypoints():
    """A mirrored face, as wide for its height that no turned and scaled face is more like it than a point."""
    points, weights = UPRIGHT - 0.5, np.array([2, 2, 1, 1, 0, 0]) / 6
    points = points - weights @ points
    across, down = weights @ points**2
    return 5000 * points * (-down / across, 1)


def warp_whole_image(rgb, face, size, margin):
    """The whole image handed to OpenCV, as far as that takes it."""
    matrix = alignment(face.keypoints, size, margin)
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    if scale < 0.5:
        height, width = rgb.shape[:2]
        small = (max(round(width * 2 * scale), 1), max(round(height * 2 * scale), 1))
        rgb = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        matrix[:, :2] /= np.array([small[0] / width, small[1] / height])
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def test_crop_face_aligned_equals_warp_of_the_whole_image():
    """In the middle, over each rim, over all of them, mirrored more than once; large and small, turned."""
    rng = np.random.default_rng(2)
    scene = rng.integers(0, 256, (300, 420, 3), dtype=np.uint8)
    n_outside = 0
    for _ in range(400):
        side = float(rng.choice([25, 60, 150, 400, 900]))
        x, y = rng.uniform(-0.6 * side, 420 - 0.4 * side), rng.uniform(-0.6 * side, 300 - 0.4 * side)
        face, margin = make_face(x, y, side, rng.uniform(-3, 3)), float(rng.choice([0.0, 0.2, 1.0, 2.0]))
        n_outside += x < 0 or y < 0 or x + side > 420 or y + side > 300
        crop = crop_face(scene, face, 96, margin, "aligned")
        np.testing.assert_array_equal(crop, warp_whole_image(scene, face, 96, margin))
    assert 100 < n_outside < 350


@pytest.mark.parametrize("upright", [True, False], ids=["wide", "high"])
def test_crop_face_aligned_beyond_opencv_limit(upright):
    long, part = (
        np.zeros((300, 40_000, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 600, 3), np.uint8),
    )
    long[:, 33_000:33_600] = part
    face, same = make_face(33_250, 80, 110, 0.2), make_face(250, 80, 110, 0.2)
    if not upright:
        long, part = (np.ascontiguousarray(np.swapaxes(rgb, 0, 1)) for rgb in (long, part))
        face, same = (dataclasses.replace(f, keypoints=f.keypoints[:, ::-1] + 0) for f in (face, same))
        face, same = (dataclasses.replace(f, keypoints=_swap_sides(f.keypoints)) for f in (face, same))
    with pytest.raises(cv2.error):
        warp_whole_image(long, face, 96, 0.2)
    for far in (-80_000, 90_000):
        with pytest.raises(CropError, match="far outside"):
            crop_face(long, dataclasses.replace(face, keypoints=face.keypoints + far), 96, 0.2, "aligned")
    off = np.abs(crop_face(long, face, 96, 0.2, "aligned").astype(int) - warp_whole_image(part, same, 96, 0.2))
    assert (off > 40).mean() < 0.01  # noise, and keypoints of 24 bits: sixteen times as coarse so far from the corner


def _swap_sides(points):
    """Swapping x and y mirrors a face; with its eyes changed places it is one again."""
    return points[[1, 0, 2, 3, 5, 4]]


def _padded(rgb, face, size, margin):
    """The crop out of the whole mirrored image."""
    half = face.size * (0.5 + margin)
    x0, y0 = np.floor((face.box[:2] + face.box[2:]) / 2 - half + 0.5).astype(int)
    side = round(2 * half)
    low, high = (max(-y0, 0), max(-x0, 0)), (max(y0 + side - len(rgb), 0), max(x0 + side - rgb.shape[1], 0))
    wide = np.pad(rgb, ((low[0], high[0]), (low[1], high[1]), (0, 0)), mode="reflect")
    part = wide[y0 + low[0] :, x0 + low[1] :][:side, :side]
    return cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)


def test_crop_face_mirroring_agrees_with_numpy(portraits, monkeypatch):
    rng, image = np.random.default_rng(1), cv2.resize(portraits[0][0], (1024, 1024), interpolation=cv2.INTER_CUBIC)
    for _ in range(40):
        side = rng.uniform(100, 800)
        face = make_face(*rng.uniform(-0.3 * side, 1024 - 0.7 * side, 2), side)
        margin = float(rng.choice([0.0, 0.2, 1.0, 2.0]))
        expected = _padded(image, face, 128, margin)
        np.testing.assert_array_equal(crop_face(image, face, 128, margin), expected)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_MAX_PADDED", 512)
            off = np.abs(crop_face(image, face, 128, margin).astype(int) - expected)
        assert off.max() <= 64 and off.mean() < 2.5, (off.max(), off.mean())


def test_crop_face_large_margin_memory(monkeypatch):
    """A face that fills 36 million pixels, with its margin, is 30,000 pixels a side: 2.7 GB."""
    padded_images, pad = [], cv2.copyMakeBorder
    monkeypatch.setattr(cv2, "copyMakeBorder", lambda *args, **kw: padded_images.append(out := pad(*args, **kw)) or out)
    for shape in ((6000, 6000, 3), (1, 4_000_000, 3)):
        crop = crop_face(np.full(shape, 90, np.uint8), make_face(0, 0, max(shape)), 96, margin=2.0)
        assert (crop == 90).all()
    assert max(max(padded.shape) for padded in padded_images) <= 4097
