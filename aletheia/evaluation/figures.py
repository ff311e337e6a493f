"""All figures of an evaluation, in the order in which a reviewer reads them."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from aletheia.audit.spectrum_baseline import spectrum_figure
from aletheia.datasets.groups import connected_groups
from aletheia.evaluation.baselines import BASELINES, SPECTRUM, Baselines
from aletheia.evaluation.cross_matrix import matrix_figure
from aletheia.evaluation.group_answers_figure import group_answers_figure
from aletheia.evaluation.plots import (
    calibration,
    confusion,
    generator_rates,
    precision_recall,
    roc,
    scores_by_label,
    subgroup_rates,
)
from aletheia.evaluation.prevalence import prior_figure
from aletheia.evaluation.result import Evaluation
from aletheia.evaluation.risk_coverage import risk_coverage_figure
from aletheia.evaluation.robustness import delivery_figure
from aletheia.evaluation.saliency_figure import saliency_figure
from aletheia.plotting.theme import FAKE, NEUTRAL, SECOND, empty, note, styled
from aletheia.stats.metrics import Metrics


def evaluation_figures(evaluation: Evaluation) -> dict[str, go.Figure]:
    """Draw all figures of an evaluation: by key, in the order of the report."""
    y, p = evaluation.labels()
    groups = connected_groups(evaluation.scores[evaluation.scores["probability"].notna()])
    metrics, answers = evaluation.metrics, evaluation.abstention
    shortcut, trivial = evaluation.shortcut, evaluation.baselines
    whole = answers.table.iloc[0]
    return {
        "baselines": baseline_figure(trivial, metrics),
        "saliency": saliency_figure(evaluation.saliency),
        "roc": roc(y, p, metrics, None if shortcut.reason else shortcut.auc),
        "scores_by_label": scores_by_label(y, p, metrics.threshold),
        "confusion": confusion(metrics),
        "subgroups": subgroup_rates(evaluation.subgroups, metrics),
        "matrix": matrix_figure(evaluation.cells),
        "generators": generator_rates(evaluation.generators),
        "delivery_curves": delivery_figure(evaluation.delivery),
        "precision_recall": precision_recall(y, p, metrics),
        "calibration": calibration(y, p, groups=groups),
        "risk_coverage": risk_coverage_figure(answers.curve, answers.area, whole["answered"], whole["error_answered"]),
        "group_answers": group_answers_figure(answers.groups),
        "prior": prior_figure(evaluation.prior),
        "spectrum": spectrum_figure(trivial.spectra, trivial.fake, trivial.outcomes[SPECTRUM]),
    }


def baseline_figure(baselines: Baselines, metrics: Metrics) -> go.Figure:
    """Draw the AUC of the network and of the trivial detectors on the same rows, with intervals."""
    title = "The network beside detectors that know nothing of faces"
    rows = [(BASELINES[key].name, o.auc, o.low, o.high) for key, o in baselines.outcomes.items() if not o.reason]
    auc = metrics["auc"]
    if not np.isfinite(auc.value) or not rows:
        return empty(title, "There is nothing to compare.")
    figure = go.Figure()
    network = [("the network", auc.value, auc.low, auc.high)]
    for name, part, colour in (("network", network, FAKE), ("trivial detectors", rows[::-1], SECOND)):
        names, values, low, high = (np.array(column) for column in zip(*part, strict=True))
        figure.add_scatter(
            x=values,
            y=names,
            name=name,
            mode="markers",
            marker={"color": colour, "size": 12},
            error_x={"type": "data", "symmetric": False, "array": high - values, "arrayminus": values - low},
            hovertemplate="%{y}: AUC %{x:.3f}<extra></extra>",
        )
    styled(figure, title, "AUC", height=200 + 40 * len(rows))
    figure.add_vline(x=0.5, line={"color": NEUTRAL, "dash": "dot"})
    lowest = min(value for row in (*network, *rows) for value in row[1:] if np.isfinite(value))
    figure.update_xaxes(range=[min(0.35, lowest - 0.02), 1.02])
    figure.update_yaxes(categoryorder="array", categoryarray=[*(row[0] for row in rows[::-1]), "the network"])
    return note(figure, "Learnt on other people than they are scored on; 95 % intervals.")
