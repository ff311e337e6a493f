"""Evaluation of abstention: share of faces answered, errors among the answers, coverage of the conformal sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.labels import fake_flags
from aletheia.evaluation.abstention_groups import COVERED, promise, promise_by_group
from aletheia.evaluation.risk_coverage import risk_coverage_area, risk_coverage_curve
from aletheia.models.spec import ModelSpec
from aletheia.models.typical_faces import TypicalFaces
from aletheia.models.verdict import CAUSES, DISTANCE, decide, within_reach
from aletheia.stats.estimate import Estimate
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.scored_set import ScoredSet
from aletheia.training.abstention import manifest_distances, manifest_statistics, reencoded_logits

REENCODED = ("reencoded_jpeg", "reencoded_scaled")
UNREADABLE = "unreadable"
_RATES = ("answered", "error_answered", "error_all")


@dataclass(frozen=True)
class Abstention:
    """Abstention of a model on test faces, see `evaluate_abstention`.

    Attributes
    ----------
    rows : DataFrame
        Of `decide_rows`.
    table : DataFrame
        Of `abstention_table`.
    causes : DataFrame
        Of `cause_table`.
    coverage : DataFrame
        Of `coverage_table`; without rows for a model that always answers.
    curve : DataFrame
        Of `risk_coverage_curve`, faces far from the threshold first.
    area : Estimate
        Under that curve.
    groups : DataFrame
        Of `aletheia.evaluation.abstention_groups.promise_by_group`.
    """

    rows: pd.DataFrame
    table: pd.DataFrame
    causes: pd.DataFrame
    coverage: pd.DataFrame
    curve: pd.DataFrame
    area: Estimate
    groups: pd.DataFrame


def evaluate_abstention(
    scores: pd.DataFrame,
    evidence: pd.DataFrame,
    spec: ModelSpec,
    groups: Array | None = None,
    *,
    seed: int = 0,
) -> Abstention:
    """Evaluate abstention, from scores that were computed before.

    Parameters
    ----------
    scores : DataFrame
        Test faces with label and probability (NaN: could not be scored; such a row is in no number).
    evidence : DataFrame
        Of `crop_evidence`, the same rows.
    spec : ModelSpec
        The model.
    groups : ndarray, optional
        (n,) identity or video of each row, the unit of the intervals; '' stands for unknown.
    seed : int
        Of the bootstrap.
    """
    rows = decide_rows(scores, evidence, spec)
    everything = ScoredSet(fake_flags(scores), scores["probability"].to_numpy(np.float64), spec.threshold, groups, seed)
    scored, cause = everything.dropna(), rows["cause"].to_numpy()[everything.is_scored]
    if not len(scored):
        raise InputError(f"None of the {len(scores)} rows has a score, so there is nothing to evaluate.")
    return Abstention(
        rows=rows,
        table=abstention_table(scored, cause == ""),
        causes=cause_table(scored, cause),
        coverage=coverage_table(scored, spec),
        curve=risk_coverage_curve(scored),
        area=risk_coverage_area(scored),
        groups=promise_by_group(scores, everything, (rows["cause"] == "").to_numpy(), spec),
    )


def crop_evidence(
    network: nn.Module, spec: ModelSpec, frame: pd.DataFrame, logits: Array, typical: TypicalFaces | None = None
) -> pd.DataFrame:
    """Compute what `decide` needs besides the probability, for every crop of a manifest.

    Parameters
    ----------
    network, spec
        Of `aletheia.models.bundle.load_bundle`.
    frame : DataFrame
        A manifest of face crops.
    logits : ndarray
        (n,) of `aletheia.models.scoring.score_manifest`; NaN where there is none.
    typical : TypicalFaces, optional
        Of the model's bundle, if it tests for faces of another kind.

    Returns
    -------
    DataFrame
        The rows of `frame`: columns of `manifest_statistics`, the distance from the training faces, and `REENCODED`,
        the probabilities in the re-encoded picture where the logit is within reach of the threshold (see
        `reencoded_logits` for what may be missing), else NaN.
    """
    near = np.array([within_reach(spec, float(logit)) for logit in logits], dtype=bool)
    reencoded = np.full((len(frame), len(REENCODED)), np.nan)
    reencoded[near] = spec.calibration.probabilities(reencoded_logits(network, spec, frame[near])[:, 1:])
    evidence = manifest_statistics(frame, spec.input_size).assign(**dict(zip(REENCODED, reencoded.T, strict=True)))
    if typical is not None:
        evidence[DISTANCE] = manifest_distances(network, spec, frame, typical)
    return evidence


def decide_rows(scores: pd.DataFrame, evidence: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Decide on every row.

    Returns
    -------
    DataFrame
        Columns verdict ('real', 'fake', 'cannot tell', 'unreadable'), reason and cause, with the index of `scores`.
    """
    rows = []
    for p, values in zip(scores["probability"], evidence.to_dict("records"), strict=True):
        if np.isnan(p):
            rows.append((UNREADABLE, "", ""))
            continue
        reencoded = [value for name in REENCODED if not np.isnan(value := values.get(name, np.nan))]
        verdict = decide(spec, p, face_size=values.get("face_size"), statistics=values, reencoded=reencoded or None)
        rows.append((verdict.verdict, verdict.reason, verdict.cause))
    return pd.DataFrame(rows, index=scores.index, columns=["verdict", "reason", "cause"])


def abstention_table(scored: ScoredSet, answered: Array) -> pd.DataFrame:
    """Compute the share of rows that are answered, and the errors among the answers.

    Parameters
    ----------
    scored : ScoredSet
        n rows, all with a probability.
    answered : ndarray
        (n,) bool, the model does not abstain.

    Returns
    -------
    DataFrame
        Rows all, real, fake: label, n, and with _low and _high (95 %, see `clustered_rate`) answered (share),
        error_answered (share of wrong answers among those given), error_all (if every face were answered). NaN without
        rows.
    """
    fake, wrong, ids, out = scored.fake, scored.wrong, scored.ids, []
    for label, chosen in (("all", np.ones(len(scored), dtype=bool)), ("real", ~fake), ("fake", fake)):
        row: dict[str, str | float] = {"label": label, "n": int(chosen.sum())}
        pairs = ((answered, chosen), (wrong, chosen & answered), (wrong, chosen))
        for name, (hits, among) in zip(_RATES, pairs, strict=True):
            row |= clustered_rate(hits[among], ids[among]).to_columns(name)
        out.append(row)
    return pd.DataFrame(out)


def cause_table(scored: ScoredSet, cause: Array) -> pd.DataFrame:
    """Count the causes of abstention.

    Parameters
    ----------
    scored : ScoredSet
        n rows, all with a probability.
    cause : ndarray
        (n,) str, '' where the model answers.

    Returns
    -------
    DataFrame
        cause, n, share (with _low, _high), real, fake (shares of that class), and wrong: the share of these rows that
        the threshold alone would have got wrong, which is the use of not answering them.
    """
    out = []
    for name in CAUSES:
        hit = cause == name
        shares = {"real": _mean(hit[~scored.fake]), "fake": _mean(hit[scored.fake])}
        common = clustered_rate(hit, scored.ids).to_columns("share")
        out.append({"cause": name, "n": int(hit.sum()), **common, **shares, "wrong": _mean(scored.wrong[hit])})
    return pd.DataFrame(out)


def coverage_table(scored: ScoredSet, spec: ModelSpec) -> pd.DataFrame:
    """Compare the coverage of the conformal sets with the promised one.

    Returns
    -------
    DataFrame
        label, n, covered (share of rows whose set holds their own label; with _low, _high), and the columns of
        `aletheia.evaluation.abstention_groups.promise`. Without rows for a model that always answers.
    """
    rules, fake, p, out = spec.abstention, scored.fake, scored.p, []
    if rules is not None:
        for label, chosen, hits in (("real", ~fake, p <= rules.real_upper), ("fake", fake, p >= rules.fake_lower)):
            ids = scored.ids[chosen]
            rate = clustered_rate(hits[chosen], ids)
            kept = promise(hits[chosen], ids, rules, label)
            out.append({"label": label, "n": rate.n, **rate.to_columns("covered"), **kept})
    return pd.DataFrame(out, columns=["label", "n", *COVERED])


def _mean(hits: Array) -> float:
    return float(hits.mean()) if len(hits) else float("nan")
