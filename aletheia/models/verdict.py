"""From a probability to "real", "fake" or "cannot tell", with the reason. Imports neither torch nor MLRun.

The verdict is "cannot tell" for a face that is smaller than those of the training (a larger one is shrunk to the
largest of them) or differs from them in light, sharpness or kind, for a probability that leaves both
labels plausible or neither, and when the answer changes once the picture is saved again.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.models.spec import AbstentionSpec, ModelSpec

REAL, FAKE, CANNOT_TELL = "real", "fake", "cannot tell"
SMALL, RANGE, KIND, BOTH, NEITHER, OTHER, TURNS = (
    "small face", "out of range", "another kind",
    "both plausible", "neither plausible", "other plausible", "turns when re-encoded",
)  # fmt: skip
#: Causes of "cannot tell", in the order in which they are checked.
CAUSES = (SMALL, RANGE, KIND, BOTH, NEITHER, OTHER, TURNS)
#: Further causes: a face that cannot be cropped as in the training, a person in too few frames of a video.
UNCUT, BRIEF = "cannot be cut out", "seen briefly"
#: Names of a crop's statistics in messages.
STATISTICS = {
    "luma": "mean luma",
    "contrast": "contrast",
    "sharpness": "sharpness",
    "face_size": "side of the face in pixels",
}
#: Statistic of a face's distance from those of the training, see `aletheia.models.typical_faces`.
DISTANCE = "distance"
_NUMBER = r"(-?[\d.]+(?:e[-+]?\d+)?)"
_OUTSIDE = re.compile(rf"({'|'.join(STATISTICS.values())}) {_NUMBER} \({_NUMBER} to {_NUMBER}\)")
_BLANK = 1e-6  # variance of a picture without any edge, whose logarithm must be finite


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The verdict on a face.

    Attributes
    ----------
    verdict : str
        ``"real"``, ``"fake"`` or ``"cannot tell"``.
    reason : str
        The reason for "cannot tell" in words; empty otherwise.
    cause : str
        One of `CAUSES`, `UNCUT` or `BRIEF`, for counting; empty likewise.
    """

    verdict: str
    reason: str = ""
    cause: str = ""


class HasVerdict(Protocol):
    """A verdict and its reason: on a face, on a person of a video, or on a whole picture."""

    @property
    def verdict(self) -> str:
        """``"real"``, ``"fake"`` or ``"cannot tell"``."""

    @property
    def reason(self) -> str:
        """The reason for "cannot tell"; empty otherwise."""


def crop_statistics(rgb: Array) -> dict[str, float]:
    """Measure the light and the sharpness of a crop.

    Parameters
    ----------
    rgb : ndarray
        (H, W, 3) uint8, of the network's input size: sharpness depends on it.

    Returns
    -------
    dict
        ``luma`` (mean, 0 to 255), ``contrast`` (standard deviation of the luma), ``sharpness`` (natural logarithm of
        the variance of its Laplacian: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000).
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    edges = cv2.Laplacian(grey, cv2.CV_16S).var()
    return {
        "luma": float(grey.mean()),
        "contrast": float(grey.std()),
        "sharpness": float(np.log(max(edges, _BLANK))),
    }


def within_reach(spec: ModelSpec, logit: float) -> bool:
    """Return whether a logit is so near to the threshold's that re-encoding may turn the answer.

    The reach is the largest change that re-encoding made to the logit of a validation face.
    """
    rules = spec.abstention
    if rules is None or rules.reencode is None:
        return False
    return bool(abs(logit - spec.calibration.logit_at(spec.threshold)) <= rules.reencode)


def decide(
    spec: ModelSpec,
    probability: float,
    *,
    face_size: float | None = None,
    statistics: Mapping[str, float] | None = None,
    reencoded: Sequence[float] | None = None,
) -> Verdict:
    """Decide by the model's threshold between "real" and "fake", or for "cannot tell" with the reason.

    The labels that are plausible at a probability form a conformal set (Vovk et al., "Algorithmic Learning in a Random
    World", 2005, section 4.5; Sadinle et al., JASA 114, 2019). Only a set of one label, equal to that of the threshold,
    is an answer. So at most a share of `alpha` of the genuine faces is called fake, and of the fakes real, as long as
    they are drawn from the distribution of the validation faces.

    Parameters
    ----------
    spec : ModelSpec
        The model; without `abstention` the threshold alone decides.
    probability : float
        Of fake, 0 to 1.
    face_size : float, optional
        Side of the face in pixels of its picture.
    statistics : mapping, optional
        Of `crop_statistics`, and the distance of `aletheia.models.typical_faces`. Unknown values (missing, None or NaN)
        are not checked.
    reencoded : sequence of float, optional
        Probabilities of the face in the re-encoded picture.

    Returns
    -------
    Verdict
        With the first of `CAUSES` that applies.
    """
    answer = FAKE if probability >= spec.threshold else REAL
    rules = spec.abstention
    if rules is None:
        return Verdict(answer)
    abstained = (
        _check_size(rules, face_size)
        or _check_ranges(rules, {**(statistics or {}), "face_size": face_size})
        or _check_kind(rules, (statistics or {}).get(DISTANCE))
        or _check_plausible(rules, probability, answer)
    )
    if not abstained and reencoded is not None and any((p >= spec.threshold) != (answer == FAKE) for p in reencoded):
        abstained = Verdict(CANNOT_TELL, "the answer turns when the picture is saved again", TURNS)
    return abstained or Verdict(answer)


def combine(parts: Sequence[HasVerdict]) -> Verdict:
    """Combine the verdicts on all faces of a picture, or all people of a video, into one.

    "fake" when any of them is, else "cannot tell" when any of them is, else "real".
    """
    verdicts = {part.verdict for part in parts}
    if FAKE in verdicts or CANNOT_TELL not in verdicts:
        return Verdict(FAKE if FAKE in verdicts else REAL)
    reasons = dict.fromkeys(part.reason for part in parts if part.verdict == CANNOT_TELL)
    return Verdict(CANNOT_TELL, "; ".join(reasons))


def _check_size(rules: AbstentionSpec, size: float | None) -> Verdict | None:
    if size is None or not size < rules.min_face:
        return None
    reason = f"the face is too small: {int(size)} pixels a side, the smallest of the training has {rules.min_face:.0f}"
    return Verdict(CANNOT_TELL, reason, SMALL)


def _check_ranges(rules: AbstentionSpec, statistics: Mapping[str, float | None]) -> Verdict | None:
    outside = []
    for name, (low, high) in rules.ranges.items():
        value = statistics.get(name)
        # A larger face is shrunk to the largest of the training, see `aletheia.models.preprocessing`.
        if value is not None and (value < low or (value > high and name != "face_size")):
            outside.append(f"{STATISTICS[name]} {value:.3g} ({low:.3g} to {high:.3g})")
    if not outside:
        return None
    return Verdict(CANNOT_TELL, f"out of the training range: {', '.join(outside)}", RANGE)


def read_ranges(reason: str) -> list[tuple[str, bool]]:
    """Read the reason of a verdict with the cause `RANGE`: each statistic outside, and whether it is too high."""
    names = {text: name for name, text in STATISTICS.items()}
    found = _OUTSIDE.findall(reason)
    # Rounded, a value may equal the limit that it exceeds.
    return [(names[text], 2 * float(value) > float(low) + float(high)) for text, value, low, high in found]


def _check_kind(rules: AbstentionSpec, distance: float | None) -> Verdict | None:
    if rules.typical is None or distance is None or not distance > rules.typical.limit:
        return None
    share = 1 - rules.typical.level
    reason = (
        f"another kind of picture than the model was trained on: it differs more from the training than at least "
        f"{share:.0%} of pictures of that kind do"
    )
    return Verdict(CANNOT_TELL, reason, KIND)


def _check_plausible(rules: AbstentionSpec, probability: float, answer: str) -> Verdict | None:
    is_plausible = {REAL: probability <= rules.real_upper, FAKE: probability >= rules.fake_lower}
    plausible = [label for label, holds in is_plausible.items() if holds]
    if plausible == [answer]:
        return None
    if len(plausible) == 2:
        return Verdict(CANNOT_TELL, "real and fake are both plausible", BOTH)
    if not plausible:
        return Verdict(CANNOT_TELL, "neither real nor fake is plausible", NEITHER)
    return Verdict(CANNOT_TELL, f"the threshold says {answer}, but only {plausible[0]} is plausible", OTHER)
