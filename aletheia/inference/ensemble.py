"""Several models as one: each crops, scores and calibrates as it would alone; their verdicts are merged.

Scores are merged by the weighted mean of calibrated logits, the logarithmic opinion pool (Genest and Zidek, "Combining
probability distributions", Statistical Science 1, 1986). Its threshold is the weighted mean of the members' thresholds,
as logits: if every member is at its own threshold, so is the ensemble.

"Cannot tell" is merged by votes on labels. Each member with rules of abstention has a conformal set of plausible
labels; a member that abstains for another reason (face too small, out of its range, turning when re-encoded) rules
nothing out, so its set is both labels. A label is plausible to the ensemble when it is plausible to members with more
than half of the weight: the majority vote of conformal sets (Cherubin, "Majority vote ensembles of conformal
predictors", Machine Learning 108, 2019; with weights: Gasparin and Ramdas, "Merging uncertainty sets via majority
vote", 2024). When each set misses the truth in at most a share alpha, the vote does in at most 2 alpha, by Markov's
inequality, however the members depend on each other. Only a set of one label, equal to that of the threshold, is an
answer: models that contradict each other, or of which most abstain, lead to "cannot tell". Members without rules count
in the score and have no vote; without any rules the threshold alone decides, as for a single model. A face that cannot
be cut out for one of the members has no meaningful score: it is "cannot tell".
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.detectors.registry import FaceDetector, create_detector
from aletheia.faces.face import Face
from aletheia.inference.options import PredictOptions
from aletheia.inference.predictor import FaceEvidence, Predictor
from aletheia.models.spec import ModelSpec, read_spec
from aletheia.models.verdict import (
    BOTH,
    CANNOT_TELL,
    CAUSES,
    FAKE,
    KIND,
    NEITHER,
    OTHER,
    RANGE,
    REAL,
    SMALL,
    TURNS,
    UNCUT,
    Verdict,
)

ARCHITECTURE = "ensemble"
#: Most members: each costs its own memory and its own time for every face.
MAX_MEMBERS = 16
#: Probabilities and thresholds are held between 1 minus this and this: in a mean of logits the ends would be a veto.
SUREST = 1 - 1e-5
#: Causes of a member's abstention that do not depend on its conformal set.
_ABSTAINING = (SMALL, RANGE, KIND, TURNS)


def open_predictor(bundles: Sequence[str | Path], weights: Sequence[float] = (), **options: Any) -> Predictor:
    """Open the model of one bundle, or the ensemble of several.

    Parameters
    ----------
    bundles : sequence of path
        Folders of models, at least one.
    weights : sequence of float
        One for each; empty: all count alike.
    options
        Of `aletheia.inference.predictor.Predictor`, for each member.

    Raises
    ------
    InputError
        As `Predictor` and `Ensemble`.
    """
    if len(bundles) == 1 and len(weights) <= 1:
        return Predictor(bundles[0], **options)
    return Ensemble(bundles, weights, **options)


class Ensemble(Predictor):
    """Several model bundles as one `Predictor`: one face detector, one threshold, one verdict a face.

    Its `spec` describes it to clients: `threshold`, `aggregation` (of the heaviest member) and, in place of the hash of
    weights, a hash of the members' hashes and their weights, independent of their order.

    Parameters
    ----------
    bundles : sequence of path
        The members' folders.
    weights : sequence of float
        Weight of each member, positive; they are divided by their sum. Empty: all alike.
    threads : int
        As of `Predictor`.
    options
        Further ones of `Predictor`, for every member.

    Raises
    ------
    InputError
        For no members or too many, weights that are not positive or not one a member, members that were trained on
        faces of different detectors, and as `Predictor`.
    """

    def __init__(
        self, bundles: Sequence[str | Path], weights: Sequence[float] = (), *, threads: int = 0, **options: Any
    ) -> None:
        self.weights = checked_weights(len(bundles), weights)
        self.detector = shared_detector([read_spec(bundle) for bundle in bundles], self.weights, threads=threads)
        self.members = tuple(
            Predictor(bundle, threads=threads, detector=self.detector, **options) for bundle in bundles
        )
        self.device = self.members[0].device
        self.spec = ensemble_spec([member.spec for member in self.members], self.weights)

    def score(self, rgb: Array, faces: list[Face]) -> list[FaceEvidence]:
        """Score the faces by every member; the logit is the weighted mean of theirs, before any calibration."""
        by_face = zip(*(member.score(rgb, faces) for member in self.members), strict=True)
        return [
            FaceEvidence(face, float(np.dot(self.weights, [part.logit for part in parts])), members=parts)
            for face, parts in zip(faces, by_face, strict=True)
        ]

    def adjusted(self, options: PredictOptions) -> Predictor:
        """Return an ensemble of the same networks that decides as the caller wishes.

        Its members keep thresholds of their own; the caller's is that of their merged probability.
        """
        if not options.changes_decision:
            return self
        other = copy.copy(self)
        of_members = dataclasses.replace(options, threshold=None)
        other.members = tuple(member.adjusted(of_members) for member in self.members)
        threshold = options.threshold
        if threshold is None:
            threshold = _pool([member.spec.threshold for member in other.members], self.weights)
        other.spec = self.spec.model_copy(update={"threshold": threshold})
        return other

    @property
    def alpha(self) -> float:
        """Twice the largest among the members, see this module's docstring."""
        return min(2 * max(member.alpha for member in self.members), 1.0)

    def merge(self, verdicts: list[tuple[float, Verdict]]) -> tuple[float, Verdict]:
        """Merge the probabilities and verdicts of the members, as this module's docstring says."""
        p = _pool([probability for probability, _ in verdicts], self.weights)
        answer = FAKE if p >= self.spec.threshold else REAL
        if uncut := [verdict for _, verdict in verdicts if verdict.cause == UNCUT]:
            return p, uncut[0]
        votes, abstaining = {REAL: 0.0, FAKE: 0.0}, []
        for member, weight, (probability, verdict) in zip(self.members, self.weights, verdicts, strict=True):
            rules = member.spec.abstention
            if rules is None:
                continue
            abstains = verdict.cause in _ABSTAINING
            votes[REAL] += weight * (abstains or probability <= rules.real_upper)
            votes[FAKE] += weight * (abstains or probability >= rules.fake_lower)
            abstaining += [(weight, verdict)] * abstains
        half = self._voting_weight() / 2 * (1 + 1e-9)  # weights are rounded: a half is not more than a half
        plausible = [label for label, weight in votes.items() if weight > half]
        if not half or plausible == [answer]:
            return p, Verdict(answer)
        if sum(weight for weight, _ in abstaining) > half:
            reasons = dict.fromkeys(verdict.reason for _, verdict in abstaining)
            cause = min((verdict.cause for _, verdict in abstaining), key=CAUSES.index)
            return p, Verdict(CANNOT_TELL, "; ".join(reasons), cause)
        return p, _undecided(plausible, answer, disagree=min(votes.values()) > 0)

    def _voting_weight(self) -> float:
        """Return the weight of the members that have rules of abstention, 0 to 1."""
        return math.fsum(w for w, member in zip(self.weights, self.members, strict=True) if member.spec.abstention)


def checked_weights(count: int, weights: Sequence[float]) -> tuple[float, ...]:
    """Return weights (count,) that sum to 1; equal ones if none are given. Raises InputError as `Ensemble`."""
    if not 1 <= count <= MAX_MEMBERS:
        raise InputError(f"An ensemble has 1 to {MAX_MEMBERS} models; {count} were named.")
    if not len(weights):
        return (1 / count,) * count
    if len(weights) != count:
        raise InputError(f"{count} models and {len(weights)} weights were named; give one weight for each model.")
    if wrong := [weight for weight in weights if not 1e-6 <= weight <= 1e6]:
        raise InputError(f"The weight {wrong[0]} does not lie between 0.000001 and 1,000,000; weights are shares.")
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def shared_detector(specs: Sequence[ModelSpec], weights: Sequence[float], *, threads: int = 0) -> FaceDetector:
    """Create the detector of all members, with the threshold of the heaviest. InputError when their names differ."""
    names = sorted({spec.crop.detector for spec in specs})
    if len(names) > 1:
        raise InputError(f"The models were trained on faces of different detectors ({', '.join(names)}); use one.")
    return create_detector(names[0], specs[int(np.argmax(weights))].crop.threshold, threads=threads)


def ensemble_spec(specs: Sequence[ModelSpec], weights: Sequence[float]) -> ModelSpec:
    """Describe an ensemble: its threshold, the origin of its members, and a hash of them.

    Parameters
    ----------
    specs : sequence of ModelSpec
        Of the members.
    weights : sequence of float
        Of the members, of sum 1.
    """
    heaviest = specs[int(np.argmax(weights))]
    members = sorted((spec.weights_sha256, round(weight, 9)) for spec, weight in zip(specs, weights, strict=True))
    descriptions = [
        {"architecture": spec.architecture, "weights": spec.weights_sha256, "weight": weight}
        for spec, weight in zip(specs, weights, strict=True)
    ]
    return ModelSpec(
        architecture=ARCHITECTURE,
        input_size=heaviest.input_size,
        crop=heaviest.crop,
        threshold=_pool([spec.threshold for spec in specs], weights),
        threshold_how="the weighted mean of the members' thresholds, as logits",
        aggregation=heaviest.aggregation,
        training={"members": descriptions},
        trained_on=_join(spec.trained_on for spec in specs),
        remedies=_join(spec.remedies for spec in specs),
        fault=_join(spec.fault for spec in specs if spec.fault != "none") or "none",
        created=max(spec.created for spec in specs),
        versions=heaviest.versions,
        parameters=sum(spec.parameters for spec in specs),
        weights_sha256=hashlib.sha256(json.dumps(members).encode()).hexdigest(),
    )


def _pool(probabilities: Sequence[float], weights: Sequence[float]) -> float:
    """Return the sigmoid of the weighted mean of logits, each probability held between 1 - `SUREST` and `SUREST`."""
    p = np.clip(np.asarray(probabilities, np.float64), 1 - SUREST, SUREST)
    return float(1 / (1 + np.exp(-np.dot(weights, np.log(p) - np.log1p(-p)))))


def _undecided(plausible: list[str], answer: str, *, disagree: bool) -> Verdict:
    """Return "cannot tell" with the reason why the votes for the labels do not confirm the threshold's answer."""
    if len(plausible) == 2:
        return Verdict(CANNOT_TELL, "real and fake are both plausible to most of the models", BOTH)
    if not plausible:
        reason = "neither real nor fake is plausible to most of the models"
        return Verdict(CANNOT_TELL, f"the models disagree: {reason}" if disagree else reason, NEITHER)
    reason = f"the threshold says {answer}, but only {plausible[0]} is plausible to most of the models"
    return Verdict(CANNOT_TELL, reason, OTHER)


def _join(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))[:10_000]
