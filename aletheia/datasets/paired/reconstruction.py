"""Fakes that show what their originals show: each picture passed through a small autoencoder.

Of these nothing but the traces of up-sampling is fake. Half of the people train the networks that reconstruct the other
half, so that no network has seen the picture that it gives back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import file_state
from aletheia.datasets.paired.autoencoder_training import (
    load_autoencoder,
    reconstruct,
    save_autoencoder,
    train_autoencoder,
    training_patches,
)
from aletheia.datasets.paired.autoencoders import FAMILIES, Autoencoder
from aletheia.datasets.paired.genuine import Genuine
from aletheia.datasets.paired.measuring import find_face
from aletheia.datasets.paired.texture import with_texture
from aletheia.datasets.paired.writing import Forged, Paired, write_paired

PREFIX = "reconstruct-"  # of the generators' names
STEPS = 800
_FOLDS = 2
_MIN_SIZE = 48  # pixels a side of a face
_VERSION = 1  # raised when fakes of the same seed come out otherwise


def reconstruct_faces(
    source: str | Path,
    out: str | Path,
    *,
    families: Sequence[str] = tuple(FAMILIES),
    steps: int = STEPS,
    width: int = 16,
    texture: bool = True,
    seed: int = 0,
    progress: bool = True,
    root: str | Path | None = None,
) -> Paired:
    """Write every genuine picture beside its reconstruction by an autoencoder; families take turns.

    The whole picture is reconstructed at its full size, and gets a texture of the energy and spectrum of what was lost
    (:func:`~aletheia.datasets.paired.texture.with_texture`).

    Parameters
    ----------
    source, out, seed, progress, root
        See :func:`~aletheia.datasets.paired.writing.write_paired`. `out` also gets ``networks/``; an interrupted
        training of one network starts anew, those that were finished are kept.
    families : sequence of str
        Keys of :data:`~aletheia.datasets.paired.autoencoders.FAMILIES`; each is a generator of its own.
    steps : int
        Of each network's training.
    width : int
        Channels of the networks at half resolution.
    texture : bool
        Whether lost texture is given back.

    Raises
    ------
    InputError
        As `write_paired`; for an unknown family, or pictures of one person alone.
    """
    unknown = [name for name in families if name not in FAMILIES]
    if unknown or not families:
        raise InputError(f"There is no family {', '.join(unknown) or 'named'}; choose among {', '.join(FAMILIES)}.")
    if steps < 1:
        raise InputError(f"steps is {steps}; a network is trained for at least one.")

    def prepare(
        listed: Sequence[Genuine], folder: Path
    ) -> tuple[_Reconstructor, Sequence[Genuine], list[tuple[str, str]]]:
        forger = _Reconstructor(listed, list(families), steps, width, texture, seed)
        if listed:
            forger.train(folder / "networks", progress)
        return forger, listed, []

    return write_paired(source, out, prepare, seed=seed, progress=progress, root=root)


def assign_folds(pictures: Sequence[Genuine], seed: int) -> list[int]:
    """Deal people into two halves, at random; pictures of a person, or of a video, stay together.

    Returns
    -------
    list of int
        0 or 1 for each picture.

    Raises
    ------
    InputError
        When there is one person only.
    """
    people = [picture.known.get("identity") or picture.known.get("video") or picture.name for picture in pictures]
    names = sorted(set(people))
    if len(names) < _FOLDS:
        raise InputError("All pictures show one person: networks are trained on other people's pictures. Add some.")
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {names[index]: place % _FOLDS for place, index in enumerate(order)}
    return [fold[person] for person in people]


class _Reconstructor:
    """Reconstructs pictures by networks that were trained on others, see :class:`.writing.Forger`."""

    def __init__(
        self, pictures: Sequence[Genuine], families: list[str], steps: int, width: int, texture: bool, seed: int
    ) -> None:
        self._families, self._steps, self._width, self._texture, self._seed = families, steps, width, texture, seed
        self._pictures = list(pictures)
        folds = assign_folds(pictures, seed) if pictures else []
        self._fold = {picture.name: fold for picture, fold in zip(pictures, folds, strict=True)}
        self._turn = {picture.name: seed + index for index, picture in enumerate(pictures)}
        self._networks: dict[tuple[str, int], Autoencoder] = {}
        states = [(picture.name, file_state(picture.path), folds[i]) for i, picture in enumerate(pictures)]
        digest = hashlib.sha256(repr(states).encode(errors="surrogateescape")).hexdigest()[:16]
        self._trained_on = f"{_VERSION}, {steps} steps, width {width}, seed {seed}, pictures {digest}"
        self.settings = f"reconstruct {self._trained_on}, texture {texture}"

    def train(self, folder: Path, progress: bool) -> None:
        """Train the networks, or read those that an earlier call has finished."""
        for fold in range(_FOLDS):
            others = [picture for picture in self._pictures if self._fold[picture.name] != fold]
            patches: Array | None = None
            for name in self._families:
                path = folder / f"{name}-{fold}.safetensors"
                network = load_autoencoder(path, FAMILIES[name], self._width, self._trained_on)
                if network is None:
                    if patches is None:
                        patches = training_patches(others, np.random.default_rng((self._seed, fold)))
                    desc = f"Training {name}, half {fold + 1} of {_FOLDS}"
                    network = train_autoencoder(
                        FAMILIES[name],
                        patches,
                        self._steps,
                        self._seed * _FOLDS + fold,
                        width=self._width,
                        desc=desc,
                        progress=progress,
                    )
                    save_autoencoder(network, path, self._trained_on)
                self._networks[name, fold] = network

    def _family(self, picture: Genuine) -> str:
        return self._families[self._turn[picture.name] % len(self._families)]

    def columns(self, picture: Genuine) -> dict[str, str]:
        return {"generator": PREFIX + self._family(picture), "pair": picture.name}

    def parent(self, picture: Genuine) -> None:
        return None

    def __call__(self, picture: Genuine, rgb: Array, rng: np.random.Generator) -> Forged:
        face = find_face(rgb, _MIN_SIZE)
        network = self._networks[self._family(picture), self._fold[picture.name]]
        lossy = reconstruct(network, rgb, int(rng.integers(2**31)))
        if self._texture:
            return Forged(with_texture(lossy, rgb, rng), face.box)
        return Forged(np.round(lossy).astype(np.uint8), face.box)
