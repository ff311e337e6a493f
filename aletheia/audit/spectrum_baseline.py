"""Prediction of the label from the power spectra of face crops alone.

Networks that enlarge their feature maps leave traces in the spectrum (Durall, Keuper and Keuper, "Watch Your
Up-Convolution", CVPR 2020; Frank et al., "Leveraging Frequency Analysis for Deep Fake Image Recognition", ICML 2020).
So does every change of size and every JPEG: a network that is no better than this baseline need not have seen a face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from aletheia.core.arrays import Array
from aletheia.core.errors import AletheiaError
from aletheia.core.progress import tqdm
from aletheia.imaging.pixel_cache import iterate_images
from aletheia.imaging.power_spectrum import SIZE, check_size, decibels, frequencies, radial_power
from aletheia.imaging.reading import Unreadable
from aletheia.plotting.theme import FAKE, NEUTRAL, REAL, empty, note, shaded, styled
from aletheia.stats.bootstrap import unit_ids
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.grouped_auc import weighted_auc
from aletheia.stats.tabular import FoldError, Shortcut, make_folds, not_computed

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

#: Bands of equal width whose importance is measured.
BANDS = 8
_BATCH = 64
_STRENGTHS = np.logspace(-4, 1, 6)
_SHUFFLES = 3


@dataclass(frozen=True)
class FrequencyBaseline(Shortcut):
    """Prediction of the label from the power spectrum alone; `features` are its bands, `scores` log odds of fake."""

    def sentence(self) -> str:
        """Summarise the result in plain words."""
        if self.reason:
            return f"The AUC of the power spectrum alone was not computed: {self.reason}."
        text = f"From the power spectrum alone, the label is predicted with AUC {self.auc:.2f}"
        text += f" ({self.low:.2f} to {self.high:.2f})"
        if self.low <= 0.5:
            return text + ", which may be chance."
        return text + (f"; what gives it away: {', '.join(self.leading)}." if self.leading else "; by no band alone.")


def spectra(frame: pd.DataFrame, size: int = SIZE, progress: bool = True) -> Array:
    """Compute the radial power spectrum, in decibels, of every row of a manifest of crops: (n, size // 2) float32.

    Images are read as they are needed, and not kept; a row that cannot be read is NaN.
    """
    check_size(size)
    paths = frame["path"].astype(str).tolist()
    out = np.full((len(paths), size // 2), np.nan, dtype=np.float32)
    with tqdm(total=len(paths), desc="Spectra", unit="face", disable=not progress) as bar:
        for start in range(0, len(paths), _BATCH):
            part = paths[start : start + _BATCH]
            images = enumerate(iterate_images(part, size), start)
            read = {i: image for i, image in images if not isinstance(image, Unreadable)}
            if read:
                out[list(read)] = decibels(radial_power(np.stack(list(read.values()))))
            bar.update(len(part))
    return out


def frequency_baseline(
    train_spectra: Array,
    y_train: Array,
    test_spectra: Array,
    y_test: Array,
    groups: tuple[Array | None, Array | None],
    seed: int = 0,
) -> FrequencyBaseline:
    """Predict real and fake from the power spectrum alone: logistic regression on standardised decibels.

    Parameters
    ----------
    train_spectra, test_spectra : ndarray
        (n, bins) and (m, bins), of `spectra`; rows with NaN are left out.
    y_train, y_test : ndarray
        (n,) and (m,), 1 for fake.
    groups : pair of ndarray or None
        (n,) and (m,) identity, video or connected group of the training and of the test rows, '' for unknown, None for
        each row on its own. The first keep folds apart, in which the regularisation is chosen by log loss; the second
        are the unit of the interval (95 %), see `aletheia.stats.clustered_auc`.
    seed : int
        Of folds and shuffles.

    Returns
    -------
    FrequencyBaseline
        On the test rows; with NaN and a reason when a class is missing, or the training rows cannot be
        cross-validated. `features` holds eight bands: what the AUC loses when a band is shuffled among the test rows,
        and the AUC of a model that sees this band only.
    """
    rng = np.random.default_rng(seed)
    try:
        x_train, fake, train_groups = _usable("training", train_spectra, y_train, groups[0])
        x_test, y, test_groups = _usable("test", test_spectra, y_test, groups[1])
    except UnusableRowsError as error:
        return _nothing(str(error))
    try:
        folds = make_folds(train_groups, fake, rng)
    except FoldError as error:
        return _nothing(str(error))
    model = _best_model(x_train, fake, folds)
    scores = model.decision_function(x_test)
    auc = clustered_auc(y, scores, test_groups).estimate()
    all_scores = np.full(len(test_spectra), np.nan)
    all_scores[np.isfinite(test_spectra).all(axis=1)] = scores
    features = _bands(model, (x_train, fake), (x_test, y), rng)
    return FrequencyBaseline(auc.value, auc.low, auc.high, len(y), features, cross_validated=False, scores=all_scores)


def spectrum_figure(values: Array, y: Array, baseline: Shortcut | None = None) -> go.Figure:
    """Plot the mean spectrum of real and of fake faces with the range of 90 % of them, and the difference beneath.

    Parameters
    ----------
    values : ndarray
        (n, bins), of `spectra`; rows with NaN are left out.
    y : ndarray
        (n,), 1 for fake.
    baseline : Shortcut, optional
        Of `frequency_baseline`, for the note.
    """
    title = "Power spectra of real and fake faces"
    is_known = np.isfinite(values).all(axis=1)
    if not is_known.any():
        return empty(title, "No face has a spectrum.")
    values, y = values[is_known], np.asarray(y)[is_known]
    x = frequencies(values.shape[1])
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.06)
    means = {}
    for label, name, colour, dash in ((0, "real", REAL, "solid"), (1, "fake", FAKE, "dash")):
        in_class = values[y == label]
        if not len(in_class):
            continue
        means[label] = in_class.mean(axis=0)
        low, high = np.percentile(in_class, [5, 95], axis=0)
        shaded(figure, x.tolist(), low.tolist(), high.tolist(), colour, row=1, col=1)
        figure.add_scatter(
            x=x, y=means[label], name=f"{name} (n = {len(in_class):,}; shaded: 5 to 95 %)", mode="lines",
            line={"color": colour, "dash": dash, "width": 2.5}, row=1, col=1,
            hovertemplate="%{x:.3f} cycles per pixel: %{y:.1f} dB<extra>" + name + "</extra>",
        )  # fmt: skip
    styled(figure, title, height=620)
    figure.add_hline(y=0, line={"color": NEUTRAL, "dash": "dot", "width": 1}, row=2, col=1)
    if len(means) == 2:
        figure.add_scatter(
            x=x, y=means[1] - means[0], mode="lines", line={"color": NEUTRAL, "width": 2.5}, showlegend=False,
            hovertemplate="%{x:.3f} cycles per pixel: %{y:+.2f} dB<extra></extra>", row=2, col=1,
        )  # fmt: skip
    figure.update_xaxes(range=[0, 0.505])
    figure.update_xaxes(title_text="spatial frequency (cycles per pixel)", row=2, col=1)
    figure.update_yaxes(title_text="power (dB, low frequencies = 0)", row=1, col=1)
    figure.update_yaxes(title_text="fake − real (dB)", row=2, col=1)
    # Without the names of the bands: the figure shows them.
    return figure if baseline is None else note(figure, baseline.sentence().partition(";")[0].rstrip(".") + ".")


class UnusableRowsError(AletheiaError):
    """Rows from which, or on which, no baseline can be computed; the message is the reason, as a clause."""


def _usable(name: str, values: Array, labels: Array, groups: Array | None) -> tuple[Array, Array, Array]:
    """Select spectra, fake flags and groups (numbered from 0 on) of the rows with a spectrum.

    Raises
    ------
    UnusableRowsError
        When no row has one, or they are of one class.
    """
    is_known = np.isfinite(values).all(axis=1)
    fake = np.asarray(labels)[is_known] == 1
    if not len(fake):
        raise UnusableRowsError(f"the {name} rows have no spectrum")
    if fake.all() or not fake.any():
        raise UnusableRowsError(f"the {name} rows are all {'fake' if fake.all() else 'real'}")
    ids = unit_ids(groups, len(is_known))
    return values[is_known].astype(np.float64), fake, np.unique(ids[is_known], return_inverse=True)[1]


def _nothing(reason: str) -> FrequencyBaseline:
    return FrequencyBaseline(**vars(not_computed(reason, False)))


def _model(strength: float) -> Pipeline:
    """Create the unfitted model; `strength` is the inverse of the regularisation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))


def _best_model(x: Array, fake: Array, folds: list[tuple[Array, Array]]) -> Pipeline:
    """Fit to all rows, with the strength whose log loss is lowest over the folds; the smaller on a tie."""
    from sklearn.model_selection import GridSearchCV

    grid = {"logisticregression__C": _STRENGTHS}
    return GridSearchCV(_model(1.0), grid, scoring="neg_log_loss", cv=folds).fit(x, fake).best_estimator_


def _bands(
    model: Pipeline,
    fit: tuple[Array, Array],
    scored: tuple[Array, Array],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Measure the importance of each band, as `Shortcut.features`."""
    (x_train, fake), (x, y) = fit, scored
    weight, fold = np.ones((1, len(y))), np.zeros(len(y), dtype=np.int64)

    def auc(scores: Array) -> float:
        return float(weighted_auc(y, scores, fold, weight)[0])

    parts = model[0].transform(x) * model[1].coef_[0]
    whole = parts.sum(axis=1)
    band = np.ceil(frequencies(x.shape[1]) * 2 * BANDS).astype(int) - 1
    rows = []
    for b in range(BANDS):
        part = parts[:, band == b].sum(axis=1)
        lost = np.mean([auc(whole) - auc(whole - part + rng.permutation(part)) for _ in range(_SHUFFLES)])
        alone = _model(model[1].C).fit(x_train[:, band == b], fake).decision_function(x[:, band == b])
        edges = f"{b / (2 * BANDS):.2f} to {(b + 1) / (2 * BANDS):.2f} cycles per pixel"
        rows.append((f"band_{b}", edges, float(lost), auc(alone)))
    table = pd.DataFrame(rows, columns=["feature", "name", "importance", "alone"])
    return table.sort_values(["importance", "alone"], ascending=False, ignore_index=True, kind="stable")
