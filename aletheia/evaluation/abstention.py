"""What "cannot tell" is worth: how many faces are answered, how wrong the answers are, whether promises are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.labels import fake_flags
from aletheia.evaluation.risk_coverage import risk_coverage, risk_coverage_area
from aletheia.models.spec import ModelSpec
from aletheia.models.verdict import CAUSES, decide, within_reach
from aletheia.stats.estimate import Estimate
from aletheia.stats.intervals import Rate, clustered_rate
from aletheia.stats.metrics import unit_ids
from aletheia.training.abstention import manifest_statistics, reencoded_logits

REENCODED = ("reencoded_jpeg", "reencoded_scaled")
UNREADABLE = "unreadable"
_RATES = ("answered", "error_answered", "error_all")


@dataclass(frozen=True)
class Abstention:
    """How a model abstains on test faces, see `evaluate_abstention`.

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
        Of `risk_coverage`, faces far from the threshold first.
    area : Estimate
        Under that curve.
    """

    rows: pd.DataFrame
    table: pd.DataFrame
    causes: pd.DataFrame
    coverage: pd.DataFrame
    curve: pd.DataFrame
    area: Estimate


def evaluate_abstention(
    scores: pd.DataFrame,
    evidence: pd.DataFrame,
    spec: ModelSpec,
    groups: Array | None = None,
    *,
    seed: int = 0,
) -> Abstention:
    """Everything about abstention, from scores that were computed before.

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
    scored = scores["probability"].notna().to_numpy()
    if not scored.any():
        raise InputError(f"None of the {len(scores)} rows has a score, so there is nothing to evaluate.")
    y, p = fake_flags(scores)[scored], scores["probability"].to_numpy(np.float64)[scored]
    ids = unit_ids(groups, len(scores))[scored]
    wrong, cause = (p >= spec.threshold) != y, rows["cause"].to_numpy()[scored]
    return Abstention(
        rows=rows,
        table=abstention_table(y, wrong, cause == "", ids),
        causes=cause_table(y, wrong, cause, ids),
        coverage=coverage_table(y, p, spec, ids),
        curve=risk_coverage(y, p, spec.threshold, groups=ids, seed=seed),
        area=risk_coverage_area(y, p, spec.threshold, groups=ids, seed=seed),
    )


def crop_evidence(network: nn.Module, spec: ModelSpec, frame: pd.DataFrame, logits: Array) -> pd.DataFrame:
    """What `decide` asks for besides the probability, of every crop of a manifest.

    Parameters
    ----------
    network, spec
        Of `aletheia.models.bundle.load_bundle`.
    frame : DataFrame
        A manifest of face crops.
    logits : ndarray
        (n,) of `aletheia.models.scoring.score_manifest`; NaN where there is none.

    Returns
    -------
    DataFrame
        The rows of `frame`: columns of `manifest_statistics`, and `REENCODED`, the probabilities in the re-encoded
        picture where the logit is within reach of the threshold (see `reencoded_logits` for what may lack), else NaN.
    """
    near = np.array([within_reach(spec, float(logit)) for logit in logits], dtype=bool)
    again = np.full((len(frame), len(REENCODED)), np.nan)
    again[near] = spec.calibration.probabilities(reencoded_logits(network, spec, frame[near])[:, 1:])
    return manifest_statistics(frame, spec.input_size).assign(**dict(zip(REENCODED, again.T, strict=True)))


def decide_rows(scores: pd.DataFrame, evidence: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """The verdict on every row: columns verdict ('real', 'fake', 'cannot tell', 'unreadable'), reason, cause."""
    said = []
    for p, known in zip(scores["probability"], evidence.to_dict("records"), strict=True):
        again = [value for name in REENCODED if (value := known.get(name, np.nan)) == value]
        if np.isnan(p):
            said.append((UNREADABLE, "", ""))
        else:
            found = decide(spec, p, face_size=known.get("face_size"), statistics=known, reencoded=again or None)
            said.append((found.verdict, found.reason, found.cause))
    return pd.DataFrame(said, index=scores.index, columns=["verdict", "reason", "cause"])


def abstention_table(y: Array, wrong: Array, answered: Array, ids: Array) -> pd.DataFrame:
    """Who is answered, and how wrong the answers are.

    Parameters
    ----------
    y, wrong, answered : ndarray
        (n,) bool: fake; the threshold alone would be wrong; the model does answer.
    ids : ndarray
        (n,) int, the unit of the intervals.

    Returns
    -------
    DataFrame
        Rows all, real, fake: label, n, and with _low and _high (95 %, see `clustered_rate`) answered (share),
        error_answered (share of wrong answers among those given), error_all (if every face were answered). NaN without
        rows.
    """
    out = []
    for label, chosen in (("all", np.ones(len(y), dtype=bool)), ("real", ~y), ("fake", y)):
        given = chosen & answered
        pairs = ((answered, chosen), (wrong, given), (wrong, chosen))
        rates = [clustered_rate(hits[among], ids[among]) for hits, among in pairs]
        named = [_named(name, rate) for name, rate in zip(_RATES, rates, strict=True)]
        out.append({"label": label, "n": int(chosen.sum()), **named[0], **named[1], **named[2]})
    return pd.DataFrame(out)


def cause_table(y: Array, wrong: Array, cause: Array, ids: Array) -> pd.DataFrame:
    """Why faces are not answered: cause, n, share (with _low, _high), real, fake (shares of that class), and wrong: how
    much of these the threshold alone would have got wrong, which is what not answering them was good for.
    """
    out = []
    for name in CAUSES:
        hit = cause == name
        shares = {key: _mean(hit[chosen]) for key, chosen in (("real", ~y), ("fake", y))}
        common = _named("share", clustered_rate(hit, ids))
        out.append({"cause": name, "n": int(hit.sum()), **common, **shares, "wrong": _mean(wrong[hit])})
    return pd.DataFrame(out)


def coverage_table(y: Array, p: Array, spec: ModelSpec, ids: Array) -> pd.DataFrame:
    """Whether the conformal sets keep their promise: label, n, covered (share of rows whose set holds their own label;
    with _low, _high), promised (1 - alpha), kept (the interval does not lie below it).
    """
    rules, out = spec.abstention, []
    if rules is not None:
        for label, chosen, hits in (("real", ~y, p <= rules.real_upper), ("fake", y, p >= rules.fake_lower)):
            rate, promised = clustered_rate(hits[chosen], ids[chosen]), 1 - rules.alpha
            named = _named("covered", rate)
            out.append({"label": label, "n": rate.n, **named, "promised": promised, "kept": not rate.high < promised})
    return pd.DataFrame(out, columns=["label", "n", "covered", "covered_low", "covered_high", "promised", "kept"])


def _named(name: str, rate: Rate) -> dict[str, float]:
    return {name: rate.value, f"{name}_low": rate.low, f"{name}_high": rate.high}


def _mean(hits: Array) -> float:
    return float(hits.mean()) if len(hits) else float("nan")
