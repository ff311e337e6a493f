"""What the power spectra of training faces look like, so that a face's own can be shown beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.audit.spectrum_baseline import spectra
from aletheia.models.typical_spectra import TypicalSpectra, TypicalSpectrum, spectrum_size

#: At most so many faces of a class are looked at; a percentile of them is known to about one percent.
_FACES = 1000


def typical_spectra(frame: pd.DataFrame, input_size: int) -> TypicalSpectra:
    """Mean spectrum of real and of fake faces, and the range of 90 % of them.

    Parameters
    ----------
    frame : DataFrame
        A manifest of training faces.
    input_size : int
        Side of the network's input, pixels: what it does not see is not shown either.

    Returns
    -------
    TypicalSpectra
        To a hundredth of a decibel; None for a class without a readable face.
    """
    size = spectrum_size(input_size)
    found = {}
    for label in ("real", "fake"):
        rows = frame[frame["label"] == label]
        values = spectra(rows.sample(min(len(rows), _FACES), random_state=0), size, progress=False)
        values = values[np.isfinite(values).all(axis=1)].astype(np.float64)
        if len(values):
            lines = [values.mean(axis=0), *np.percentile(values, [5, 95], axis=0)]
            mean, low, high = (tuple(np.round(line, 2).tolist()) for line in lines)
            found[label] = TypicalSpectrum(faces=len(values), mean=mean, low=low, high=high)
    return TypicalSpectra(size=size, **found)
