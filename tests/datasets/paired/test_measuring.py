"""Landmarks of genuine pictures, their masks, and the journal that keeps them."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.paired import measuring
from aletheia.datasets.paired.genuine import UnusableError, list_genuine
from aletheia.datasets.paired.journal import Journal
from aletheia.datasets.paired.measuring import measure_face, measure_faces
from aletheia.datasets.paired.regions import PARTS, eye_distance, inner_face_mask, mouth_opening, part_mask, symmetry


def test_masks_cover_their_parts(portraits, measured):
    for (image, drawn), face in zip(portraits, measured, strict=True):
        inner = inner_face_mask(image.shape, face.points)
        for part, mask in ((part, part_mask(image.shape, face.points, part)) for part in PARTS):
            assert 0.02 < mask.sum() / inner.sum() < 0.4, part
        places = {
            "eyes": drawn["eyes"],
            "nose": drawn["nose"][:1],
            "mouth": drawn["mouth"].reshape(-1, 2).mean(axis=0)[None],
        }
        reach = np.ones((9, 9), np.uint8)
        for part, points in places.items():
            near = cv2.dilate(part_mask(image.shape, face.points, part).astype(np.uint8), reach)
            assert all(near[int(y), int(x)] for x, y in points), part
        y = np.nonzero(inner)[0]
        assert y.min() < drawn["eyes"][:, 1].min() and y.max() > drawn["mouth"][:, 1].max()


def test_symmetry_and_opening(measured):
    points = measured[4].points.copy()
    assert symmetry(points) > 0.8  # looks into the camera
    nose = points.copy()
    nose[1] = nose[234]  # the nose's tip on the cheek's edge
    assert abs(symmetry(nose)) < 1e-6
    opened = points.copy()
    opened[14] += opened[14] - opened[13]
    assert mouth_opening(opened) == pytest.approx(2 * mouth_opening(points), rel=1e-3)
    assert eye_distance(3 * points) == pytest.approx(3 * eye_distance(points))


def test_faces_that_cannot_be_used(portraits):
    image = portraits[0][0]
    for picture, reason in (
        (np.full((90, 90, 3), 80, np.uint8), "no face of 64 pixels"),
        (cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA), "no face of 64 pixels"),
        (image[:170], "edge of the picture|landmarks|no face"),
    ):
        with pytest.raises(UnusableError) as refused:
            measure_face(np.ascontiguousarray(picture))
        assert any(words in refused.value.reason for words in reason.split("|"))


def test_measure_faces_resumes_with_the_same_numbers(genuine, tmp_path, monkeypatch):
    pictures, _ = list_genuine(genuine)
    with Journal(tmp_path / "faces") as journal:
        first = measure_faces(pictures, journal, progress=False)
    assert [one.name for one in first[0]] == [f"camera/{k}.png" for k in range(8)]
    assert [reason.split(":")[0] for _, reason in first[2]] == ["no face of 64 pixels found", "unreadable"]

    def again(_):
        pytest.fail("a picture that was finished is measured again")

    monkeypatch.setattr(measuring, "measure_face", again)
    with Journal(tmp_path / "faces") as journal:
        second = measure_faces(pictures, journal, progress=False)
    assert second[2] == first[2]
    for a, b in zip(first[1], second[1], strict=True):
        np.testing.assert_array_equal(a.points, b.points)
        np.testing.assert_array_equal(a.colour, b.colour)


def test_journal_survives_a_cut_off_line(tmp_path):
    path = tmp_path / "new" / "journal"
    with Journal(path) as journal:
        journal.add("a\udcff.png", "key", {"x": 1})
        journal.add("b.png", "key", [2])
    path.write_text(path.read_text() + '["c.png", "ke')
    with Journal(path) as journal:
        assert journal.find("a\udcff.png", "key") == {"x": 1} and journal.find("b.png", "other") is None
        assert journal.find("c.png", "key") is None
        journal.add("c.png", "key", 3)
    assert json.loads(path.read_text().splitlines()[-1]) == ["c.png", "key", 3]
    with pytest.raises(InputError, match="cannot be written"):
        Journal(path / "below" / "journal")
