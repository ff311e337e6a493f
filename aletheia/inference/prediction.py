"""Measurements of faces, and the answers for pictures and videos that follow from them."""

from __future__ import annotations

import dataclasses
from typing import Any

from aletheia.core.arrays import Array
from aletheia.faces.face import Face
from aletheia.models.verdict import FAKE, REAL


@dataclasses.dataclass(frozen=True, eq=False)
class FaceEvidence:
    """Measurements of one face, on which its verdict is based.

    Attributes
    ----------
    face : Face
        As detected.
    logit : float
        Of its crop.
    statistics : dict of str to float
        Of its crop, see `aletheia.models.verdict.crop_statistics`; empty for a model that always answers.
    reencoded : tuple of float
        Its logits in the re-encoded picture; empty if it was not scored there.
    members : tuple of FaceEvidence
        The evidence of each member of an ensemble; empty for a single model.
    embedding : tuple of float
        Eight numbers that describe what the network saw, see `aletheia.models.typical_faces.TypicalFaces.embeddings`;
        empty for a model without typical faces.
    uncut : str
        The reason why the face could not be cut out as in the training; empty otherwise. The logit is then that of an
        upright square, which the model was not trained on: it is shown, and no verdict rests on it.
    """

    face: Face
    logit: float
    statistics: dict[str, float] = dataclasses.field(default_factory=dict)
    reencoded: tuple[float, ...] = ()
    members: tuple[FaceEvidence, ...] = ()
    uncut: str = ""
    embedding: tuple[float, ...] = ()

    @property
    def parts(self) -> tuple[FaceEvidence, ...]:
        """The evidence of each of the predictor's `members`."""
        return self.members or (self,)


@dataclasses.dataclass(frozen=True)
class FaceScore:
    """One face of a picture.

    Attributes
    ----------
    box : tuple of float
        Left, top, right, bottom in pixels of the picture as it is shown (EXIF orientation applied).
    detection_score : float
        The detector's confidence that this is a face, 0 to 1.
    probability : float
        Probability that the face is fake, 0 to 1.
    verdict : str
        ``"fake"`` when the probability reaches the model's threshold, else ``"real"``; ``"cannot tell"`` when the
        model abstains.
    reason : str
        The reason for "cannot tell"; empty otherwise.
    raw_probability : float
        The same before calibration: the sigmoid of the network's logit, 0 to 1.
    cause : str
        One of `aletheia.models.verdict.CAUSES` or `UNCUT`, for counting; empty likewise.
    """

    box: tuple[float, float, float, float]
    detection_score: float
    probability: float
    verdict: str
    reason: str = ""
    raw_probability: float = 0.0
    cause: str = ""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Attributes
    ----------
    verdict : str
        ``"fake"`` when that of any face is, else ``"cannot tell"`` when that of any face is, else ``"real"``; ``"no
        face found"`` without a face, ``"error"`` when the picture could not be read.
    probability : float or None
        The largest probability among the faces; None without a face.
    faces : tuple of FaceScore
        Largest face first.
    reason : str
        The reason for a verdict other than real and fake; empty otherwise.
    notes : tuple of str
        What had to be done to read the file, a sentence each; usually empty.
    crops : tuple of (H, W, 3) uint8
        The faces, in the order of `faces`, as they were cut out for the network; empty unless asked for.
    evidence : tuple of FaceEvidence
        What each verdict rests on, in the same order.
    id : str
        Of the answer of a service, by which feedback refers to it; empty from a model on this machine.
    """

    verdict: str
    probability: float | None
    faces: tuple[FaceScore, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
    crops: tuple[Array, ...] = dataclasses.field(default=(), compare=False, repr=False)
    evidence: tuple[FaceEvidence, ...] = dataclasses.field(default=(), compare=False, repr=False)
    id: str = dataclasses.field(default="", compare=False)

    @property
    def confidence(self) -> float | None:
        """Probability of the verdict, see `confidence_of`."""
        return confidence_of(self.verdict, self.probability)

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain lists, numbers and strings, without crops and evidence, and without an empty id."""
        values = dataclasses.asdict(dataclasses.replace(self, crops=(), evidence=()))
        del values["crops"], values["evidence"]
        return values if values.pop("id") == "" else {**values, "id": self.id}


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
    notes : tuple of str
        What had to be done to show the frames, a sentence each; usually empty.
    id : str
        As of `Prediction`.
    """

    verdict: str
    probability: float | None
    people: tuple[PersonScore, ...] = ()
    frames: int = 0
    aggregation: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    id: str = dataclasses.field(default="", compare=False)

    @property
    def confidence(self) -> float | None:
        """Probability of the verdict, see `confidence_of`."""
        return confidence_of(self.verdict, self.probability)

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain lists, numbers and strings, without an empty id."""
        values = dataclasses.asdict(self)
        return values if values.pop("id") == "" else {**values, "id": self.id}


def confidence_of(verdict: str, probability: float | None) -> float | None:
    """Return the probability of a verdict: of "fake", or one minus that for "real"; None where it is neither."""
    if probability is None or verdict not in (FAKE, REAL):
        return None
    return probability if verdict == FAKE else 1 - probability
