"""Leave-one-out evaluation: train without a source or a generator and test on it; the matrix of the results."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from torch import nn

from aletheia.datasets.labels import fake_flags
from aletheia.datasets.leave_out import KINDS
from aletheia.datasets.sealed import open_rows
from aletheia.evaluation.cross_matrix import auc_with_interval, heat_map
from aletheia.evaluation.evaluate import bootstrap_unit
from aletheia.models.scoring import predict_manifest
from aletheia.models.spec import ModelSpec
from aletheia.plotting.theme import FAKE, empty, note
from aletheia.stats.estimate import Estimate
from aletheia.stats.scored_set import ScoredSet
from aletheia.training.config import TrainConfig

_RESULT = re.compile(r"auc_(generator|source)_(.+)")


def score_everywhere(
    network: nn.Module,
    config: TrainConfig,
    test: pd.DataFrame,
    *,
    min_n: int = 20,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Compute the AUC on each generator's fakes (against all genuine test faces), and within each source.

    Test rows that are marked sealed are left out; when all are, an InputError says so.

    Returns
    -------
    DataFrame
        ``kind``, ``value``, ``n_real``, ``n_fake``, ``auc``, ``low``, ``high``; NaN where there are fewer than `min_n`
        rows of a class.
    """
    spec = ModelSpec(architecture=config.architecture, options=config.options, input_size=config.image_size)
    test, _ = open_rows(test)
    p = predict_manifest(network, spec, test, progress=progress).astype(np.float64)
    fake = fake_flags(test)
    scored = ScoredSet(fake, p, groups=bootstrap_unit(test)[0], seed=seed)
    rows = []
    for kind in KINDS:
        values = test[kind].astype(str).to_numpy()
        for value in sorted(set(values[scored.is_scored & (fake | (kind == "source"))]) - {""}):
            cell = scored.select(scored.is_scored & ((values == value) | (~fake & (kind == "generator"))))
            n_fake = int(cell.fake.sum())
            n_real = len(cell) - n_fake
            enough = min(n_fake, n_real) >= min_n
            auc = auc_with_interval(cell) if enough else Estimate(float("nan"))
            rows.append((kind, value, n_real, n_fake, auc.value, auc.low, auc.high))
    return pd.DataFrame(rows, columns=["kind", "value", "n_real", "n_fake", "auc", "low", "high"])


def cell_results(table: pd.DataFrame, leave_out: str) -> dict[str, Any]:
    """Return flat results of a model of the grid.

    Parameters
    ----------
    table : DataFrame
        Of :func:`score_everywhere`.
    leave_out : str
        As in :func:`leave_out_rows`.

    Returns
    -------
    dict
        ``auc_generator_NAME``, ``auc_source_NAME``, …; of the part left out, ``unseen_auc`` with its interval.
    """
    rated = table[table["auc"].notna()]
    results = {f"auc_{row.kind}_{row.value}": float(row.auc) for row in rated.itertuples()}
    kind, _, value = leave_out.partition("=")
    unseen = rated[(rated["kind"] == kind) & (rated["value"] == value)]
    for row in unseen.itertuples():
        results |= {"unseen_auc": row.auc, "unseen_auc_low": row.low, "unseen_auc_high": row.high}
    return results


def leave_one_out_table(iterations: pd.DataFrame) -> pd.DataFrame:
    """Convert MLRun's table of the grid to a matrix of AUCs: index left out, columns tested on."""
    columns = {name: _RESULT.fullmatch(name.removeprefix("output.")) for name in iterations}
    # Grids of earlier versions have the parameter by its former name.
    parameter = "param.leave_out" if "param.leave_out" in iterations else "param.held_out"
    table = pd.DataFrame(
        {f"{match[1]} {match[2]}": iterations[name].to_numpy() for name, match in columns.items() if match},
        index=iterations[parameter].astype(str).tolist(),
    )
    return table.astype(np.float64)


def leave_one_out_figure(iterations: pd.DataFrame) -> go.Figure:
    """Draw a heat map of :func:`leave_one_out_table`; a frame marks what the model of the row had never seen."""
    title = "Trained without … and tested on …"
    table = leave_one_out_table(iterations)
    if not table.size or table.isna().to_numpy().all():
        return empty(title, "No source or generator has enough test rows.")
    figure = heat_map(table, title, "tested on", "trained without")
    for row, leave_out in enumerate(table.index):
        name = leave_out.replace("=", " ", 1)
        if name in table.columns:
            column = table.columns.get_loc(name)
            box = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
            figure.add_shape(type="rect", **box, line={"color": FAKE, "width": 4})
    return note(figure, "Framed: what the model had never seen. That is what the next forgery will be like.")
