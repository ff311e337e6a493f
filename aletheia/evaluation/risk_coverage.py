"""Risk-coverage curves: the errors of a model that answers only for the faces it is most confident of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.core.arrays import Array
from aletheia.plotting.theme import FAKE, NEUTRAL, note, shaded, styled
from aletheia.stats.bootstrap import GroupedScores, percentile_interval, widen_constant
from aletheia.stats.estimate import Estimate
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.scored_set import ScoredSet

_POINTS = 200


def distance(p: Array, threshold: float) -> Array:
    """Scale the distance of probabilities from the threshold: 0 on it, 1 at the end of either side."""
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(p >= threshold, (p - threshold) / (1 - threshold), (threshold - p) / threshold)
    return np.nan_to_num(far)


def risk_coverage_curve(scored: ScoredSet, confidence: Array | None = None, *, replicates: int = 500) -> pd.DataFrame:
    """Compute the share of wrong answers among the most confident ones, for every share that is answered.

    El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 11, 2010.

    Parameters
    ----------
    scored : ScoredSet
        n rows; those without a probability are left out.
    confidence : ndarray, optional
        (n,) larger for more confident answers; by default the distance from the threshold. Rows of equal confidence go
        together.
    replicates : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        At most 200 rows from the most confident to all: confidence, coverage, n, risk, risk_low, risk_high (95 %).
    """
    data, wrong = _rank_by_confidence(scored, confidence)
    failed, correct = data.counts_above(np.ones(data.n_groups))
    n = failed + correct
    keep = np.unique(np.searchsorted(n, np.linspace(0, n[-1], _POINTS)))
    levels, risk = np.unique(data.p)[::-1][keep], (failed / n)[keep]
    draws = np.stack([_risk(data, counts)[keep] for counts in scored.dropna().draw_counts(replicates)])
    limits = np.tile([0.0, 1.0], (len(keep), 1))
    for k in np.flatnonzero((risk == 0) | (risk == 1)):
        rows = data.p >= levels[k]
        rate = clustered_rate(wrong[rows], data.group[rows])
        limits[k] = rate.low, rate.high
    lower, upper = widen_constant(draws, *limits.T)
    low = [percentile_interval(column, 0.95)[0] for column in lower.T]
    high = [percentile_interval(column, 0.95)[1] for column in upper.T]
    columns = {"confidence": levels, "coverage": n[keep] / n[-1], "n": n[keep].astype(int), "risk": risk}
    return pd.DataFrame({**columns, "risk_low": low, "risk_high": high})


def risk_coverage_area(scored: ScoredSet, confidence: Array | None = None, *, replicates: int = 500) -> Estimate:
    """Compute the area under `risk_coverage_curve`: the mean of the risks at the coverages 1/n, 2/n, … 1.

    Smaller is better (AURC: Geifman, Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers", ICLR 2019). Parameters as there.
    """
    data, wrong = _rank_by_confidence(scored, confidence)
    draws = np.array([_area(data, counts) for counts in scored.dropna().draw_counts(replicates)])
    rate = clustered_rate(wrong, data.group)
    lower, upper = widen_constant(draws, rate.low, rate.high)
    bounds = percentile_interval(lower, 0.95)[0], percentile_interval(upper, 0.95)[1]
    return Estimate(_area(data, np.ones(data.n_groups)), *bounds)


def risk_coverage_figure(curve: pd.DataFrame, area: Estimate, answered: float, error: float) -> go.Figure:
    """Draw `risk_coverage_curve` with a mark for the model under its own rules of abstention.

    Parameters
    ----------
    curve, area
        Of `risk_coverage_curve` and `risk_coverage_area`.
    answered, error : float
        Share of the faces that the model answers, and of wrong answers among those; NaN when it answers none.
    """
    figure = go.Figure()
    shaded(figure, curve["coverage"], curve["risk_low"], curve["risk_high"], FAKE)
    figure.add_scatter(
        x=curve["coverage"], y=curve["risk"], name="surest faces only (95 % interval)", mode="lines",
        line={"color": FAKE, "width": 3}, customdata=curve["n"],
        hovertemplate="%{customdata} faces answered (%{x:.1%}): %{y:.1%} wrong<extra></extra>",
    )  # fmt: skip
    if not np.isnan(error):
        figure.add_scatter(
            x=[answered], y=[error], name="the model with its rules of abstention", mode="markers",
            marker={"color": "black", "size": 12, "symbol": "diamond"},
            hovertemplate="%{x:.1%} answered: %{y:.1%} wrong<extra></extra>",
        )  # fmt: skip
    everything = float(curve["risk"].iloc[-1])
    figure.add_hline(y=everything, line={"color": NEUTRAL, "dash": "dot", "width": 1})
    styled(figure, "Wrong answers by share answered", "share of faces answered", "share of wrong answers")
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(rangemode="tozero", tickformat=".1%")
    return note(figure, f"Area under the curve: {area}. Answering for all faces, {everything:.1%} are wrong (dotted).")


def _rank_by_confidence(scored: ScoredSet, confidence: Array | None) -> tuple[GroupedScores, Array]:
    """Rank rows with a probability by confidence, wrong answers as the positive class; also return these (m,)."""
    values = distance(scored.p, scored.threshold) if confidence is None else np.asarray(confidence)
    values, scored = values[scored.is_scored], scored.dropna()
    return GroupedScores(scored.wrong, values, scored.ids), scored.wrong


def _risk(data: GroupedScores, counts: Array) -> Array:
    """Compute the risk at or above each confidence; NaN where nothing was drawn."""
    failed, correct = data.counts_above(counts)
    n = failed + correct
    return np.divide(failed, n, out=np.full(len(n), np.nan), where=n > 0)


def _area(data: GroupedScores, counts: Array) -> float:
    n = np.add(*data.counts_above(counts))
    return float(np.nansum(np.diff(n, prepend=0.0) * _risk(data, counts)) / n[-1])
