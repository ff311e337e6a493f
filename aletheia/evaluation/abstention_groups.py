"""Abstention by group: what a model answers and promises for each group of people, source and generator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.datasets.schema import as_text
from aletheia.evaluation.subgroups import MIN_PEOPLE, demographic_values, people_ids
from aletheia.models.spec import AbstentionSpec, ModelSpec
from aletheia.stats.conformal_coverage import Held, judge_promise, promise_p_value
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.scored_set import ScoredSet

COVERED = (
    "covered", "covered_low", "covered_high", "promised", "p_value", "limits_from", "groups", "kept", "reason",
)  # fmt: skip
COLUMNS = (
    "column", "value", "label", "n", "answered", "answered_low", "answered_high",
    "error_answered", "error_answered_low", "error_answered_high", "error_all", "error_all_low", "error_all_high",
    *COVERED,
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
        Columns `COLUMNS`, the last of them those of `promise`. Without rows for a model that always answers.
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
                    kept = promise(hits[rows], scored.ids[rows], rules, label)
                    out.append(
                        {"column": column, "value": value, "label": label, "n": int(rows.sum()), **rates, **kept}
                    )
    return pd.DataFrame(out, columns=list(COLUMNS))


def promise(hits: Array, groups: Array, rules: AbstentionSpec, label: str) -> dict[str, Any]:
    """Test whether the own label is plausible as often as promised.

    Parameters
    ----------
    hits : ndarray
        (m,) bool, of rows of one class: their own label is plausible.
    groups : ndarray
        (m,) the unit that was sampled.
    rules : AbstentionSpec
        Of the model.
    label : str
        "real" or "fake".

    Returns
    -------
    dict
        promised (1 - alpha, on average over validation sets), p_value (of `promise_p_value`), limits_from (validation
        faces that the limit was set on, in independent ones; NaN where unknown), groups (number of `groups`), kept and
        reason (of `aletheia.stats.conformal_coverage.judge_promise`).
    """
    known = rules.real_held if label == "real" else rules.fake_held
    held = None if known is None else Held(*known)
    promised, covered = 1 - rules.alpha, float(np.mean(hits)) if len(hits) else float("nan")
    p = promise_p_value(hits, groups, promised, held)
    sizes = {"limits_from": float("nan") if held is None else sum(held), "groups": len(np.unique(groups))}
    kept, reason = judge_promise(covered, promised, p, **sizes)
    return {"promised": promised, "p_value": p, **sizes, "kept": kept, "reason": reason}


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
