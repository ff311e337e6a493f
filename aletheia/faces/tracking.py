"""Which faces of a video's frames are the same person's, by where they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from aletheia.faces.blazeface import Face

MISSED = 4  # frames a person may be out of sight, or turned away, and still be the same track
_FAR = 1.0  # farthest move between two frames, in sides of the face


@dataclasses.dataclass
class _Track:
    face: Face
    seen: int


def link_faces(frames: Sequence[Sequence[Face]]) -> list[list[int]]:
    """Number the faces of a video so that a person keeps a number.

    From frame to frame, faces and tracks are paired so that the sum of their distances is smallest (Kuhn, "The
    Hungarian method", 1955): the distance of their centres in sides of the face, plus the logarithm of the ratio of
    their sizes. Pairs farther apart than one are not made; the face opens a track of its own. Nothing is compared but
    places: two people who change seats between two frames change numbers, and one who leaves for long gets another.

    Parameters
    ----------
    frames : sequence of sequences of Face
        Faces of each frame, in the order of time.

    Returns
    -------
    list of list of int
        For each frame the numbers of its faces, counted from 0 in the order of appearance.
    """
    from scipy.optimize import linear_sum_assignment

    tracks: list[_Track] = []
    numbers: list[list[int]] = []
    for time, faces in enumerate(frames):
        active = [i for i, track in enumerate(tracks) if time - track.seen <= MISSED + 1]
        of_face: dict[int, int] = {}
        if active and faces:
            cost = np.array([[_distance(tracks[i].face, face) for face in faces] for i in active])
            for row, column in zip(*linear_sum_assignment(np.minimum(cost, 10 * _FAR)), strict=True):
                if cost[row, column] <= _FAR:
                    of_face[int(column)] = active[row]
        for index, face in enumerate(faces):
            if index not in of_face:
                of_face[index] = len(tracks)
                tracks.append(_Track(face, time))
            tracks[of_face[index]] = _Track(face, time)
        numbers.append([of_face[index] for index in range(len(faces))])
    return numbers


def _distance(a: Face, b: Face) -> float:
    size = (a.size + b.size) / 2
    if size <= 0:
        return np.inf
    return float(np.hypot(*(a.centre - b.centre)) / size + abs(np.log(max(a.size, 1e-6) / max(b.size, 1e-6))))
