"""Every figure of the project from ordinary and from extreme data: one row, long names, many groups, other axes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.audit.audit import Audit, Family
from aletheia.audit.spectrum_baseline import spectrum_figure
from aletheia.datasets.bias import analyse_bias
from aletheia.evaluation.abstention_groups import promise_by_group
from aletheia.evaluation.baselines import BASELINES, Baselines
from aletheia.evaluation.cross_matrix import cell_table, heat_map, matrix_figure
from aletheia.evaluation.figures import baseline_figure
from aletheia.evaluation.group_answers_figure import group_answers_figure
from aletheia.evaluation.leave_one_out import leave_one_out_figure
from aletheia.evaluation.new_faces import NewFaces
from aletheia.evaluation.plots import (
    calibration,
    confusion,
    generator_rates,
    precision_recall,
    roc,
    scores_by_label,
    subgroup_rates,
)
from aletheia.evaluation.prevalence import prior_figure, prior_shift
from aletheia.evaluation.risk_coverage import risk_coverage_area, risk_coverage_curve, risk_coverage_figure
from aletheia.evaluation.robustness import COLUMNS, delivery_figure
from aletheia.evaluation.saliency import GRID, ClassSaliency, Saliency, best_window
from aletheia.evaluation.saliency_figure import saliency_figure
from aletheia.evaluation.score_comparison import ScoreComparison
from aletheia.evaluation.subgroups import generator_table, subgroup_table
from aletheia.imaging.corruptions import CORRUPTIONS
from aletheia.lifecycle.retraining.figures import judgement_figure
from aletheia.lifecycle.retraining.judgement import Judgement
from aletheia.models.spec import AbstentionSpec, ModelSpec
from aletheia.plotting.theme import empty
from aletheia.project.experiment_page import experiments_figure
from aletheia.project.experiments import Experiment
from aletheia.reports.audit_report import audit_figure
from aletheia.reports.data_plots import (
    association_figure,
    bias_figure,
    composition_figure,
    shortcut_figure,
)
from aletheia.reports.file_properties import file_properties_figure
from aletheia.stats.estimate import Estimate
from aletheia.stats.metrics import Metrics, evaluate_scores
from aletheia.stats.paired_difference import PairedDifference
from aletheia.stats.scored_set import ScoredSet
from aletheia.stats.tabular import Shortcut
from aletheia.training.epoch_metrics import NAMES
from aletheia.training.plots import curve_figures
from aletheia.training.search_plots import grid_figures

from ..factories import manifest

LONG = "a collection of faces with a very long name, the {}th of those that were found & <b>named</b>"
#: Drawn by the others.
PARTS = {"styled", "note", "preparation_figures", "evaluation_figures"}


def _scored(n: int = 600, spread: float = 0.2, share: float = 0.5) -> ScoredSet:
    rng = np.random.default_rng(0)
    y = (np.arange(n) < share * n).astype(int)
    return ScoredSet(y, np.clip(rng.normal(0.35 + 0.3 * y, spread), 0, 1), 0.6)


@functools.cache
def _metrics(n: int = 600, spread: float = 0.2, share: float = 0.5) -> Metrics:
    return evaluate_scores(_scored(n, spread, share), replicates=20)


#: Rows, spread and share of fakes of a test set.
SCORES = {"": (600, 0.2, 0.5), "perfect": (600, 0.01, 0.5), "four rows": (4, 0.2, 0.5)}


def _scores() -> dict[str, Callable[[], go.Figure]]:
    found = {}
    for name, given in SCORES.items():
        scored, numbers = functools.partial(_scored, *given), functools.partial(_metrics, *given)
        drawn = {
            roc: lambda s=scored, m=numbers: roc(s().y, s().p, m(), 0.61),
            precision_recall: lambda s=scored, m=numbers: precision_recall(s().y, s().p, m()),
            calibration: lambda s=scored: calibration(s().y, s().p),
            confusion: lambda m=numbers: confusion(m()),
            scores_by_label: lambda s=scored: scores_by_label(s().y, s().p, 0.97 if len(s().y) < 9 else 0.6),
            prior_figure: lambda s=scored: prior_figure(prior_shift(s())),
            risk_coverage_figure: lambda s=scored: risk_coverage_figure(
                risk_coverage_curve(s(), replicates=20), risk_coverage_area(s(), replicates=20), 0.8, 0.07
            ),
        }
        found |= {f"{draw.__name__} {name}".strip(): make for draw, make in drawn.items()}
    return found


def _groups() -> dict[str, Callable[[], go.Figure]]:
    def frame(kinds: int, long: bool) -> tuple[pd.DataFrame, ScoredSet]:
        rng = np.random.default_rng(kinds)
        names = [LONG.format(i) if long else f"g{i}" for i in range(kinds)]
        df = manifest(1500, people=300, age_group=rng.choice(names, 1500), source=rng.choice(names[:5], 1500))
        df["generator"] = np.where(df["label"] == "fake", rng.choice(names, 1500), "")
        y = (df["label"] == "fake").to_numpy().astype(int)
        return df, ScoredSet(y, np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1), 0.5)

    found = {}
    for kinds, long in ((1, False), (4, False), (12, True)):
        name = f"{kinds} {'long names' if long else 'names'}"
        made = functools.cache(functools.partial(frame, kinds, long))
        found[f"subgroup_rates {name}"] = lambda made=made: subgroup_rates(
            subgroup_table(*made()), evaluate_scores(made()[1], replicates=20)
        )
        found[f"generator_rates {name}"] = lambda made=made: generator_rates(generator_table(*made()))
        found[f"matrix_figure {name}"] = lambda made=made: matrix_figure(cell_table(*made()))
        shape = (kinds, kinds)
        names = [LONG.format(i) if long else str(2000 + 7 * i) for i in range(kinds)]
        aucs = pd.DataFrame(np.linspace(0.5, 1, kinds**2).reshape(shape), names, names)
        aucs.iloc[0, -1] = np.nan
        found[f"heat_map {name}"] = lambda aucs=aucs: heat_map(aucs, "AUC", "generator", "source")
        rows = aucs.rename(columns="output.auc_generator_{}".format).reset_index(drop=True)
        rows["param.leave_out"] = [f"generator={name}" for name in names]
        found[f"leave_one_out_figure {name}"] = lambda rows=rows: leave_one_out_figure(rows)
    return found


def _answers(kinds: int, labels: str = "real fake", long: bool = False, share: float = 0.7) -> pd.DataFrame:
    """Answers of a model by source: the first sources get the fewest, and the most of them wrong."""
    k = np.repeat(np.arange(kinds), 80)
    fake = np.tile(np.arange(80) % 2, kinds) if " " in labels else np.full(len(k), labels == "fake", int)
    frame = pd.DataFrame({"source": [LONG.format(i) if long else f"g{i}" for i in k]})
    rng = np.random.default_rng(kinds)
    scored = ScoredSet(fake, np.clip(rng.normal(0.3 + 0.4 * (fake ^ (k < kinds // 4)), 0.2), 0, 1), 0.5)
    answered = rng.uniform(0, 1, len(k)) < share * (k + 1) / kinds
    rules = AbstentionSpec(alpha=0.1, real_upper=0.6, fake_lower=0.4)
    spec = ModelSpec(architecture="attention_cnn", input_size=32, threshold=0.5, abstention=rules)
    return promise_by_group(frame, scored, answered, spec)


def _shortcut(auc: float, properties: int = 4, long: bool = False) -> Shortcut:
    names = [LONG.format(i) if long else f"property {i}" for i in range(properties)]
    steps = np.linspace(0, 1, properties)
    features = {"feature": names, "name": names, "importance": 0.1 * steps, "alone": 0.5 + (auc - 0.5) * steps}
    return Shortcut(auc, auc - 0.06, min(auc + 0.04, 1), 400, pd.DataFrame(features))


def _audit(families: int, shift: float = 0.0) -> Audit:
    made = [
        Family("all" if k == families - 1 else f"f{k}", f"measures of the kind {k}" * (1 + k % 2), k % 3 == 1,
               _shortcut(0.5 + shift + (0.49 - shift) * k / families), 0.01)
        for k in range(families)
    ]  # fmt: skip
    return Audit(tuple(made), 400, 200, 1000, 3)


def _data() -> dict[str, Callable[[], go.Figure]]:
    def frames(kinds: int, n: int, long: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        rng = np.random.default_rng(3)
        names = [LONG.format(i) if long else f"g{i}" for i in range(kinds)]
        columns = {"source": rng.choice(names, n), "age_group": rng.choice(names, n), "skin_tone": rng.choice(names, n)}
        columns["format"] = rng.choice(["jpeg", "png", "webp"][: min(kinds, 3)], n)
        df = manifest(n, people=n // 3, split=rng.choice(["train", "val", "test"], n), **columns)
        return df, df.iloc[: max(1, 2 * n // 3)]

    found = {}
    for name, given in {
        "": (3, 900, False),
        "one group": (1, 60, False),
        "30 groups": (30, 1200, True),
        "3 rows": (2, 3, False),
    }.items():
        made = functools.cache(functools.partial(frames, *given))
        bias = functools.cache(lambda made=made: tuple(map(analyse_bias, made())))
        found |= {
            f"composition_figure {name}".strip(): lambda made=made: composition_figure(*made()),
            f"file_properties_figure {name}".strip(): lambda made=made: file_properties_figure(made()[1]),
            f"bias_figure {name}".strip(): lambda bias=bias: bias_figure(*bias()),
            f"association_figure {name}".strip(): lambda bias=bias: association_figure(*bias()),
        }
    for n, long in ((1, False), (8, False), (30, True)):
        found[f"shortcut_figure {n}"] = lambda n=n, long=long: shortcut_figure(_shortcut(0.99, n, long))
    for n in (5, 14):
        found[f"audit_figure {n}"] = lambda n=n: audit_figure(_audit(n))
        found[f"audit_figure {n} twice"] = lambda n=n: audit_figure(_audit(n), _audit(n, 0.1))
    return found


def _curves(operations: int) -> pd.DataFrame:
    rows = []
    for key in [*list(CORRUPTIONS)[: operations - 1], LONG][:operations]:
        for severity in (0, *([0.25, 0.5, 1, 2, 4] if operations > 1 else [1])):
            auc, flipped = 0.99 - 0.1 * severity, 0.2 * severity
            rows.append((key, severity, f"unit of {key}", 200, auc, auc - 0.05, min(auc + 0.05, 1), flipped,
                         max(flipped - 0.05, 0), flipped + 0.05, flipped, 0))  # fmt: skip
    curves = pd.DataFrame(rows, columns=list(COLUMNS))
    curves.attrs["note"] = "200 of 4000 faces; the rest was left out, since each is scored in thirty versions."
    return curves


def _training() -> dict[str, Callable[[], go.Figure]]:
    found = {}
    for epochs in (1, 40):
        rng = np.random.default_rng(epochs)
        columns = {f"{part}_{name}": rng.uniform(0.5, 1, epochs) for part in ("train", "val") for name in NAMES}
        loss = np.linspace(1.5, 0.02, epochs)
        history = pd.DataFrame({"epoch": range(1, epochs + 1), "learning_rate": 1e-3 * loss, **columns,
                                "train_loss": loss, "val_loss": loss})  # fmt: skip
        for name in curve_figures(history):
            found[f"curve_figures {name} {epochs}"] = lambda h=history, n=name: curve_figures(h)[n]
    for name, columns in {
        "1x1": {"learning_rate": [1e-3], "batch_size": [16]},
        "1x3": {"learning_rate": [1e-3], "batch_size": [8, 16, 32]},
        "6x3": {"learning_rate": [1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 1e-2], "batch_size": [8, 16, 32]},
        "1 column": {"dropout": [0.0, 0.25, 0.5]},
        "names": {"schedule": ["finder", "onecycle"], "augmentation": ["16", LONG]},
        "5 columns": {"learning_rate": [1e-4, 1e-3], "batch_size": [8, 16], "weight_decay": [0, 1e-4],
                      "augmentation": ["none", "heavy", LONG], "label_smoothing": [0.0, 0.1]},
        "random": {"learning_rate": list(np.geomspace(1e-5, 1e-1, 30)), "batch_size": [8]},
        "9 columns": {f"a_column_of_number_{i}": [i, i + 1] for i in range(9)},
    }.items():  # fmt: skip
        points = list(itertools.product(*columns.values()))
        table = pd.DataFrame(points, columns=[f"output.best_{column}" for column in columns])
        table["output.loss"] = np.linspace(0.9, 0.2, len(table))
        if name == "6x3":
            table.loc[3, "output.loss"] = np.inf
            table["output.stopped"], table["output.epochs"] = [*[0] * 12, *[1] * 6], 4
        for kind in ("heat_map", "parallel_coordinates"):
            found[f"grid_figures {kind} {name}"] = lambda t=table, k=kind: grid_figures(t)[k]
    return found


def _experiments(n: int) -> list[Experiment]:
    results = {"auc_low": 0.6, "auc_high": 0.99, "best_control_auc": 0.55}
    return [
        Experiment(
            f"{i:032x}", "main", LONG.format(i) if i % 2 else "", "2026-01-02T03:04:05", "completed", {},
            {**results, "auc": 0.7 + 0.29 * i / n, "verdict": "production" if i % 3 else "candidate"}, {},
        )
        for i in range(n)
    ]  # fmt: skip


def _saliency(row: int, share: Estimate) -> ClassSaliency:
    heat = np.full((GRID, GRID), 1e-4)
    heat[row : row + 8, 20:28] = 0.01
    return ClassSaliency(np.full((96, 96, 3), 140, np.uint8), heat / heat.sum(), best_window(heat), share)


def _judgement(*, has_new: bool) -> Judgement:
    frozen = ScoreComparison(240, 0, 0, 0.95, 0.96, Estimate(0.01, -0.01, 0.03), 1.0, 1.0, 3, 5, 8)
    new = NewFaces(60, 40, 0.5, 0.8, PairedDifference(0.3, 0.1, 39), 20, 2) if has_new else None
    return Judgement("v1.0.0", "v1.0.1", frozen, new, [] if has_new else ["v1.0.1 is refused."])


def _others() -> dict[str, Callable[[], go.Figure]]:
    rng = np.random.default_rng(1)
    y = np.arange(60) % 2
    spectra = -np.linspace(0, 60, 32) + rng.normal(0, 1, (60, 32)) + 3 * y[:, None] * np.linspace(0, 1, 32)
    outcomes = {key: _shortcut(0.5 + 0.04 * (i % 12)) for i, key in enumerate(BASELINES)}
    baselines = Baselines(outcomes, spectra, y)
    return {
        "baseline_figure": lambda: baseline_figure(baselines, _metrics()),
        "judgement_figure": lambda: judgement_figure(_judgement(has_new=True)),
        "judgement_figure refused": lambda: judgement_figure(_judgement(has_new=False)),
        "saliency_figure": lambda: saliency_figure(
            Saliency(_saliency(20, Estimate(0.69, 0.66, 0.72)), _saliency(0, Estimate(0.13)))
        ),
        "saliency_figure one class": lambda: saliency_figure(Saliency(_saliency(24, Estimate(float("nan"))), None)),
        "empty": lambda: empty("A title", "The reason why there is nothing to see here, which is a sentence."),
        "spectrum_figure": lambda: spectrum_figure(spectra, y, _shortcut(0.81)),
        "spectrum_figure one class": lambda: spectrum_figure(spectra[:3], np.ones(3)),
        "group_answers_figure": lambda: group_answers_figure(_answers(4)),
        "group_answers_figure one group": lambda: group_answers_figure(_answers(1, "real", share=1)),
        "group_answers_figure no answers": lambda: group_answers_figure(_answers(2, "fake", share=0)),
        "group_answers_figure 30 groups": lambda: group_answers_figure(_answers(30, long=True)),
        **{f"delivery_figure {n}": lambda n=n: delivery_figure(_curves(n)) for n in (1, 4, 9)},
        **{f"experiments_figure {n}": lambda n=n: experiments_figure(_experiments(n)) for n in (1, 40)},
    }


#: Functions that draw each figure, by the function's name and what is particular about the data.
CASES: dict[str, Callable[[], go.Figure]] = {**_scores(), **_groups(), **_data(), **_training(), **_others()}
