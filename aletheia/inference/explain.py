"""Explanations of one face: attention map, Grad-CAM, and its spectrum beside those of the training faces.

None of it is a proof. The attention map is the factor that the network multiplies its features by, Grad-CAM the
evidence for a fake in its last feature map (Selvaraju et al., ICCV 2017); the spectrum does not depend on the network
at all. Imports neither torch nor MLRun.
"""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.faces.face import Face
from aletheia.imaging.power_spectrum import frequencies, radial_spectrum
from aletheia.models.onnx_network import ExplainNetwork, OnnxNetwork
from aletheia.models.preprocessing import network_input
from aletheia.models.spec import ModelSpec
from aletheia.models.typical_spectra import TypicalSpectra, spectrum_size


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """The explanation of one face.

    Attributes
    ----------
    crop : ndarray
        (size, size, 3) uint8 RGB: the network's input.
    attention : ndarray or None
        (size, size) float32 in [0, 1]: the share of the features that the network passes on; None for a network
        without an attention map.
    cam : ndarray or None
        (size, size) float32 in [0, 1], scaled to a maximum of 1: Grad-CAM of the logit of "fake"; zero throughout where
        nothing speaks for a fake. None for a model that was exported without it.
    spectrum : tuple of ndarray
        Frequencies (bins,) in cycles per pixel and power (bins,) in decibels relative to the low frequencies, NaN for a
        crop of one colour.
    typical : TypicalSpectra or None
        Of real and fake training faces at the same frequencies; None for a model without them.
    """

    crop: Array
    attention: Array | None
    cam: Array | None
    spectrum: tuple[Array, Array]
    typical: TypicalSpectra | None


class Explainer:
    """Explains faces for one model. May be shared by threads.

    The network is loaded with the first face: few faces are explained, and a server should not wait for it to start.

    Parameters
    ----------
    bundle : path
        The folder of the model.
    spec : ModelSpec
        Its description.
    threads : int
        CPU threads for one face; 0 takes all cores.
    """

    def __init__(self, bundle: str | Path, spec: ModelSpec, *, threads: int = 1) -> None:
        self.bundle, self.spec, self.threads = Path(bundle), spec, threads
        self._lock = threading.Lock()
        self._network: ExplainNetwork | OnnxNetwork | None = None

    def explain(self, rgb: Array, face: Face) -> Explanation:
        """Explain one face of a picture.

        Parameters
        ----------
        rgb : ndarray
            (H, W, 3) uint8, the whole picture.
        face : Face
            As detected in the picture.

        Raises
        ------
        InputError
            When ``explain.onnx`` is missing though the model's JSON names it, damaged, or not the one described; or the
            face cannot be cut out.
        """
        crop = network_input(rgb, face, self.spec)
        attention, cam = (None if part is None else _enlarged(part[0], len(crop)) for part in self._maps(crop[None]))
        # At the size of the typical spectra; for a model without any at the size that suits its input.
        typical = self.spec.spectra
        size = typical.size if typical else spectrum_size(self.spec.input_size)
        return Explanation(crop, attention, cam, (frequencies(size // 2), radial_spectrum(crop, size)), typical)

    def _maps(self, crops: Array) -> tuple[Array | None, Array | None]:
        with self._lock:
            if self._network is None:
                has_cam = self.spec.onnx is not None and self.spec.onnx.explain
                network_type = ExplainNetwork if has_cam else OnnxNetwork
                self._network = network_type(self.bundle, self.spec, threads=self.threads)
        if isinstance(self._network, ExplainNetwork):
            return self._network.maps(crops)
        return self._network.attention(crops), None


def overlay(rgb: Array, heat: Array, size: int | None = None, strength: float = 0.75) -> Array:
    """Lay a map over its picture: grey where the map is 0, the more coloured the higher it is.

    The colours get lighter all the way from violet over green to yellow, so that their order can be seen with any kind
    of colour vision and in black and white (viridis: van der Walt and Smith, SciPy 2015).

    Parameters
    ----------
    rgb : ndarray
        (H, W, 3) uint8.
    heat : ndarray
        (h, w) in [0, 1].
    size : int, optional
        Side of the result in pixels; by default that of the picture.
    strength : float
        Opacity of the colour where the map is 1, 0 to 1.

    Returns
    -------
    ndarray
        (size, size, 3) uint8.
    """
    wide, high = (size, size) if size else (rgb.shape[1], rgb.shape[0])
    rgb = cv2.resize(rgb, (wide, high), interpolation=cv2.INTER_CUBIC)
    heat = np.clip(cv2.resize(heat.astype(np.float32), (wide, high), interpolation=cv2.INTER_LINEAR), 0, 1)
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    steps = np.rint(255 * heat).astype(np.uint8)
    colour = cv2.cvtColor(cv2.applyColorMap(steps, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    opacity = strength * heat[..., None]
    blended: Array = np.rint((1 - opacity) * grey + opacity * colour)
    return blended.astype(np.uint8)


def _enlarged(heat: Array, size: int) -> Array:
    enlarged: Array = np.clip(cv2.resize(heat, (size, size), interpolation=cv2.INTER_LINEAR), 0, 1)
    return enlarged.astype(np.float32)
