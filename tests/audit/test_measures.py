"""Measures against closed forms and images of known content."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from PIL import Image

from aletheia.audit.measures import COLUMNS, CONTROLS, FAMILIES, Measure, measure_image, quantisation
from aletheia.faces.face import Face

BOX = np.array([100.0, 80, 180, 160])
POINTS = np.array([(120, 100), (160, 100), (140, 125), (140, 145), (105, 110), (175, 110)], float)


def measured(rgb, box=BOX, points=POINTS):
    return measure_image(rgb, Face(box, points, 0.9))


def noisy(sigma, seed=0, shape=(240, 300), level=128.0):
    rng = np.random.default_rng(seed)
    grey = rng.normal(level, sigma, shape)
    return np.clip(np.round(grey), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def test_measure_image_light():
    rgb = np.zeros((240, 300, 3), np.uint8)
    rgb[:] = (200, 100, 50)
    rgb[:24] = 255
    values = measured(rgb)
    outside = 240 * 300 - 80 * 80
    white = 24 * 300 / outside
    assert values["red"] == pytest.approx(200 * (1 - white) + 255 * white, abs=0.1)
    assert values["blue"] == pytest.approx(50 * (1 - white) + 255 * white, abs=0.1)
    assert values["saturation"] == pytest.approx((1 - white) * 0.75, abs=1e-3)
    assert values["bright"] == pytest.approx(white, abs=1e-3)
    assert values["dark"] == 0


@pytest.mark.parametrize("sigma", [2.0, 5.0, 12.0])
def test_measure_image_noise(sigma):
    values = measured(noisy(sigma))
    assert values["noise"] == pytest.approx(sigma, rel=0.06)
    assert values["contrast"] == pytest.approx(sigma, rel=0.05)
    # The Laplacian's kernel (1, 1, -4, 1, 1) adds 20 variances.
    assert math.expm1(values["laplacian"]) == pytest.approx(20 * sigma**2, rel=0.1)
    assert values["back_noise"] == pytest.approx(sigma, rel=0.06)


def test_measure_image_grid():
    smooth = cv2.GaussianBlur(noisy(60.0), (0, 0), 3)
    assert measured(smooth)["grid"] == pytest.approx(1, abs=0.05)
    coded = cv2.imdecode(cv2.imencode(".jpg", smooth, [cv2.IMWRITE_JPEG_QUALITY, 25])[1], 1)
    assert measured(coded)["grid"] > 1.3
    shifted = np.ascontiguousarray(coded[:, 3:])
    assert measured(shifted)["grid"] < 1.05


def test_measure_image_flattest_part_outside_of_the_face():
    rgb = noisy(20.0)
    rgb[80:160, 100:180] = 128  # the face has no noise at all
    rgb[192:224, 0:32] = noisy(2.0, seed=1, shape=(32, 32))
    assert 1.0 < measured(rgb)["flat_noise"] < 2.5


def test_measure_image_face_in_controls_only():
    rgb = cv2.GaussianBlur(noisy(60.0), (0, 0), 2)
    other = rgb.copy()
    other[80:160, 100:180] = noisy(40.0, seed=3, shape=(80, 80), level=60)
    before, after = measured(rgb), measured(other)
    changed = {name for name in COLUMNS if name in before and not math.isclose(before[name], after[name], abs_tol=1e-6)}
    assert {name for name in changed if not name.startswith("thumb_")} <= {"fine"}
    assert before["fine"] == pytest.approx(after["fine"], rel=1e-3)  # the widest filter fades out
    assert any(name.startswith("thumb_") for name in changed)
    assert not any(name.startswith("blank_") and name[6:].isdigit() for name in changed)


def test_measure_image_framing_and_keypoints():
    rgb = noisy(5.0)
    first, moved = measured(rgb), measured(rgb, BOX + np.array([30, 20, 30, 20]), POINTS + np.array([30, 20]))
    assert (first["face_x"], first["face_y"]) == (140 / 300, 120 / 240)
    assert (moved["face_x"], moved["face_y"]) == (170 / 300, 140 / 240)
    assert first["face_share"] == 80 / 300 and first["face_pixels"] == 80
    for name in FAMILIES["keypoints"][1]:
        assert first[name] == pytest.approx(moved[name])
    assert (first["point_x0"], first["point_y0"]) == (-20 / 80, -20 / 80)


def test_quantisation_tables(tmp_path):
    tables = [list(range(1, 65)), [7] * 64]
    Image.fromarray(noisy(9.0)).save(tmp_path / "a.jpg", qtables=tables)
    values = quantisation(str(tmp_path / "a.jpg"))
    written = Image.open(tmp_path / "a.jpg").quantization
    assert values["luma_dc"] == written[0][0] and values["luma_high"] == written[0][-1]
    assert (values["chroma_dc"], values["chroma_high"], values["table_count"]) == (7, 7, 2)
    Image.fromarray(noisy(9.0)).save(tmp_path / "a.png")
    assert quantisation(str(tmp_path / "a.png")) == {}
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:30])
    assert set(quantisation(str(tmp_path / "b.jpg"))) <= set(FAMILIES["tables"][1])


def test_measure_file(tmp_path):
    Image.fromarray(noisy(9.0)).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    face = Face(BOX, POINTS, 0.9)
    names = [str(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg")]
    measure = Measure()
    first, *others = (measure((name, face)) for name in names)
    assert first.shape == (len(COLUMNS),) and np.isfinite(first).all()
    assert np.isnan(others).all() and np.isnan(measure.on_crash(("a", face))).all()


def test_measure_image_extremes():
    for shape in ((1, 1, 3), (9, 200, 3), (60, 60, 3)):
        values = measured(np.full(shape, 7, np.uint8), np.array([-50.0, -50, 500, 500]))
        assert values and not any(np.isinf(value) for value in values.values())


def test_columns_belong_to_one_family():
    names = [name for _, columns in FAMILIES.values() for name in columns]
    assert len(set(names)) == len(names) == len(COLUMNS)
    assert set(CONTROLS) < set(FAMILIES)
