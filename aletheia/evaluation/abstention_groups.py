"""Abstention by group: what a model answers and promises for each group of people, source and generator."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.datasets.schema import as_text
from aletheia.evaluation.subgroups import MIN_PEOPLE, demographic_values, people_ids
from aletheia.models.spec import ModelSpec
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.scored_set import ScoredSet

COLUMNS = (
    "column", "value", "label", "n", "answered", "answered_low", "answered_high",
    "error_answered", "error_answered_low", "error_answered_high", "error_all", "error_all_low", "error_all_high",
    "covered", "covered_low", "covered_high", "promised", "kept",
)  # fmt: skip


def promise_by_group(
    frame: pd.DataFrame, scored: ScoredSet, answered: Array, spec: ModelSpec, *, min_people: int = MIN_PEOPLE
) -> pd.DataFrame:
    """Compute for each group and label the share that is answered, the errors, and the coverage.

    Of genuine faces the errors are false alarms, of fakes misses: `error_all` at the threshold, `error_answered` among
    the answers.

    The conformal promise is one for each label as a whole, not for each group (it is marginal: Vovk, Gammerman and
    Shafer 2005, section 4.5); a group that it does not hold for is nevertheless one of which the model errs more often
    than its users expect.

    Parameters
    ----------
    frame : DataFrame
        (n rows) the manifest.
    scored : ScoredSet
        The same n rows; those without a probability are left out.
    answered : ndarray
        (n,) bool, the model does not abstain.
    spec : ModelSpec
        The model.
    min_people : int
        Groups with fewer people (or units, where people are unknown) of a label are left out.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; `kept` where the interval of the coverage does not lie below what is promised. Without rows
        for a model that always answers.
    """
    rules, out = spec.abstention, []
    if rules is not None:
        people = np.full(len(scored), -1)
        people[scored.is_scored] = people_ids(frame, scored)
        hits = np.where(scored.fake, scored.p >= rules.fake_lower, scored.p <= rules.real_upper)
        for column, texts in _columns(frame).items():
            for value in sorted(set(texts[scored.is_scored]) - {""}):
                for label, of_label in (("real", ~scored.fake), ("fake", scored.fake)):
                    rows = scored.is_scored & of_label & (texts == value)
                    if len(np.unique(people[rows])) < min_people:
                        continue
                    rates = _rates(scored, rows, rows & answered, hits)
                    promised = 1 - rules.alpha
                    kept = not rates["covered_high"] < promised
                    out.append(
                        {"column": column, "value": value, "label": label, "n": int(rows.sum()), **rates}
                        | {"promised": promised, "kept": kept}
                    )
    return pd.DataFrame(out, columns=list(COLUMNS))


def _columns(frame: pd.DataFrame) -> dict[str, Array]:
    names = {column: as_text(frame[column]) for column in ("source", "generator") if column in frame}
    return names | demographic_values(frame)


def _rates(scored: ScoredSet, rows: Array, answered: Array, hits: Array) -> dict[str, float]:
    ids, rates = scored.ids, dict[str, float]()
    is_answered = answered[rows]
    rates |= clustered_rate(is_answered, ids[rows]).to_columns("answered")
    rates |= clustered_rate(scored.wrong[answered], ids[answered]).to_columns("error_answered")
    rates |= clustered_rate(scored.wrong[rows], ids[rows]).to_columns("error_all")
    return rates | clustered_rate(hits[rows], ids[rows]).to_columns("covered")
