"""Accuracy of answers whose truth became known, by version, and whether it is worse than the evaluation said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.wording import counted
from aletheia.lifecycle.feedback.statement import Evaluation
from aletheia.stats.estimate import Estimate
from aletheia.stats.excess_detection import Excess, detect_excess
from aletheia.stats.intervals import clustered_rate

#: Labels between two false alarms that a version has become worse, on average at least.
RUN_LENGTH = 5000.0
#: The same for the other way: that it is over.
RECOVERY_RUN_LENGTH = 200.0
#: What the numbers are for: they are of labelled answers, which nobody drew at random.
SELECTION_NOTE = (
    "Accuracy is that of the labelled answers alone. People report mistakes more often than right answers, so that it "
    "is lower than that of all answers wherever labels come from people who choose what to report. It stands for all "
    "answers only where every answer of a span, or a random draw of them, was labelled. It serves to find mistakes and "
    "to see a change; a figure for a model card comes from an evaluation."
)
_QUIET = 20  # labels between two alarms that can show that the first one's cause was over
#: A verdict of the log as a label; others are no answer.
_SAID = {"real": 0, "fake": 1}
#: Columns in which two answers agree only when they are about one picture.
_PICTURE = ("version", "kind", "probability", "megapixels", "face_size", "luma", "sharpness")


def summarise_labels(
    log: pd.DataFrame, labels: pd.DataFrame, evaluations: Mapping[str, Evaluation] | None = None
) -> list[dict[str, Any]]:
    """Summarise the labelled answers of each version.

    Parameters
    ----------
    log : DataFrame
        See `aletheia.lifecycle.prediction_log.reading.read_log`.
    labels : DataFrame
        See `aletheia.lifecycle.feedback.reading.read_labels`; those of answers that are not in the log are left out.
    evaluations : mapping, optional
        By version, see `aletheia.lifecycle.feedback.store.FeedbackStore.evaluations`.

    Returns
    -------
    list of dict
        In order of first appearance, versions without a label left out: ``version``, ``release``, ``labels``
        (number), ``genuine`` and ``fake`` (of them), ``sources`` (counts), ``no_verdict`` (labelled answers that were
        “cannot tell” or found no face), and of the others ``accuracy``, ``false_alarms`` (genuine called fake) and
        ``misses`` (fake called genuine), each with ``value``, ``low``, ``high`` (95 %) and ``n``, or None without any;
        ``labelled_share`` of the version's answers with a verdict, and ``bounds``: the accuracy of all of these, if all
        the others were wrong, and if all were right. Where the evaluation is known, ``expected_accuracy`` for this mix
        of labels, ``drop`` (expected minus seen) and ``worse_since`` (ISO 8601 time of an answer, or None): see
        `accuracy_drop`.
    """
    answers = log[log["error"] == ""]
    return [
        _summary(str(version), rows, labels, (evaluations or {}).get(str(version)))
        for version, rows in answers.groupby("version", sort=False)
        if rows["id"].isin(labels["id"]).any()
    ]


class Drop(NamedTuple):
    """How much worse a version is on labelled answers than its evaluation said.

    Attributes
    ----------
    value : float
        Expected minus seen accuracy, on the answers since `since`; 0 where nothing shows that it
        is worse, or it is over.
    since : pandas.Timestamp or None
        Time of the first of these answers; None where nothing shows it.
    labels : int
        Labelled answers with a verdict.
    """

    value: float
    since: pd.Timestamp | None
    labels: int


def accuracy_drop(judged: pd.DataFrame, evaluation: Evaluation, run_length: float = RUN_LENGTH) -> Drop:
    """Say whether a version answers worse than its evaluation said, with a stated rate of false alarms.

    Each labelled answer is compared with the chance to be wrong that the evaluation found for its true class, so that
    another mix of genuine and fake is no change. See `aletheia.stats.excess_detection.detect_excess`.

    Parameters
    ----------
    judged : DataFrame
        Labelled answers with a verdict, in order of time: see `judged_answers`.
    evaluation : Evaluation
        Of their version.
    run_length : float
        Labels between two false alarms, on average at least.
    """
    judged = judged.drop_duplicates([*_PICTURE, "label"])  # asking again about one picture tells nothing new
    wrong, chance = judged["wrong"].to_numpy(bool), _chances(judged["label"], evaluation)
    alarms = detect_excess(wrong, chance, run_length)
    if not alarms:
        return Drop(0.0, None, len(judged))
    last = alarms[-1].at
    first = _beginning(alarms, wrong - chance)
    drop = float(wrong[first : last + 1].mean() - chance[first : last + 1].mean())
    # Over, once answers are right clearly more often than if half of the drop lasted: up to an alarm it is overrated.
    lasting = np.clip(chance[last + 1 :] + drop / 2, 0, 1)
    if detect_excess(~wrong[last + 1 :], 1 - lasting, RECOVERY_RUN_LENGTH):
        return Drop(0.0, None, len(judged))
    return Drop(float(wrong[first:].mean() - chance[first:].mean()), judged["time"].iloc[first], len(judged))


def _beginning(alarms: Sequence[Excess], surplus: Array) -> int:
    """Return where the newest alarm's state began: further alarms follow while it lasts."""
    first = alarms[-1].since
    for before in reversed(alarms[:-1]):
        between = surplus[before.at + 1 : first]
        if len(between) >= _QUIET and between.mean() <= 0:
            break
        first = before.since
    return first


def judged_answers(log: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Join the answers that have a verdict with their labels.

    Returns
    -------
    DataFrame
        One row an answer, in order of time: the columns of the log, ``label``, ``source`` and ``wrong`` (bool).
    """
    answers = log[(log["error"] == "") & log["verdict"].isin(_SAID)]
    joined = answers.merge(labels[["id", "label", "source"]], on="id", how="inner", validate="many_to_one")
    joined = joined.drop_duplicates("id").sort_values("time", kind="stable", ignore_index=True)
    return joined.assign(wrong=joined["verdict"].map(_SAID).astype("int64") != joined["label"])


def label_findings(summaries: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Say in sentences what labels show, each with ``bad``, ``good`` or an empty word for neither."""
    found = []
    for one in summaries:
        name = f"{one['release']} ({one['version']})" if one["release"] else one["version"]
        if one["accuracy"] is None:
            found.append((f"Version {name}: {counted(one['labels'], 'label')}, none of an answer with a verdict.", ""))
            continue
        text = (
            f"Version {name}: {_share(one['accuracy'])} of {counted(one['accuracy']['n'], 'labelled answer')} are right"
        )
        if one["expected_accuracy"] is not None:
            text += f"; its evaluation lets expect {one['expected_accuracy']:.1%} for such labels"
        if one["worse_since"]:
            text += f", and since {one['worse_since'][:16].replace('T', ' ')} UTC it is worse than that"
        found.append((f"{text}.", "bad" if one["worse_since"] else ""))
    if found:
        found.append((SELECTION_NOTE, ""))
    return found


def _summary(version: str, rows: pd.DataFrame, labels: pd.DataFrame, evaluation: Evaluation | None) -> dict[str, Any]:
    labelled = labels[labels["id"].isin(rows["id"])]
    judged = judged_answers(rows, labels)
    with_verdict = int(rows["verdict"].isin(_SAID).sum())
    right, share = float((~judged["wrong"]).sum()), len(judged) / with_verdict if with_verdict else 0.0
    expected = 1 - float(_chances(judged["label"], evaluation).mean()) if evaluation and len(judged) else None
    drop = accuracy_drop(judged, evaluation) if evaluation and len(judged) else None
    groups = judged.groupby([*_PICTURE], dropna=False, sort=False).ngroup().to_numpy()
    wrong, is_fake = judged["wrong"].to_numpy(bool), judged["label"].to_numpy() == 1
    return {
        "version": version,
        "release": str(rows["release"].iloc[-1]),
        "labels": len(labelled),
        "genuine": int((labelled["label"] == 0).sum()),
        "fake": int((labelled["label"] == 1).sum()),
        "sources": {str(name): int(count) for name, count in labelled["source"].value_counts().items()},
        "no_verdict": len(labelled) - len(judged),
        "accuracy": _rate(~wrong, groups),
        "false_alarms": _rate(wrong[~is_fake], groups[~is_fake]),
        "misses": _rate(wrong[is_fake], groups[is_fake]),
        "labelled_share": share,
        "bounds": [right / with_verdict, 1 - (len(judged) - right) / with_verdict] if with_verdict else None,
        "expected_accuracy": expected,
        "drop": None if expected is None else expected - right / len(judged),
        "worse_since": drop.since.isoformat(timespec="seconds") if drop and drop.since is not None else None,
    }


def _chances(labels: pd.Series, evaluation: Evaluation) -> Array:
    """Return the chance of each labelled answer (n,) to be wrong, as the evaluation found it for its class."""
    chances: Array = np.where(labels == 1, evaluation.misses, evaluation.false_alarms).astype(float)
    return chances


def _rate(hits: Array, groups: Array) -> dict[str, float | int] | None:
    """Estimate a share; answers about one picture count as one unit, since asking again tells nothing new."""
    estimate: Estimate = clustered_rate(hits, groups)
    if not estimate.is_defined:
        return None
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": len(hits)}


def _share(rate: Mapping[str, float]) -> str:
    return f"{rate['value']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"
