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
from typing import IO, Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.tracking import link_faces
from aletheia.imaging.video import check_count, read_frames
from aletheia.inference.predictor import NO_FACE, FaceEvidence, FaceScore, Predictor, uncut_verdict
from aletheia.models.spec import AGGREGATIONS, Calibration, ModelSpec
from aletheia.models.verdict import BRIEF, CANNOT_TELL, FAKE, RANGE, SMALL, UNCUT, Verdict, combine, decide

#: Share of the frames; a person in fewer does not decide alone.
BRIEFLY = 0.25
#: Causes of abstention that do not depend on the score: such a person cannot be a false alarm.
_ABSTAINING = (SMALL, RANGE, UNCUT)


@dataclasses.dataclass(frozen=True)
class PersonScore:
    """One person of a video.

    Attributes
    ----------
    probability : float
        Probability that this person's face is fake, 0 to 1, over all frames with it.
    verdict : str
        ``"fake"`` when the probability reaches the model's threshold, else ``"real"``; ``"cannot tell"`` when the
        model abstains.
    times : tuple of float
        Seconds into the video of the frames with this person.
    faces : tuple of FaceScore
        The face in each of these frames, with the score of that frame alone.
    reason : str
        The reason for "cannot tell"; empty otherwise.
    cause : str
        One of `aletheia.models.verdict.CAUSES`, `UNCUT` or `BRIEF`, for counting; empty likewise.
    """

    probability: float
    verdict: str
    times: tuple[float, ...]
    faces: tuple[FaceScore, ...]
    reason: str = ""
    cause: str = ""


@dataclasses.dataclass(frozen=True)
class VideoPrediction:
    """The prediction for one video.

    Attributes
    ----------
    verdict : str
        ``"fake"`` when that of any person is, else ``"cannot tell"`` when that of any person is, else ``"real"``;
        ``"no face found"`` without a face, ``"error"`` when the video could not be read.
    probability : float or None
        The largest among the people; None without a face.
    people : tuple of PersonScore
        In the order of appearance.
    frames : int
        Number of frames that were analysed.
    aggregation : str
        The aggregation of a person's frames, see `aggregate`.
    reason : str
        The reason for a verdict other than real and fake; empty otherwise.
    """

    verdict: str
    probability: float | None
    people: tuple[PersonScore, ...] = ()
    frames: int = 0
    aggregation: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain lists, numbers and strings."""
        return dataclasses.asdict(self)


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
    predictor: Predictor, source: str | Path | IO[bytes], *, frames: int = 16, aggregation: str | None = None
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
    times, evidence = [], []
    try:
        for frame in read_frames(source, frames):
            evidence.append(predictor.detect_and_score(frame.rgb))
            times.append(round(frame.time, 3))
    except InputError as error:
        return VideoPrediction("error", None, reason=str(error))
    return decide_video(predictor, times, evidence, how)


def decide_video(
    predictor: Predictor, times: Sequence[float], evidence: Sequence[Sequence[FaceEvidence]], how: str | None = None
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
    """
    how = how or predictor.spec.aggregation
    if not any(evidence):
        reason = f"The detector found no face in {len(times)} frames of this video."
        return VideoPrediction(NO_FACE, None, frames=len(times), aggregation=how, reason=reason)
    people: dict[int, list[tuple[float, FaceEvidence]]] = {}
    tracks = link_faces([[face.face for face in frame] for frame in evidence])
    for time, frame, track in zip(times, evidence, tracks, strict=True):
        for face, person in zip(frame, track, strict=True):
            people.setdefault(person, []).append((time, face))
    scores = []
    for appearances in people.values():
        moments, faces = zip(*appearances, strict=True)
        p, verdict = decide_person(predictor, faces, how)
        by_frame = tuple(map(predictor.decide, faces))
        scores.append(PersonScore(p, verdict.verdict, moments, by_frame, verdict.reason, verdict.cause))
    scores = _withdraw_chance_alarms(scores, len(times), predictor.alpha)
    overall, largest = combine(scores), max(score.probability for score in scores)
    return VideoPrediction(overall.verdict, largest, tuple(scores), len(times), how, overall.reason)


def _withdraw_chance_alarms(people: list[PersonScore], frames: int, alpha: float) -> list[PersonScore]:
    """Replace "fake" by "cannot tell" for people seen briefly, unless there are more fakes than chance explains."""
    n_people = sum(person.cause not in _ABSTAINING for person in people)
    n_fakes = sum(person.verdict == FAKE for person in people)
    if not n_fakes or n_fakes >= (minimum := min_fakes_beyond_chance(n_people, alpha)):
        return people
    reason = (
        f"seen in less than a quarter of the {frames} frames, and that {n_fakes} of {n_people} people "
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
