"""From a video to a verdict: the scores of each person's frames are aggregated, and the worst person decides.

People are distinguished by their position, so every cut of an edited film begins new ones, each with its own chance of
a false alarm: 16 cuts at 5 % each would make 56 % of genuine films fake. Therefore a person in less than a quarter of
the frames is called fake only if more people of the video look manipulated than chance explains. Of m genuine people,
each called fake with probability alpha, k or more are with the binomial tail P(B(m, alpha) >= k); "fake" needs a k for
which that is at most alpha, Wilkinson's way of combining tests (Wilkinson, "A statistical consideration in
psychological research", Psychological Bulletin 48, 1951). With fewer the verdict is "cannot tell". For a single person
k is 1: the rule has no effect. People in a quarter of the frames or more decide alone, at most four of them one after
another.

The tail holds for people whose scores are independent. One actor under 16 cuts whom the model finds somewhat suspicious
in all of them (scores correlated by 0.2 to 0.8) is called fake in 9 to 11 % instead of 4 %. The price is a single
manipulated scene among many short ones: it is "cannot tell".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.faces.tracking import link_faces
from aletheia.imaging.video import Frame, check_count, read_frames
from aletheia.inference.options import PredictOptions
from aletheia.inference.prediction import FaceScore, PersonScore, VideoPrediction
from aletheia.inference.predictor import NO_FACE, FaceEvidence, Predictor, uncut_verdict
from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import AGGREGATIONS, ModelSpec
from aletheia.models.verdict import BRIEF, CANNOT_TELL, FAKE, KIND, RANGE, SMALL, UNCUT, Verdict, combine, decide

__all__ = [
    "PersonScore",
    "ScoredFrames",
    "VideoPrediction",
    "aggregate",
    "decide_person",
    "decide_video",
    "min_fakes_beyond_chance",
    "predict_video",
]

#: Share of the frames; a person in fewer does not decide alone.
BRIEFLY = 0.25
#: Causes of abstention that do not depend on the score: such a person cannot be a false alarm.
_ABSTAINING = (SMALL, RANGE, KIND, UNCUT)


def aggregate(logits: Array, calibration: Calibration, how: str = "mean_logit") -> float:
    """Aggregate the logits of a person's frames into one probability.

    Parameters
    ----------
    logits : (n,) ndarray
        Of the network, n at least 1.
    calibration : Calibration
        The model's.
    how : {'mean_logit', 'mean_probability', 'upper_quantile'}
        The mean logit weighs frames by the confidence of the network; the mean probability does not let one confident
        frame decide; the quantile (0.9 of the logits) finds a manipulation that is visible in few frames, at the price
        of more false alarms.

    Raises
    ------
    InputError
        For another name.
    """
    _check_aggregation(how)
    if how == "mean_probability":
        return float(calibration.probabilities(logits).astype(np.float64).mean())
    value = np.mean(logits, dtype=np.float64) if how == "mean_logit" else np.quantile(logits, 0.9)
    return float(calibration.probabilities(np.array([value]))[0])


def _check_aggregation(how: str) -> None:
    if how not in AGGREGATIONS:
        raise InputError(f"There is no aggregation {how!r}; choose one of {', '.join(AGGREGATIONS)}.")


def predict_video(
    predictor: Predictor,
    source: str | Path | IO[bytes],
    *,
    frames: int = 16,
    aggregation: str | None = None,
    options: PredictOptions | None = None,
) -> VideoPrediction:
    """Predict for one video.

    Parameters
    ----------
    predictor : Predictor
        The model.
    source
        A file, or an open one.
    frames : int
        Number of frames, spread evenly over the duration.
    aggregation : str, optional
        See `aggregate`; by default the one in the model's JSON.
    options : PredictOptions, optional
        Wishes of the caller; crops are of pictures alone.

    Returns
    -------
    VideoPrediction
        With the verdict ``"error"`` and the reason when the video cannot be read.

    Raises
    ------
    InputError
        For an unknown aggregation or a number of frames out of range.
    """
    how = aggregation or predictor.spec.aggregation
    _check_aggregation(how)
    check_count(frames)
    if options:
        predictor = predictor.adjusted(options)
    scored = ScoredFrames()
    try:
        for frame in read_frames(source, frames):
            scored.add(frame, predictor.detect_and_score(frame.rgb))
    except InputError as error:
        return VideoPrediction("error", None, reason=str(error))
    return scored.decide(predictor, how)


class ScoredFrames:
    """Collects the frames of a video, without their pixels, until a verdict is due."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.evidence: list[list[FaceEvidence]] = []
        self.sizes: list[tuple[int, int]] = []
        self._notes: dict[str, None] = {}

    def add(self, frame: Frame, faces: list[FaceEvidence]) -> None:
        """Take a frame and the evidence of its faces."""
        height, width = frame.rgb.shape[:2]
        self.times.append(round(frame.time, 3))
        self.evidence.append(faces)
        self.sizes.append((height, width))
        self._notes |= dict.fromkeys(frame.notes)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the first frame, in whose pixels all faces are given; zeros without a frame."""
        return self.sizes[0] if self.sizes else (0, 0)

    def decide(self, predictor: Predictor, how: str | None = None) -> VideoPrediction:
        """Decide as `decide_video`."""
        prediction = decide_video(predictor, self.times, self.evidence, how, sizes=self.sizes)
        return dataclasses.replace(prediction, notes=tuple(self._notes))


def decide_video(
    predictor: Predictor,
    times: Sequence[float],
    evidence: Sequence[Sequence[FaceEvidence]],
    how: str | None = None,
    *,
    sizes: Sequence[tuple[int, int]] | None = None,
) -> VideoPrediction:
    """Decide on a video whose frames were scored.

    Parameters
    ----------
    predictor : Predictor
        The model.
    times : sequence of float
        Seconds into the video of each frame.
    evidence : sequence of sequence of FaceEvidence
        The faces of each frame.
    how : str, optional
        See `aggregate`; by default the one in the model's JSON.
    sizes : sequence of (height, width), optional
        Of each frame, where they may differ.
    """
    how = how or predictor.spec.aggregation
    if not any(evidence):
        reason = f"The detector found no face in {counted(len(times), 'frame')} of this video."
        return VideoPrediction(NO_FACE, None, frames=len(times), aggregation=how, reason=reason)
    people: dict[int, list[tuple[float, FaceEvidence, tuple[float, float]]]] = {}
    tracks = link_faces([[face.face for face in frame] for frame in evidence], sizes)
    for time, frame, track, scale in zip(times, evidence, tracks, _scales(sizes, len(times)), strict=True):
        for face, person in zip(frame, track, strict=True):
            people.setdefault(person, []).append((time, face, scale))
    scores = []
    for appearances in people.values():
        moments, faces, scales = zip(*appearances, strict=True)
        p, verdict = decide_person(predictor, faces, how)
        by_frame = tuple(map(_in_first_frame, map(predictor.decide, faces), scales))
        scores.append(PersonScore(p, verdict.verdict, moments, by_frame, verdict.reason, verdict.cause))
    scores = _withdraw_chance_alarms(scores, len(times), predictor.alpha)
    overall, largest = combine(scores), max(score.probability for score in scores)
    return VideoPrediction(overall.verdict, largest, tuple(scores), len(times), how, overall.reason)


def _scales(sizes: Sequence[tuple[int, int]] | None, count: int) -> list[tuple[float, float]]:
    """Compute for each frame how much wider and higher the first one is."""
    if not sizes:
        return [(1.0, 1.0)] * count
    height, width = sizes[0]
    return [(width / w, height / h) for h, w in sizes]


def _in_first_frame(score: FaceScore, scale: tuple[float, float]) -> FaceScore:
    """Return a score whose box is in pixels of the first frame, so that all boxes of a video fit one size."""
    if scale == (1.0, 1.0):
        return score
    x0, y0, x1, y1 = (round(value * scale[i % 2], 1) for i, value in enumerate(score.box))
    return dataclasses.replace(score, box=(x0, y0, x1, y1))


def _withdraw_chance_alarms(people: list[PersonScore], frames: int, alpha: float) -> list[PersonScore]:
    """Replace "fake" by "cannot tell" for people seen briefly, unless there are more fakes than chance explains."""
    n_people = sum(person.cause not in _ABSTAINING for person in people)
    n_fakes = sum(person.verdict == FAKE for person in people)
    if not n_fakes or n_fakes >= (minimum := min_fakes_beyond_chance(n_people, alpha)):
        return people
    reason = (
        f"seen in less than a quarter of the {counted(frames, 'frame')}, and that {n_fakes} of {n_people} people "
        f"{'looks' if n_fakes == 1 else 'look'} manipulated may be chance: {minimum} would be more than that"
    )
    return [
        dataclasses.replace(person, verdict=CANNOT_TELL, reason=reason, cause=BRIEF)
        if person.verdict == FAKE and len(person.times) < BRIEFLY * frames
        else person
        for person in people
    ]


def min_fakes_beyond_chance(people: int, alpha: float) -> int:
    """Return the smallest number of fakes among `people`, at least 1, that chance does not explain.

    Among genuine people, each of whom is called fake with probability `alpha`, that many or more are called fake with
    probability `alpha` at most.
    """
    from scipy.special import bdtrc

    tails = bdtrc(np.arange(people), people, alpha)  # of more than 0, 1, … fakes
    return 1 + int(np.argmax(tails <= alpha * (1 + 1e-9)))


def decide_person(predictor: Predictor, faces: Sequence[FaceEvidence], how: str) -> tuple[float, Verdict]:
    """Decide on a person over all frames: each member of an ensemble on its own, then by merging their verdicts."""
    by_member = zip(predictor.members, zip(*(face.parts for face in faces), strict=True), strict=True)
    return predictor.merge([_member_verdict(member.spec, parts, how) for member, parts in by_member])


def _member_verdict(spec: ModelSpec, faces: Sequence[FaceEvidence], how: str) -> tuple[float, Verdict]:
    """Return probability and verdict of one model for a person.

    Frames in which the face could not be cut out as in the training count only if there are no others. Size, light and
    sharpness are the medians over the frames. A frame that was not scored again, because its own answer was out of
    reach, counts with its own logit. The conformal limits were fitted on single faces: for the score of many frames
    they are a rule of thumb.
    """
    faces = [face for face in faces if not face.uncut] or faces
    n_versions = max(len(face.reencoded) for face in faces)
    table = np.array([[face.logit, *(face.reencoded or [face.logit] * n_versions)] for face in faces])
    probability, *reencoded = (aggregate(column, spec.calibration, how) for column in table.T)
    if faces[0].uncut:
        return probability, uncut_verdict(faces[0])
    names = faces[0].statistics
    verdict = decide(
        spec,
        probability,
        face_size=float(np.median([face.face.size for face in faces])),
        statistics={name: float(np.median([face.statistics[name] for face in faces])) for name in names},
        reencoded=reencoded or None,
    )
    return probability, verdict
