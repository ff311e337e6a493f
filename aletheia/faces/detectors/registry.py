"""Face detectors by name.

A detector is a class (or a function that makes one) that is registered under a name. It may stand in a module of its
own in this package, be registered by a call, or be declared by another installed package as an entry point of the group
``aletheia.detectors``.
"""

from __future__ import annotations

import abc
from collections.abc import Callable

from aletheia.core.arrays import Array
from aletheia.core.plugins import Registry
from aletheia.faces.crop_config import DEFAULT_DETECTOR
from aletheia.faces.face import Face


class FaceDetector(abc.ABC):
    """Finds faces in images. One instance may be shared by threads, not across a fork."""

    def start(self) -> None:  # noqa: B027 - a detector without networks has nothing to load
        """Load the networks now, not with the first image."""

    @abc.abstractmethod
    def detect(self, rgb: Array, check: Callable[[], None] | None = None) -> list[Face]:
        """Find all faces with at least the confidence that the detector was made with.

        Parameters
        ----------
        rgb : (H, W, 3) uint8
        check : callable, optional
            To be called before every long step; what it raises ends the search.

        Returns
        -------
        list of Face
            Largest first; empty when there is none.
        """

    def detect_with_stage(self, rgb: Array, check: Callable[[], None] | None = None) -> tuple[list[Face], str]:
        """Find all faces, and name the stage of the search that found them: a statistic of extractions."""
        faces = self.detect(rgb, check)
        return faces, "whole" if faces else "none"


#: Makes a detector: ``factory(threshold, threads=0)``, the least confidence in 0..1 and the CPU threads for one image
#: (0: all cores).
DetectorFactory = Callable[..., FaceDetector]

_REGISTRY: Registry[DetectorFactory] = Registry(
    "face detector", group="aletheia.detectors", package="aletheia.faces.detectors"
)


def register_detector(name: str) -> Callable[[DetectorFactory], DetectorFactory]:
    """Register the decorated class or function as the detector of this name.

    It is called as ``factory(threshold, threads=threads)``. Worker processes import it by its module and name: one that
    is defined in a notebook's cell works with one worker only.

    Raises
    ------
    InputError
        When another detector has the name.
    """
    return _REGISTRY.register(name)


def list_detectors() -> list[str]:
    """List the names of all detectors, sorted."""
    return sorted(_REGISTRY.all())


def find_detector(name: str) -> DetectorFactory:
    """Find what makes the detector of this name. Raises InputError when there is none."""
    return _REGISTRY.find(name)


def create_detector(name: str = DEFAULT_DETECTOR, threshold: float = 0.75, *, threads: int = 0) -> FaceDetector:
    """Make a detector.

    Parameters
    ----------
    name : str
        One of :func:`list_detectors`.
    threshold : float
        Least confidence of a face, 0..1 exclusive.
    threads : int
        CPU threads for one image; 0: all cores.

    Raises
    ------
    InputError
        For an unknown name.
    """
    return find_detector(name)(threshold, threads=threads)
