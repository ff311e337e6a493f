"""Linking the faces of a video by their places."""

from __future__ import annotations

import numpy as np

from aletheia.faces.face import Face
from aletheia.faces.tracking import MAX_GAP, link_faces


def face(x: float, y: float = 100, size: float = 40) -> Face:
    box = np.array([x - size / 2, y - size / 2, x + size / 2, y + size / 2], np.float32)
    return Face(box, np.zeros((6, 2), np.float32), 0.9)


def test_link_faces_crossing_people():
    # They come towards each other and pass by the height of half a face; the order of the faces changes.
    left, right = [face(100 + 15 * t) for t in range(9)], [face(220 - 15 * t, 170) for t in range(9)]
    frames = [[a, b] if t % 2 else [b, a] for t, (a, b) in enumerate(zip(left, right, strict=True))]
    assert link_faces(frames) == [[0, 1] if t % 2 == 0 else [1, 0] for t in range(9)]


def test_link_faces_optimal_assignment():
    # The second face is nearest to the first one's old place, but only this pairing gives each face a track.
    before, after = [face(100), face(130)], [face(75), face(108)]
    assert link_faces([before, after]) == [[0, 1], [0, 1]]


def test_link_faces_arrival_and_departure():
    assert link_faces([[face(100)], [face(100), face(300)], [face(300)], [face(100), face(300)]]) == [
        [0],
        [0, 1],
        [1],
        [0, 1],
    ]


def test_link_faces_gap():
    empty: list = []
    assert link_faces([[face(100)], *[empty] * MAX_GAP, [face(100)]])[-1] == [0]
    assert link_faces([[face(100)], *[empty] * (MAX_GAP + 1), [face(100)]])[-1] == [1]


def test_link_faces_distance_and_size():
    assert link_faces([[face(100)], [face(139)]])[-1] == [0]
    assert link_faces([[face(100)], [face(141)]])[-1] == [1]
    assert link_faces([[face(100, size=40)], [face(100, size=120)]])[-1] == [1]


def test_link_faces_empty():
    assert link_faces([]) == []
    assert link_faces([[], []]) == [[], []]


def test_link_faces_of_frames_of_different_sizes():
    frames = [[face(100, 100, 40), face(300, 100, 40)], [face(50, 50, 20), face(150, 50, 20)]]
    assert link_faces(frames, [(200, 400), (100, 200)]) == [[0, 1], [0, 1]]
    assert link_faces(frames, [(200, 400), (200, 400)]) == link_faces(frames) != [[0, 1], [0, 1]]
