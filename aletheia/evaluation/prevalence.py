"""Predictive values where fakes are rarer than in the test set.

A test set holds about as many fakes as genuine photos; the photos that people upload do not. The two error rates carry
over to another share of fakes (as long as the photos of each class stay alike: prior shift), the share of alarms that
are right does not, and follows by Bayes' rule (Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a
Classifier to New a Priori Probabilities", Neural Computation 14, 2002). To mistake either for the other is the
base-rate fallacy (Axelsson, "The Base-Rate Fallacy and the Difficulty of Intrusion Detection", ACM TISSEC 3, 2000).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from scipy.special import expit, logit

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.plotting.theme import FAKE, NEUTRAL, empty, note, styled
from aletheia.stats.estimate import Estimate
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.scored_set import ScoredSet

#: Shares of fakes, from one photo in a thousand to one in two.
BASE_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
GENUINE = 10_000
_BAND = "rgba(213, 94, 0, 0.18)"  # FAKE, see-through


def predictive_values(tpr: Array | float, fpr: Array | float, base_rate: Array | float) -> tuple[Array, Array]:
    """Compute predictive values by Bayes' rule.

    Parameters
    ----------
    tpr, fpr : ndarray or float
        Share of the fakes, and of the genuine photos, that are called fake; 0 to 1.
    base_rate : ndarray or float
        Share of fakes among the incoming photos, 0 to 1. The three are broadcast.

    Returns
    -------
    ppv, npv : ndarray
        Share of fakes among those called fake, and of genuine photos among the others; NaN where there are none.
    """
    tpr, fpr, base_rate = (np.asarray(value, dtype=np.float64) for value in (tpr, fpr, base_rate))
    true_alarms, false_alarms = tpr * base_rate, fpr * (1 - base_rate)
    passed, missed = (1 - fpr) * (1 - base_rate), (1 - tpr) * base_rate
    with np.errstate(invalid="ignore", divide="ignore"):
        return true_alarms / (true_alarms + false_alarms), passed / (passed + missed)


def prior_shift(scored: ScoredSet, *, base_rates: Sequence[float] = BASE_RATES, level: float = 0.95) -> pd.DataFrame:
    """Compute predictive values and false alarms at other shares of fakes than the test set's.

    The log odds of a predictive value are those of the base rate plus the logarithm of a ratio of two rates (Mercaldo,
    Lau and Zhou, "Confidence Intervals for Predictive Values with an Emphasis to Case-Control Studies", Statistics in
    Medicine 26, 2007). The limits of that ratio are recovered from the limits of both rates (Zou and Donner,
    "Construction of Confidence Limits about Effect Measures", Statistics in Medicine 27, 2008), which are those of
    `aletheia.stats.intervals.clustered_rate`.

    Parameters
    ----------
    scored : ScoredSet
        Rows without a probability are left out.
    base_rates : sequence of float
        Shares of fakes among the incoming photos, between 0 and 1.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        One row a base rate: base_rate, ppv, ppv_low, ppv_high (share of alarms that are fakes), npv, npv_low, npv_high
        (share of genuine photos among those that pass), false_alarms, false_alarms_low, false_alarms_high (among 10,000
        genuine photos, the same at every base rate). NaN when a class is missing.

    Raises
    ------
    InputError
        When no row has a probability, or for a base rate that is not between 0 and 1.
    """
    base = np.asarray(base_rates, dtype=np.float64)
    if base.ndim != 1 or not ((base > 0) & (base < 1)).all():
        raise InputError("base_rates: shares of fakes must lie between 0 and 1, such as 0.01 for one in a hundred.")
    scored = scored.dropna()
    if not len(scored):
        raise InputError("None of the rows has a score, so there is nothing to evaluate.")
    fake, called = scored.fake, scored.called
    tpr, fpr = (clustered_rate(called[rows], scored.ids[rows], level) for rows in (fake, ~fake))
    fnr, tnr = (Estimate(1 - rate.value, 1 - rate.high, 1 - rate.low) for rate in (tpr, fpr))
    ppv, npv = predictive_values(tpr.value, fpr.value, base)
    table = pd.DataFrame({"base_rate": base})
    for name, value, odds, (hits, errors) in (
        ("ppv", ppv, logit(base), (tpr, fpr)),
        ("npv", npv, -logit(base), (tnr, fnr)),
    ):
        low, high = _log_ratio_limits(hits, errors)
        table[name], table[f"{name}_low"], table[f"{name}_high"] = value, expit(odds + low), expit(odds + high)
    alarms = (GENUINE * value for value in (fpr.value, fpr.low, fpr.high))
    table["false_alarms"], table["false_alarms_low"], table["false_alarms_high"] = alarms
    return table


def _log_ratio_limits(a: Estimate, b: Estimate) -> tuple[float, float]:
    """Return limits of log(a / b); where the ratio is 0 or infinite, those of the limits of both; NaN without rows."""
    with np.errstate(divide="ignore", invalid="ignore"):
        (value_a, low_a, high_a), (value_b, low_b, high_b) = (np.log([e.value, e.low, e.high]) for e in (a, b))
        value = value_a - value_b
        if np.isnan(value):
            return float("nan"), float("nan")
        if np.isinf(value):
            return float(low_a - high_b), float(high_a - low_b)
        low = value - np.hypot(value_a - low_a, high_b - value_b)
        return float(low), float(value + np.hypot(high_a - value_a, value_b - low_b))


def prior_figure(table: pd.DataFrame) -> go.Figure:
    """Draw the share of alarms that are fakes over the share of fakes among all photos, of `prior_shift`."""
    title = "What an alarm is worth, by how rare fakes are"
    defined = table[table["ppv"].notna()].sort_values("base_rate")
    if not len(defined):
        return empty(title, "Real and fake rows, and a model that calls some of them fake, are needed to say.")
    x = (100 * defined["base_rate"]).to_numpy()
    value, low, high = (100 * defined[name].to_numpy() for name in ("ppv", "ppv_low", "ppv_high"))
    figure = go.Figure()
    if np.isfinite(low).all():
        figure.add_scatter(
            x=[*x, *x[::-1]], y=[*high, *low[::-1]], name="95 % interval", mode="lines", line={"width": 0},
            fill="toself", fillcolor=_BAND, hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=x,
        y=value,
        name="network",
        mode="lines+markers",
        line={"color": FAKE, "width": 3},
        marker={"size": 8},
        customdata=np.stack([low, high], axis=1),
        hovertemplate="%{x:g} % fakes: %{y:.1f} % (%{customdata[0]:.1f} to %{customdata[1]:.1f}) of the alarms "
        "are right<extra></extra>",
    )
    figure.add_scatter(x=x, y=x, name="calling everything fake", mode="lines", line={"color": NEUTRAL, "dash": "dot"})
    styled(figure, title, "share of fakes among all photos, %", "share of alarms that are fakes, %")
    figure.update_xaxes(type="log", tickvals=x, ticktext=[f"{rate:g}" for rate in x])
    figure.update_yaxes(range=[-2, 102])
    alarms = Estimate.from_columns(defined.iloc[0], "false_alarms")
    return note(figure, f"Of {GENUINE:,} genuine photos {alarms:,.0f} are called fake, however rare fakes are.")
