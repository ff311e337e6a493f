"""Fakes that show two people: a part, or the whole inner face, of a similar donor pasted onto a genuine picture.

Swapped parts imitate pictures that were edited by hand: a part of a stranger's face, moved into place, its colours
matched. Face swaps warp the whole inner face onto the target's landmarks, as FaceSwap of FaceForensics++ does (Rössler
et al., ICCV 2019), here from another photograph in place of a 3-D model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.paired.donors import choose_donors
from aletheia.datasets.paired.genuine import Genuine, UnusableError
from aletheia.datasets.paired.journal import Journal
from aletheia.datasets.paired.measuring import FaceMeasures, measure_faces
from aletheia.datasets.paired.pasting import (
    METHODS,
    fit_similarity,
    paste,
    transfer_colours,
    warp_piecewise,
    warp_similar,
    window_around,
)
from aletheia.datasets.paired.regions import PARTS, eye_distance, inner_face_mask, part_mask
from aletheia.datasets.paired.writing import Forged, Paired, write_paired

PART_SWAP, FACE_SWAP = "part-swap", "face-swap"
FACES = ".faces.jsonl"  # the journal of landmarks
_SOFT = {PART_SWAP: 0.045, FACE_SWAP: 0.07}  # width of alpha's edge, in distances of the eyes
_VERSION = 1  # raised when fakes of the same seed come out otherwise


def swap_part(
    target: Array, points: Array, donor: Array, donor_points: Array, part: str, method: str
) -> tuple[Array, Array]:
    """Paste the eyes, nose or mouth of a donor onto a target.

    The donor is moved, turned and scaled so that the landmarks of the part meet; colours are matched within the mask.

    Parameters
    ----------
    target, donor : (H, W, 3) and (h, w, 3) uint8
    points, donor_points : (468, 2)
        Landmarks of both, pixels of each.
    part : {'eyes', 'nose', 'mouth'}
    method : {'alpha', 'poisson'}

    Returns
    -------
    rgb : (H, W, 3) uint8
        The target outside of the mask.
    mask : (H, W) bool
    """
    mask = part_mask(target.shape[:2], points, part)
    ring = sorted({index for group in PARTS[part] for index in group})

    def move(shape: tuple[int, ...], corner: Array) -> Array:
        return warp_similar(donor, fit_similarity(donor_points[ring], points[ring] - corner), shape)

    return _paste_within(target, mask, move, method, _SOFT[PART_SWAP] * eye_distance(points)), mask


def swap_face(target: Array, points: Array, donor: Array, donor_points: Array, method: str) -> tuple[Array, Array]:
    """Warp the inner face of a donor onto a target's landmarks and paste it, colours matched.

    Parameters and returned values are those of :func:`swap_part`.
    """
    mask = inner_face_mask(target.shape[:2], points)

    def move(shape: tuple[int, ...], corner: Array) -> Array:
        return warp_piecewise(donor, donor_points, points - corner, shape)

    return _paste_within(target, mask, move, method, _SOFT[FACE_SWAP] * eye_distance(points)), mask


def _paste_within(
    target: Array, mask: Array, move: Callable[[tuple[int, ...], Array], Array], method: str, softness: float
) -> Array:
    """Paste what `move` gives for a window, of this (height, width) and with this corner (x, y), around the mask."""
    window, corner = window_around(mask, 8)
    part, inside = target[window], mask[window]
    if not inside.any():
        raise UnusableError("its face lies outside of the picture")
    moved = transfer_colours(move(inside.shape, corner), part, inside)
    out = target.copy()
    out[window] = paste(part, moved, inside, method, softness)
    return out


class _Swapper:
    """Swaps parts or faces among pictures whose landmarks are known, see :class:`.writing.Forger`."""

    def __init__(self, kind: str, pictures: Sequence[Genuine], faces: Sequence[FaceMeasures], seed: int) -> None:
        donors = choose_donors(pictures, faces)
        self.settings = f"{kind} {_VERSION}"
        self._kind = kind
        self._face = {picture.name: face for picture, face in zip(pictures, faces, strict=True)}
        self.lonely = [picture for picture, donor in zip(pictures, donors, strict=True) if donor is None]
        self._donor = {
            picture.name: pictures[donor] for picture, donor in zip(pictures, donors, strict=True) if donor is not None
        }
        # In turn, not drawn: of each part half is pasted by each method.
        self._turn = {name: seed + index for index, name in enumerate(self._donor)}

    def columns(self, picture: Genuine) -> dict[str, str]:
        donor, turn = self._donor[picture.name], self._turn[picture.name]
        columns = {
            "generator": self._kind,
            "pair": f"{picture.person}|{donor.person}",
            "donor": donor.name,
            "method": METHODS[turn % 2],
        }
        return columns | ({"part": list(PARTS)[turn % 3]} if self._kind == PART_SWAP else {})

    def parent(self, picture: Genuine) -> tuple[Path, Array]:
        donor = self._donor[picture.name]
        return donor.path, _box(self._face[donor.name].points)

    def __call__(self, picture: Genuine, rgb: Array, rng: np.random.Generator) -> Forged:
        donor, columns = self._donor[picture.name], self.columns(picture)
        points, donor_points = self._face[picture.name].points, self._face[donor.name].points
        swap: Callable[..., tuple[Array, Array]] = swap_face
        if self._kind == PART_SWAP:
            swap = functools.partial(swap_part, part=columns["part"])
        forged, mask = swap(rgb, points, donor.read(), donor_points, method=columns["method"])
        return Forged(forged, _box(points), mask)


def _box(points: Array) -> Array:
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _write_swaps(
    kind: str, source: str | Path, out: str | Path, seed: int, progress: bool, root: str | Path | None
) -> Paired:
    def prepare(listed: Sequence[Genuine], folder: Path) -> tuple[_Swapper, list[Genuine], list[tuple[str, str]]]:
        with Journal(folder / FACES) as journal:
            pictures, faces, skipped = measure_faces(listed, journal, progress)
        swapper = _Swapper(kind, pictures, faces, seed)
        lonely = {picture.name for picture in swapper.lonely}
        skipped += [(str(picture.path), "no other person's face is similar enough") for picture in swapper.lonely]
        return swapper, [picture for picture in pictures if picture.name not in lonely], skipped

    return write_paired(source, out, prepare, seed=seed, progress=progress, root=root)


def swap_parts(
    source: str | Path, out: str | Path, *, seed: int = 0, progress: bool = True, root: str | Path | None = None
) -> Paired:
    """Write every genuine picture beside a fake that has the eyes, the nose or the mouth of another person.

    Parts take turns, and so do the two ways to paste, see :func:`swap_part`. Donors are similar faces, see
    :func:`~aletheia.datasets.paired.donors.choose_donors`.

    Parameters
    ----------
    source, out, seed, progress, root
        See :func:`~aletheia.datasets.paired.writing.write_paired`. The seed decides where the turns begin.

    Raises
    ------
    InputError
        As `write_paired`.
    """
    return _write_swaps(PART_SWAP, source, out, seed, progress, root)


def swap_faces(
    source: str | Path, out: str | Path, *, seed: int = 0, progress: bool = True, root: str | Path | None = None
) -> Paired:
    """Write every genuine picture beside a fake that has the inner face of another person.

    The two ways to paste take turns, see :func:`swap_face`.

    Parameters
    ----------
    source, out, seed, progress, root
        See :func:`~aletheia.datasets.paired.writing.write_paired`.

    Raises
    ------
    InputError
        As `write_paired`.
    """
    return _write_swaps(FACE_SWAP, source, out, seed, progress, root)
