"""Typical power spectra of training faces, for comparison with that of a single face."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.audit.spectrum_baseline import spectra
from aletheia.models.typical_spectra import TypicalSpectra, TypicalSpectrum, spectrum_size

#: Most faces of a class that are measured; a percentile of them is known to about one percent.
_FACES = 1000


def typical_spectra(frame: pd.DataFrame, input_size: int) -> TypicalSpectra:
    """Measure the mean spectrum of real and of fake faces, and the range of 90 % of them.

    Parameters
    ----------
    frame : DataFrame
        A manifest of training faces.
    input_size : int
        Side of the network's input, pixels: frequencies beyond it are not shown either.

    Returns
    -------
    TypicalSpectra
        To a hundredth of a decibel; None for a class without a readable face.
    """
    size = spectrum_size(input_size)
    typical = {}
    for label in ("real", "fake"):
        rows = frame[frame["label"] == label]
        values = spectra(rows.sample(min(len(rows), _FACES), random_state=0), size, progress=False)
        values = values[np.isfinite(values).all(axis=1)].astype(np.float64)
        if len(values):
            lines = [values.mean(axis=0), *np.percentile(values, [5, 95], axis=0)]
            mean, low, high = (tuple(np.round(line, 2).tolist()) for line in lines)
            typical[label] = TypicalSpectrum(faces=len(values), mean=mean, low=low, high=high)
    return TypicalSpectra(size=size, **typical)
