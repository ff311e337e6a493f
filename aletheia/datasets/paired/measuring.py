"""Face, landmarks and colour of every genuine picture, with a journal so that an interrupted run continues."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.files import file_state
from aletheia.core.progress import tqdm
from aletheia.datasets.paired.genuine import Genuine, UnusableError
from aletheia.datasets.paired.journal import Journal
from aletheia.datasets.paired.pasting import to_lab
from aletheia.datasets.paired.regions import inner_face_mask, symmetry
from aletheia.faces.detectors.registry import FaceDetector, create_detector
from aletheia.faces.face import Face
from aletheia.faces.mesh import POINTS, FaceMesh

MIN_SIZE = 64  # pixels a side of a face; a smaller one has no parts worth swapping
_PRESENCE = 0.5  # least certainty of the landmarks
_LEAST_SYMMETRY = 0.12  # some 50 degrees to the side: beyond, landmarks of the far half are guesses


@dataclasses.dataclass(frozen=True, eq=False)
class FaceMeasures:
    """The largest face of a picture.

    Attributes
    ----------
    points : (468, 2) float32
        Landmarks, pixels of the picture.
    colour : (3,) float32
        Mean of the inner face in CIELAB.
    size : float
        Side of the detector's box, pixels.
    """

    points: Array
    colour: Array
    size: float


def measure_faces(
    pictures: Sequence[Genuine], journal: Journal, progress: bool = True
) -> tuple[list[Genuine], list[FaceMeasures], list[tuple[str, str]]]:
    """Measure the largest face of each picture.

    Returns
    -------
    pictures, faces
        Those that can be used, and their measures.
    skipped : list of (str, str)
        Path and reason of the others.
    """
    usable: list[Genuine] = []
    faces: list[FaceMeasures] = []
    skipped: list[tuple[str, str]] = []
    for picture in tqdm(pictures, desc="Finding landmarks", unit="picture", disable=not progress):
        key = f"face {file_state(picture.path)}"
        entry = journal.find(picture.name, key)
        if entry is None:
            try:
                entry = _entry(measure_face(picture.read()))
            except UnusableError as error:
                entry = {"reason": error.reason}
            journal.add(picture.name, key, entry)
        if "reason" in entry:
            skipped.append((str(picture.path), entry["reason"]))
            continue
        usable.append(picture)
        # By way of the journal's rounded numbers in any case: a run that continues gives the same bytes.
        points = np.array(entry["points"], np.float32).reshape(POINTS, 2)
        faces.append(FaceMeasures(points, np.array(entry["colour"], np.float32), float(entry["size"])))
    return usable, faces, skipped


def _entry(face: FaceMeasures) -> dict[str, object]:
    points = [round(float(value), 2) for value in face.points.ravel()]
    return {"points": points, "colour": [round(float(v), 3) for v in face.colour], "size": round(face.size, 2)}


def measure_face(rgb: Array) -> FaceMeasures:
    """Measure the largest face of a picture (H, W, 3) uint8.

    Raises
    ------
    UnusableError
        When there is none that can be swapped.
    """
    face = find_face(rgb, MIN_SIZE)
    points, presence = _mesh()(rgb, face)
    if presence < _PRESENCE:
        raise UnusableError("the landmarks of its face are not found")
    if symmetry(points) < _LEAST_SYMMETRY:
        raise UnusableError("its face looks too far to the side")
    inside = inner_face_mask(rgb.shape[:2], points)
    height, width = rgb.shape[:2]
    reach = np.concatenate([points.min(axis=0), (width, height) - points.max(axis=0)])
    if reach.min() < -0.1 * face.size or not inside.any():
        raise UnusableError("its face reaches over the edge of the picture")
    colours = to_lab(rgb[inside][None])[0]
    return FaceMeasures(points, colours.mean(axis=0), face.size)


def find_face(rgb: Array, least: int) -> Face:
    """Find the largest face of a picture (H, W, 3) uint8.

    Raises
    ------
    UnusableError
        When none has at least so many pixels a side.
    """
    faces = [face for face in _detector().detect(rgb) if face.size >= least]
    if not faces:
        raise UnusableError(f"no face of {least} pixels found")
    return faces[0]


@functools.cache
def _detector() -> FaceDetector:
    return create_detector()


@functools.cache
def _mesh() -> FaceMesh:
    return FaceMesh()
