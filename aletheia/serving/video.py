"""From a video to a verdict: each person's frames make one score, and the worst person decides."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import IO

import numpy as np

from aletheia.errors import InputError
from aletheia.faces.tracks import link_faces
from aletheia.faces.video import check_count, read_frames
from aletheia.models.spec import AGGREGATIONS, Calibration
from aletheia.serving.engine import NO_FACE, FaceScore, Predictor


@dataclasses.dataclass(frozen=True)
class PersonScore:
    """One person of a video.

    Attributes
    ----------
    probability : float
        Probability that this person's face is fake, 0 to 1, over all frames with it.
    verdict : str
        ``"fake"`` when the probability reaches the model's threshold, else ``"real"``.
    times : tuple of float
        Seconds into the video of the frames with this person.
    faces : tuple of FaceScore
        The face in each of these frames, with the score of that frame alone.
    """

    probability: float
    verdict: str
    times: tuple[float, ...]
    faces: tuple[FaceScore, ...]


@dataclasses.dataclass(frozen=True)
class VideoPrediction:
    """The answer for one video.

    Attributes
    ----------
    verdict : str
        ``"fake"`` when any person's is, ``"real"`` when none is, ``"no face found"`` without a face, ``"error"`` when
        the video could not be read.
    probability : float or None
        The largest among the people; None without a face.
    people : tuple of PersonScore
        In the order of appearance.
    frames : int
        Frames that were looked at.
    aggregation : str
        How a person's frames became one score.
    reason : str
        Why there is no verdict; empty when there is one.
    """

    verdict: str
    probability: float | None
    people: tuple[PersonScore, ...] = ()
    frames: int = 0
    aggregation: str = ""
    reason: str = ""

    def to_dict(self) -> dict:
        """The same as plain lists, numbers and strings."""
        return dataclasses.asdict(self)


def aggregate(logits: np.ndarray, calibration: Calibration, how: str = "mean_logit") -> float:
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
    spec = predictor.spec
    how = aggregation or spec.aggregation
    _check(how)
    check_count(frames)
    times, found, logits = [], [], []
    try:
        for frame in read_frames(source, frames):
            faces, values = predictor.look(frame.rgb)
            times.append(frame.time)
            found.append(faces)
            logits.append(values)
    except InputError as error:
        return VideoPrediction("error", None, reason=str(error))
    if not any(found):
        reason = f"The detector found no face in {len(times)} frames of this video."
        return VideoPrediction(NO_FACE, None, frames=len(times), aggregation=how, reason=reason)
    people: dict[int, list[tuple[int, int]]] = {}
    for position, numbers in enumerate(link_faces(found)):
        for index, number in enumerate(numbers):
            people.setdefault(number, []).append((position, index))
    scores = []
    for places in people.values():
        values = np.array([logits[position][index] for position, index in places])
        probability = aggregate(values, spec.calibration, how)
        alone = spec.calibration.probabilities(values)
        scores.append(
            PersonScore(
                probability,
                predictor.verdict(probability),
                tuple(round(times[position], 3) for position, _ in places),
                tuple(predictor.face_score(found[p][i], alone[k]) for k, (p, i) in enumerate(places)),
            )
        )
    worst = max(scores, key=lambda person: person.probability)
    return VideoPrediction(worst.verdict, worst.probability, tuple(scores), len(times), how)
