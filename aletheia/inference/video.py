"""From a video to a verdict: each person's frames make one score, and the worst person decides.

People are told apart by where they are, so that every cut of an edited film makes new ones, and each has its own chance
of a false alarm: 16 cuts at 5 % each would make 56 % of genuine films fake. So who is seen in less than a quarter of
the frames is not called fake for one's own face alone, but only when more people of the video look manipulated than
chance explains. Of m genuine people, each called fake with probability alpha, k or more are with the binomial tail
P(B(m, alpha) >= k); "fake" needs a k for which that is at most alpha, Wilkinson's way of combining tests (Wilkinson,
"A statistical consideration in psychological research", Psychological Bulletin 48, 1951). With fewer it is "cannot
tell". For a single person k is 1: nothing changes. People seen in a quarter of the frames or more decide alone, at most
four of them after one another.

The tail holds for people whose scores do not depend on each other. One actor under 16 cuts whom the model finds
somewhat suspicious in all of them (scores correlated by 0.2 to 0.8) is called fake in 9 to 11 % instead of 4 %. The
price is a single manipulated scene among many short ones: it is "cannot tell".
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
from aletheia.inference.predictor import NO_FACE, FaceEvidence, FaceScore, Predictor, not_cut
from aletheia.models.spec import AGGREGATIONS, Calibration, ModelSpec
from aletheia.models.verdict import BRIEF, CANNOT_TELL, FAKE, RANGE, SMALL, UNCUT, Verdict, combine, decide

#: Share of the frames; who is seen in less does not decide alone.
BRIEFLY = 0.25
#: Causes that say that a face was not judged at all, whatever its score.
_UNJUDGED = (SMALL, RANGE, UNCUT)


@dataclasses.dataclass(frozen=True)
class PersonScore:
    """One person of a video.

    Attributes
    ----------
    probability : float
        Probability that this person's face is fake, 0 to 1, over all frames with it.
    verdict : str
        ``"fake"`` when the probability reaches the model's threshold, else ``"real"``; ``"cannot tell"`` where the
        model had better not answer.
    times : tuple of float
        Seconds into the video of the frames with this person.
    faces : tuple of FaceScore
        The face in each of these frames, with the score of that frame alone.
    reason : str
        Why it cannot be told; empty when it can.
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
    """The answer for one video.

    Attributes
    ----------
    verdict : str
        ``"fake"`` when any person's is, else ``"cannot tell"`` when any cannot be told, else ``"real"``; ``"no face
        found"`` without a face, ``"error"`` when the video could not be read.
    probability : float or None
        The largest among the people; None without a face.
    people : tuple of PersonScore
        In the order of appearance.
    frames : int
        Frames that were looked at.
    aggregation : str
        How a person's frames became one score.
    reason : str
        Why it is neither real nor fake; empty when it is.
    """

    verdict: str
    probability: float | None
    people: tuple[PersonScore, ...] = ()
    frames: int = 0
    aggregation: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same as plain lists, numbers and strings."""
        return dataclasses.asdict(self)


def aggregate(logits: Array, calibration: Calibration, how: str = "mean_logit") -> float:
    """One probability out of the logits of a person's frames.

    Parameters
    ----------
    logits : (n,) ndarray
        Of the network, n at least 1.
    calibration : Calibration
        The model's.
    how : {'mean_logit', 'mean_probability', 'upper_quantile'}
        The mean logit weighs frames by how sure the network is of them; the mean probability does not let one sure
        frame decide; the quantile (0.9 of the logits) finds a manipulation that shows in few frames, at the price of
        more false alarms.

    Raises
    ------
    InputError
        For another name.
    """
    _check(how)
    if how == "mean_probability":
        return float(calibration.probabilities(logits).astype(np.float64).mean())
    value = np.mean(logits, dtype=np.float64) if how == "mean_logit" else np.quantile(logits, 0.9)
    return float(calibration.probabilities(np.array([value]))[0])


def _check(how: str) -> None:
    if how not in AGGREGATIONS:
        raise InputError(f"There is no aggregation {how!r}; choose one of {', '.join(AGGREGATIONS)}.")


def predict_video(
    predictor: Predictor, source: str | Path | IO[bytes], *, frames: int = 16, aggregation: str | None = None
) -> VideoPrediction:
    """Answer for one video.

    Parameters
    ----------
    predictor : Predictor
        The model.
    source
        A file, or an open one.
    frames : int
        How many, spread evenly over the duration.
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
    _check(how)
    check_count(frames)
    times, seen = [], []
    try:
        for frame in read_frames(source, frames):
            seen.append(predictor.detect_and_score(frame.rgb))
            times.append(round(frame.time, 3))
    except InputError as error:
        return VideoPrediction("error", None, reason=str(error))
    return judge_frames(predictor, times, seen, how)


def judge_frames(
    predictor: Predictor, times: Sequence[float], seen: Sequence[Sequence[FaceEvidence]], how: str | None = None
) -> VideoPrediction:
    """The answer for a video whose frames were looked at.

    Parameters
    ----------
    predictor : Predictor
        The model.
    times : sequence of float
        Seconds into the video of each frame.
    seen : sequence of sequence of Seen
        The faces of each frame.
    how : str, optional
        See `aggregate`; by default as the model's JSON says.
    """
    how = how or predictor.spec.aggregation
    if not any(seen):
        reason = f"The detector found no face in {len(times)} frames of this video."
        return VideoPrediction(NO_FACE, None, frames=len(times), aggregation=how, reason=reason)
    people: dict[int, list[tuple[float, FaceEvidence]]] = {}
    linked = link_faces([[one.face for one in frame] for frame in seen])
    for time, frame, numbers in zip(times, seen, linked, strict=True):
        for one, number in zip(frame, numbers, strict=True):
            people.setdefault(number, []).append((time, one))
    scores = []
    for places in people.values():
        moments, faces = zip(*places, strict=True)
        probability, said = judge_person(predictor, faces, how)
        alone = tuple(map(predictor.decide, faces))
        scores.append(PersonScore(probability, said.verdict, moments, alone, said.reason, said.cause))
    scores = _beyond_chance(scores, len(times), predictor.alpha)
    whole, worst = combine(scores), max(person.probability for person in scores)
    return VideoPrediction(whole.verdict, worst, tuple(scores), len(times), how, whole.reason)


def _beyond_chance(people: list[PersonScore], frames: int, alpha: float) -> list[PersonScore]:
    """The people, of whom those seen briefly are fake only when there are more fakes than chance explains."""
    judged = sum(person.cause not in _UNJUDGED for person in people)
    fakes = sum(person.verdict == FAKE for person in people)
    if not fakes or fakes >= (least := needed(judged, alpha)):
        return people
    reason = (
        f"seen in less than a quarter of the {frames} frames, and that {fakes} of {judged} people "
        f"{'looks' if fakes == 1 else 'look'} manipulated may be chance: {least} would be more than that"
    )
    return [
        dataclasses.replace(person, verdict=CANNOT_TELL, reason=reason, cause=BRIEF)
        if person.verdict == FAKE and len(person.times) < BRIEFLY * frames
        else person
        for person in people
    ]


def needed(people: int, alpha: float) -> int:
    """The least number of fakes among so many people, at least 1, that is more than chance.

    Among genuine people, each of whom is called fake with probability `alpha`, so many or more are found with
    probability `alpha` at most.
    """
    from scipy.special import bdtrc

    tails = bdtrc(np.arange(people), people, alpha)  # of more than 0, 1, … fakes
    return 1 + int(np.argmax(tails <= alpha * (1 + 1e-9)))


def judge_person(predictor: Predictor, faces: Sequence[FaceEvidence], how: str) -> tuple[float, Verdict]:
    """Probability and verdict for a person, over all frames; each member of an ensemble judges for itself first."""
    columns = zip(*(seen.parts for seen in faces), strict=True)
    return predictor.merge([_judged(one.spec, part, how) for one, part in zip(predictor.members, columns, strict=True)])


def _judged(spec: ModelSpec, faces: Sequence[FaceEvidence], how: str) -> tuple[float, Verdict]:
    """What one model says of a person.

    Frames in which the face could not be cut out as in the training count only where there are no others. Size, light
    and sharpness are the medians over the frames. A frame that was not asked about again, because its own
    answer was out of reach, counts as it is. The conformal limits were fitted on single faces: for the score of many
    frames they are a rule of thumb.
    """
    faces = [seen for seen in faces if not seen.uncut] or faces
    asked = max(len(seen.reencoded) for seen in faces)
    table = np.array([[seen.logit, *(seen.reencoded or [seen.logit] * asked)] for seen in faces])
    probability, *again = (aggregate(column, spec.calibration, how) for column in table.T)
    if faces[0].uncut:
        return probability, not_cut(faces[0])
    names = faces[0].statistics
    said = decide(
        spec,
        probability,
        face_size=float(np.median([seen.face.size for seen in faces])),
        statistics={name: float(np.median([seen.statistics[name] for seen in faces])) for name in names},
        reencoded=again or None,
    )
    return probability, said
