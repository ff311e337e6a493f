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

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.plotting.theme import FAKE, NEUTRAL, empty, note, styled
from aletheia.stats.bootstrap import percentile_interval, widen_constant
from aletheia.stats.estimate import Estimate
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.metrics import evaluate_scores
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


def prior_shift(
    scored: ScoredSet,
    *,
    base_rates: Sequence[float] = BASE_RATES,
    replicates: int = 2000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute predictive values and false alarms at other shares of fakes than the test set's.

    Each replicate of the bootstrap over groups gives both error rates, so that their dependence is kept; the draws are
    those of `aletheia.stats.metrics.evaluate_scores` on the same set. A rate whose replicates are constant (no false
    alarm at all) takes both limits of its closed form instead, at each end the one that makes the interval wider.

    Parameters
    ----------
    scored : ScoredSet
        Rows without a probability are left out.
    base_rates : sequence of float
        Shares of fakes among the incoming photos, between 0 and 1.
    replicates, level
        Of the bootstrap; without replicates there are no intervals.

    Returns
    -------
    DataFrame
        One row a base rate: base_rate, ppv, ppv_low, ppv_high (share of alarms that are fakes), npv, npv_low, npv_high
        (share of genuine photos among those that pass), false_alarms, false_alarms_low, false_alarms_high (among 10,000
        genuine photos, the same at every base rate). NaN when a class is missing.

    Raises
    ------
    InputError
        As `evaluate_scores`, or for a base rate that is not between 0 and 1.
    """
    base = np.asarray(base_rates, dtype=np.float64)
    if base.ndim != 1 or not ((base > 0) & (base < 1)).all():
        raise InputError("base_rates: shares of fakes must lie between 0 and 1, such as 0.01 for one in a hundred.")
    metrics = evaluate_scores(scored, replicates=0)
    lower, upper = _rates(scored.dropna(), replicates, level)
    tpr, fpr = metrics["recall"].value, metrics["fpr"].value
    # Both predictive values rise with the one rate and fall with the other.
    values = zip(
        ("ppv", "npv"),
        predictive_values(tpr, fpr, base),
        predictive_values(lower[:, :1], upper[:, 1:], base),
        predictive_values(upper[:, :1], lower[:, 1:], base),
        strict=True,
    )
    table = pd.DataFrame({"base_rate": base})
    for name, value, worst, best in values:
        table[name] = value
        table[f"{name}_low"] = [percentile_interval(column, level)[0] for column in worst.T]
        table[f"{name}_high"] = [percentile_interval(column, level)[1] for column in best.T]
    table["false_alarms"] = GENUINE * fpr
    table["false_alarms_low"] = GENUINE * percentile_interval(lower[:, 1], level)[0]
    table["false_alarms_high"] = GENUINE * percentile_interval(upper[:, 1], level)[1]
    return table


def _rates(scored: ScoredSet, replicates: int, level: float) -> tuple[Array, Array]:
    """Return true- and false-positive rates of replicates, for lower and for upper ends: (replicates, 2) each."""
    data, fake, called = scored.grouped(), scored.fake, scored.called
    sums = data.sums(called & fake, called & ~fake, fake, ~fake)
    totals = np.array([counts @ sums for counts in scored.draw_counts(replicates)]).reshape(replicates, 4)
    with np.errstate(invalid="ignore"):
        draws = totals[:, :2] / totals[:, 2:]
    limits = [clustered_rate(called[rows], scored.ids[rows], level) for rows in (fake, ~fake)]
    return widen_constant(draws, np.array([rate.low for rate in limits]), np.array([rate.high for rate in limits]))


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
    figure.update_layout(legend={"x": 0.02, "y": 0.98})
    alarms = Estimate.from_columns(defined.iloc[0], "false_alarms")
    return note(figure, f"Of {GENUINE:,} genuine photos {alarms:,.0f} are called fake, however rare fakes are.")
