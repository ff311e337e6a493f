"""Numbering the people of a video by where they are."""

from __future__ import annotations

import numpy as np

from aletheia.faces.blazeface import Face
from aletheia.faces.tracking import MISSED, link_faces


def face(x: float, y: float = 100, size: float = 40) -> Face:
    box = np.array([x - size / 2, y - size / 2, x + size / 2, y + size / 2], np.float32)
    return Face(box, np.zeros((6, 2), np.float32), 0.9)


def test_two_people_who_move_keep_their_numbers():
    # They come towards each other and pass by the height of half a face; the order of the faces changes.
    left, right = [face(100 + 15 * t) for t in range(9)], [face(220 - 15 * t, 170) for t in range(9)]
    frames = [[a, b] if t % 2 else [b, a] for t, (a, b) in enumerate(zip(left, right, strict=True))]
    assert link_faces(frames) == [[0, 1] if t % 2 == 0 else [1, 0] for t in range(9)]


def test_the_whole_pairing_counts_not_the_nearest_first():
    # The second face is nearest to the first one's old place, but only together does everybody find a place.
    before, after = [face(100), face(130)], [face(75), face(108)]
    assert link_faces([before, after]) == [[0, 1], [0, 1]]


def test_somebody_new_and_somebody_gone():
    assert link_faces([[face(100)], [face(100), face(300)], [face(300)], [face(100), face(300)]]) == [
        [0],
        [0, 1],
        [1],
        [0, 1],
    ]


def test_out_of_sight_for_long_is_somebody_else():
    empty: list = []
    assert link_faces([[face(100)], *[empty] * MISSED, [face(100)]])[-1] == [0]
    assert link_faces([[face(100)], *[empty] * (MISSED + 1), [face(100)]])[-1] == [1]


def test_far_away_or_of_another_size_is_somebody_else():
    assert link_faces([[face(100)], [face(139)]])[-1] == [0]
    assert link_faces([[face(100)], [face(141)]])[-1] == [1]
    assert link_faces([[face(100, size=40)], [face(100, size=120)]])[-1] == [1]


def test_nothing():
    assert link_faces([]) == []
    assert link_faces([[], []]) == [[], []]
