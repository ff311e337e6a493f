"""Control: what the best small window at a fixed place of the crop tells about the label.

A mark, a border or a logo stands at one place; a forged face differs in many. The window is chosen within the training
rows, in folds by person: the best of a hundred looks good by chance where it was chosen (Varma and Simon, "Bias in
Error Estimation when Using Cross-Validation for Model Selection", BMC Bioinformatics 7, 2006).
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.stats.curves import auc

#: Cells a side of the crop, cells a side of a window, and cells from one window to the next.
GRID, WINDOW, STEP = 24, 4, 2
#: Values of a cell: mean red, green and blue, and the logarithm of the energy of its residual.
_VALUES = 4
_RIDGE = 0.1  # of the mean variance of a window's standardised values


def cell_values(crops: Array) -> Array:
    """Compute the mean colour and the energy of the finest details in each cell of a grid over the crops.

    Parameters
    ----------
    crops : ndarray
        (n, size, size, 3) uint8 RGB.

    Returns
    -------
    ndarray
        (n, GRID, GRID, 4) float32.
    """
    out = np.empty((len(crops), GRID, GRID, _VALUES), dtype=np.float32)
    for row, crop in enumerate(crops):
        luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
        energy = np.square(luma - cv2.GaussianBlur(luma, (0, 0), 1.0))
        out[row, ..., :3] = cv2.resize(crop.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
        out[row, ..., 3] = np.log1p(cv2.resize(energy, (GRID, GRID), interpolation=cv2.INTER_AREA))
    return out


def windows() -> list[tuple[int, int]]:
    """List the windows' upper left cells as (row, column)."""
    corners = range(0, GRID - WINDOW + 1, STEP)
    return [(y, x) for y in corners for x in corners]


def position_scores(
    learnt: Array, fake: Array, scored: Array, folds: list[tuple[Array, Array]]
) -> tuple[Array, str, float]:
    """Find the window that tells most within the training rows, and score other crops by it.

    Parameters
    ----------
    learnt, scored : ndarray
        (n, size, size, 3) and (m, size, size, 3) uint8 RGB.
    fake : ndarray
        (n,) bool.
    folds : list of tuple of ndarray
        Rows of `learnt` to fit on and rows to score; of different groups.

    Returns
    -------
    scores : ndarray
        (m,) of a linear discriminant on the values of the window and their squares.
    description : str
        Where the window lies.
    share : float
        Share of the crop that it covers.
    """
    cells = cell_values(learnt)
    aucs = np.zeros(len(windows()))
    for fit, held_out in folds:
        for k, values in enumerate(_each_window(cells)):
            model = _Discriminant(values[fit], fake[fit])
            aucs[k] += auc(fake[held_out], model(values[held_out]))
    y, x = windows()[int(np.argmax(aucs))]
    model = _Discriminant(_window(cells, y, x), fake)
    scores = model(_window(cell_values(scored), y, x)) if len(scored) else np.zeros(0)
    place = f"the window {(x + WINDOW / 2) / GRID:.0%} from the left and {(y + WINDOW / 2) / GRID:.0%} from above"
    return scores, place, (WINDOW / GRID) ** 2


def _window(cells: Array, y: int, x: int) -> Array:
    values: Array = cells[:, y : y + WINDOW, x : x + WINDOW].reshape(len(cells), -1).astype(np.float64)
    return values


def _each_window(cells: Array) -> Iterator[Array]:
    for y, x in windows():
        yield _window(cells, y, x)


class _Discriminant:
    """Regularised linear discriminant (Friedman, "Regularized Discriminant Analysis", JASA 84, 1989)."""

    def __init__(self, values: Array, fake: Array) -> None:
        self.mean, self.spread = values.mean(axis=0), values.std(axis=0) + 1e-6
        x = self._expanded(values)
        self.centre = x.mean(axis=0)
        means = [x[rows].mean(axis=0) for rows in (fake, ~fake)]
        x = x - np.where(fake[:, None], means[0], means[1])
        covariance = x.T @ x / len(x)
        covariance[np.diag_indices_from(covariance)] += _RIDGE * np.trace(covariance) / len(covariance) + 1e-9
        self.weights = np.linalg.solve(covariance, means[0] - means[1])

    def __call__(self, values: Array) -> Array:
        """Score values (m, k): (m,)."""
        scores: Array = (self._expanded(values) - self.centre) @ self.weights
        return scores

    def _expanded(self, values: Array) -> Array:
        standard = np.clip((values - self.mean) / self.spread, -4, 4)
        return np.concatenate([standard, standard**2], axis=1)
