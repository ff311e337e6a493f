"""What an alarm is worth where fakes are rarer than in the test set.

A test set holds about as many fakes as genuine photos; what people upload does not. The two error rates carry over to
another share of fakes (as long as the photos of each class stay alike: prior shift), the share of alarms that are right
does not, and follows by Bayes' rule (Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a
Priori Probabilities", Neural Computation 14, 2002). To take the one for the other is the base-rate fallacy (Axelsson,
"The Base-Rate Fallacy and the Difficulty of Intrusion Detection", ACM TISSEC 3, 2000).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.plotting.theme import FAKE, NEUTRAL, empty, note, styled
from aletheia.stats.bootstrap import GroupedScores, draw_counts, percentile_interval, widen_steady
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.metrics import evaluate_scores, unit_ids

#: Shares of fakes from one photo in a thousand to every other one.
BASE_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
GENUINE = 10_000
_BAND = "rgba(213, 94, 0, 0.18)"  # FAKE, see-through


def predictive_values(tpr: Array | float, fpr: Array | float, base_rate: Array | float) -> tuple[Array, Array]:
    """Bayes' rule.

    Parameters
    ----------
    tpr, fpr : ndarray or float
        Share of the fakes, and of the genuine photos, that are called fake; 0 to 1.
    base_rate : ndarray or float
        Share of fakes among the photos that come, 0 to 1. The three are broadcast.

    Returns
    -------
    ppv, npv : ndarray
        Share of fakes among those called fake, and of genuine photos among the others; NaN where there are none.
    """
    tpr, fpr, base_rate = (np.asarray(value, dtype=np.float64) for value in (tpr, fpr, base_rate))
    found, false = tpr * base_rate, fpr * (1 - base_rate)
    passed, missed = (1 - fpr) * (1 - base_rate), (1 - tpr) * base_rate
    with np.errstate(invalid="ignore", divide="ignore"):
        return found / (found + false), passed / (passed + missed)


def prior_shift(
    y: Array,
    p: Array,
    threshold: float,
    groups: Array | None = None,
    *,
    base_rates: Sequence[float] = BASE_RATES,
    seed: int = 0,
    replicates: int = 2000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Predictive values and false alarms at other shares of fakes than the test set's.

    Each replicate of the bootstrap over groups gives both error rates, so that their dependence is kept; the draws are
    those of `aletheia.stats.metrics.evaluate_scores` with the same seed. A rate that every replicate repeats (no
    false alarm at all) takes both limits of its closed form instead, the one that makes the interval wider at each end.

    Parameters
    ----------
    y, p, threshold, groups
        As in `evaluate_scores`; rows without a score (NaN) are left out.
    base_rates : sequence of float
        Shares of fakes among the photos that come, between 0 and 1.
    seed, replicates, level
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
    metrics = evaluate_scores(y, p, threshold, groups, replicates=0)
    lower, upper = _rates(y, p, threshold, groups, replicates, level, seed)
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


def _rates(
    y: Array,
    p: Array,
    threshold: float,
    groups: Array | None,
    replicates: int,
    level: float,
    seed: int,
) -> tuple[Array, Array]:
    """True- and false-positive rates of the replicates, for lower and for upper ends: (replicates, 2) each."""
    y, p = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    scored = ~np.isnan(p)
    data = GroupedScores(y[scored], p[scored], unit_ids(groups, len(y))[scored])
    called = data.p >= threshold
    sums = data.sums(called * data.y, called * (1 - data.y), data.y, 1 - data.y)
    counts = draw_counts(data.n_groups, replicates, np.random.default_rng(seed))
    totals = np.array([drawn @ sums for drawn in counts]).reshape(replicates, 4)
    with np.errstate(invalid="ignore"):
        draws = totals[:, :2] / totals[:, 2:]
    limits = [clustered_rate(called[data.y == fake], data.group[data.y == fake], level) for fake in (1, 0)]
    return widen_steady(draws, np.array([rate.low for rate in limits]), np.array([rate.high for rate in limits]))


def prior_figure(table: pd.DataFrame) -> go.Figure:
    """Share of alarms that are fakes over the share of fakes among all photos, of `prior_shift`."""
    title = "What an alarm is worth, by how rare fakes are"
    known = table[table["ppv"].notna()].sort_values("base_rate")
    if not len(known):
        return empty(title, "Real and fake rows, and a model that calls some of them fake, are needed to say.")
    x = (100 * known["base_rate"]).to_numpy()
    value, low, high = (100 * known[name].to_numpy() for name in ("ppv", "ppv_low", "ppv_high"))
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
    alarms = [known[f"false_alarms{end}"].iloc[0] for end in ("", "_low", "_high")]
    between = f" ({alarms[1]:,.0f} to {alarms[2]:,.0f})" if np.isfinite(alarms[1]) else ""
    text = f"Of {GENUINE:,} genuine photos {alarms[0]:,.0f}{between} are called fake, however rare fakes are."
    return note(figure, text)
