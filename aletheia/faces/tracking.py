"""Linking the faces of a video's frames to persons, by their places."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from aletheia.faces.face import Face

MAX_GAP = 4  # frames that a person may be out of sight, or turned away, and still be the same track
_MAX_DISTANCE = 1.0  # farthest move between two frames, in sides of the face


@dataclasses.dataclass
class _Track:
    face: Face
    frame: int  # the last one that it was in


def link_faces(frames: Sequence[Sequence[Face]], sizes: Sequence[tuple[int, int]] | None = None) -> list[list[int]]:
    """Assign a track number to each face of a video, so that a person keeps one.

    From frame to frame, faces and tracks are paired so that the sum of their distances is smallest (Kuhn, "The
    Hungarian method", 1955): the distance of their centres in sides of the face, plus the logarithm of the ratio of
    their sizes. Pairs farther apart than one are not made; the face opens a track of its own. Only places are
    compared: two people who change seats between two frames change numbers, and one who leaves for long gets another.

    Parameters
    ----------
    frames : sequence of sequences of Face
        Faces of each frame, in the order of time.
    sizes : sequence of (height, width), optional
        Of each frame, where they may differ: players show all frames in one window, so places are compared in that.

    Returns
    -------
    list of list of int
        For each frame the numbers of its faces, counted from 0 in the order of appearance.
    """
    from scipy.optimize import linear_sum_assignment

    if sizes and len(set(sizes)) > 1:
        frames = [
            [_in_window(face, size, sizes[0]) for face in faces] for faces, size in zip(frames, sizes, strict=True)
        ]
    tracks: list[_Track] = []
    numbers: list[list[int]] = []
    for time, faces in enumerate(frames):
        active = [i for i, track in enumerate(tracks) if time - track.frame <= MAX_GAP + 1]
        of_face: dict[int, int] = {}
        if active and faces:
            cost = np.array([[_distance(tracks[i].face, face) for face in faces] for i in active])
            for row, column in zip(*linear_sum_assignment(np.minimum(cost, 10 * _MAX_DISTANCE)), strict=True):
                if cost[row, column] <= _MAX_DISTANCE:
                    of_face[int(column)] = active[row]
        for index, face in enumerate(faces):
            if index not in of_face:
                of_face[index] = len(tracks)
                tracks.append(_Track(face, time))
            tracks[of_face[index]] = _Track(face, time)
        numbers.append([of_face[index] for index in range(len(faces))])
    return numbers


def _in_window(face: Face, size: tuple[int, int], window: tuple[int, int]) -> Face:
    """Return a face of a frame as it appears in a window of another size (height, width)."""
    scale = np.array([window[1] / size[1], window[0] / size[0]], np.float32)
    return dataclasses.replace(face, box=face.box * np.tile(scale, 2), keypoints=face.keypoints * scale)


def _distance(a: Face, b: Face) -> float:
    size = (a.size + b.size) / 2
    if size <= 0:
        return np.inf
    return float(np.hypot(*(a.centre - b.centre)) / size + abs(np.log(max(a.size, 1e-6) / max(b.size, 1e-6))))
