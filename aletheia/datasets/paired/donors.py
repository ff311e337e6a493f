"""Who gives a face to whom: a similar donor for each target, and circles of people that are small enough to split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.paired.genuine import Genuine
from aletheia.datasets.paired.measuring import FaceMeasures
from aletheia.datasets.paired.pasting import fit_similarity
from aletheia.datasets.paired.regions import SHAPE, eye_distance, mouth_opening

#: People that targets and donors may connect: all of them fall on one side of a split.
CIRCLE = 8
_SHAPE_UNIT = 0.05  # of the distance of the eyes: differences of this size and of the next count alike
_COLOUR_UNIT = 8.0  # CIELAB
_MOUTH_UNIT = 0.1  # of the face's size
_FARTHEST = 0.13, 20.0, 0.2  # shape, colour and opening of the mouth, beyond which a pasted face does not fit


def choose_donors(pictures: Sequence[Genuine], faces: Sequence[FaceMeasures], circle: int = CIRCLE) -> list[int | None]:
    """Choose a donor for each picture: another person whose face is nearest in shape, colour and opening of the mouth.

    Shapes are compared by landmarks after the best similarity transform; a donor with fewer pixels than the target
    counts as farther, by the octaves that are missing. Donors of the same source come first, since a fake whose
    parents come from two sources belongs to neither.

    Parameters
    ----------
    pictures, faces
        As many of both.
    circle : int
        People, connected over targets and donors, beyond which a nearest donor is passed over for the next one.
        Without a limit one group could hold everybody, and nothing could be split.

    Returns
    -------
    list of (int or None)
        Index of each picture's donor; None where nobody fits.
    """
    if not faces:
        return []
    shapes = aligned_shapes([face.points for face in faces])
    colours = np.array([face.colour for face in faces]).reshape(-1, 3)
    mouths = np.array([mouth_opening(face.points) for face in faces])
    sizes = np.log2([face.size for face in faces])
    circles = _Circles([picture.person for picture in pictures])
    donors: list[int | None] = []
    for i, picture in enumerate(pictures):
        shape = np.sqrt(np.square(shapes - shapes[i]).sum(axis=2).mean(axis=1))
        colour = np.sqrt(np.square(colours - colours[i]).sum(axis=1))
        mouth = np.abs(mouths - mouths[i])
        distance = shape / _SHAPE_UNIT + colour / _COLOUR_UNIT + mouth / _MOUTH_UNIT
        distance += 2 * np.maximum(sizes[i] - sizes, 0)
        fits = (shape <= _FARTHEST[0]) & (colour <= _FARTHEST[1]) & (mouth <= _FARTHEST[2])
        near = [int(j) for j in np.argsort(distance, kind="stable") if fits[j]]
        fitting = [j for j in near if pictures[j].may_give_to(picture)]
        fitting = [j for j in fitting if pictures[j].source == picture.source] or fitting
        chosen = next((j for j in fitting if circles.joined_size(i, j) <= circle), None)
        if chosen is None and fitting:  # all circles in reach are full: the one that grows least
            chosen = min(fitting, key=lambda j: circles.joined_size(i, j))
        if chosen is not None:
            circles.join(i, chosen)
        donors.append(chosen)
    return donors


def aligned_shapes(meshes: Sequence[Array]) -> Array:
    """Move, turn and scale all meshes (468, 2) onto their mean (generalised Procrustes analysis, Gower 1975).

    Returns
    -------
    (n, points, 2) float64, n at least 1
        The landmarks of :data:`~aletheia.datasets.paired.regions.SHAPE`, in distances of the mean's eyes.
    """
    moved = [mesh.astype(np.float64) for mesh in meshes]
    for onto_mean in (False, True):
        shape = (np.mean(moved, axis=0) if onto_mean else moved[0])[list(SHAPE)]
        for i, mesh in enumerate(moved):
            matrix = fit_similarity(mesh[list(SHAPE)], shape)
            moved[i] = mesh @ matrix[:, :2].T + matrix[:, 2]
    unit = eye_distance(np.mean(moved, axis=0))
    return np.array(moved)[:, list(SHAPE)] / unit


class _Circles:
    """Groups of pictures of people that are connected, with their numbers of people: a union-find forest."""

    def __init__(self, people: Sequence[str]) -> None:
        first: dict[str, int] = {}
        self._above = [first.setdefault(person, i) for i, person in enumerate(people)]
        self._people = [1] * len(people)

    def _top(self, i: int) -> int:
        while self._above[i] != i:
            self._above[i] = self._above[self._above[i]]
            i = self._above[i]
        return i

    def joined_size(self, i: int, j: int) -> int:
        """Count the people of the circle that the two would be in."""
        a, b = self._top(i), self._top(j)
        return self._people[a] if a == b else self._people[a] + self._people[b]

    def join(self, i: int, j: int) -> None:
        """Make one circle of two."""
        a, b = self._top(i), self._top(j)
        if a != b:
            self._people[a] += self._people[b]
            self._above[b] = a
