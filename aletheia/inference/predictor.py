"""From a picture to a verdict: find the faces, crop them as in training, score them, say it in words.

Nothing here imports torch or MLRun: the network is the bundle's ``model.onnx``.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.faces.crop import CropError
from aletheia.faces.detectors.registry import FaceDetector, create_detector
from aletheia.faces.face import Face
from aletheia.imaging.reading import read_image
from aletheia.inference.timing import Stages
from aletheia.models.onnx_network import OnnxNetwork
from aletheia.models.preprocessing import check_cuts_faces, network_input
from aletheia.models.reencoding import reencoded_inputs
from aletheia.models.spec import ModelSpec, read_spec
from aletheia.models.verdict import CANNOT_TELL, UNCUT, Verdict, combine, crop_statistics, decide, within_reach

NO_FACE = "no face found"
# Faces of one picture that are scored at a time; between two times the clock is asked.
_BATCH = 16
#: What is taken for the rate of false alarms of a model that promises none.
DEFAULT_ALPHA = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class FaceEvidence:
    """What is known of one face before it is judged.

    Attributes
    ----------
    face : Face
        As the detector found it.
    logit : float
        Of its crop.
    statistics : dict of str to float
        Of its crop, see `aletheia.models.verdict.crop_statistics`; empty for a model that always answers.
    reencoded : tuple of float
        Its logits in the re-encoded picture; empty where nobody asked.
    members : tuple of Seen
        The face as each member of an ensemble saw it; empty for a single model.
    uncut : str
        Why the face could not be cut out as the training faces were; empty when it could. Then the logit is that of
        an upright square, which the model was not trained on: it is shown, and no verdict rests on it.
    """

    face: Face
    logit: float
    statistics: dict[str, float] = dataclasses.field(default_factory=dict)
    reencoded: tuple[float, ...] = ()
    members: tuple[FaceEvidence, ...] = ()
    uncut: str = ""

    @property
    def parts(self) -> tuple[FaceEvidence, ...]:
        """One for each of the predictor's `members`."""
        return self.members or (self,)


@dataclasses.dataclass(frozen=True)
class FaceScore:
    """One face of a picture.

    Attributes
    ----------
    box : tuple of float
        Left, top, right, bottom in pixels of the picture as it is shown (EXIF orientation applied).
    detection_score : float
        How sure the detector is that this is a face, 0 to 1.
    probability : float
        Probability that the face is fake, 0 to 1.
    verdict : str
        ``"fake"`` when the probability reaches the model's threshold, else ``"real"``; ``"cannot tell"`` where the
        model had better not answer.
    reason : str
        Why it cannot be told; empty when it can.
    raw_probability : float
        The same before calibration: the sigmoid of the network's logit, 0 to 1.
    cause : str
        One of `aletheia.models.verdict.CAUSES` or `UNCUT`, for counting; empty when it can be told.
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
        ``"fake"`` when any face is, else ``"cannot tell"`` when any cannot be told, else ``"real"``; ``"no face
        found"`` without a face, ``"error"`` when the picture could not be read.
    probability : float or None
        The largest probability among the faces; None without a face.
    faces : tuple of FaceScore
        Largest face first.
    reason : str
        Why it is neither real nor fake; empty when it is.
    """

    verdict: str
    probability: float | None
    faces: tuple[FaceScore, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same as plain lists, numbers and strings."""
        return dataclasses.asdict(self)


class Predictor:
    """A model bundle and a face detector, ready to answer. May be shared by threads, which then work side by side.

    Parameters
    ----------
    bundle : path
        The folder with ``model.onnx`` and ``model.json``.
    engine : {'onnxruntime', 'openvino'}, optional
        By default the one that was faster when the model was exported.
    threads : int
        CPU threads for one picture; 0 takes all cores. A server under load is better off with 1.
    precision : {'f32', 'bf16', 'int8'}
        Of the network; what it costs stands in the model's JSON.
    careful : bool
        Ask again about faces near the threshold, in the picture saved again: three calls of the network for those.
    detector : FaceDetector, optional
        One that is shared with others; by default the one that the training faces were detected with.

    Attributes
    ----------
    members : tuple of Predictor
        Those whose verdicts are merged: itself, or the models of an `aletheia.inference.ensemble.Ensemble`.

    Raises
    ------
    InputError
        When the bundle is missing, damaged, or not what its JSON says, does not offer the precision, or does not say
        how to cut a face out of a picture.
    """

    def __init__(
        self,
        bundle: str | Path,
        *,
        engine: str | None = None,
        threads: int = 0,
        precision: str = "f32",
        check_reencoding: bool = True,
        detector: FaceDetector | None = None,
    ) -> None:
        self.spec, self.check_reencoding, self.members = read_spec(bundle), check_reencoding, (self,)
        check_cuts_faces(bundle, self.spec)
        self.detector = detector or create_detector(self.spec.crop.detector, self.spec.crop.threshold, threads=threads)
        # The two take about as long to start; neither needs the other.
        with ThreadPoolExecutor(1) as pool:
            started = pool.submit(self.detector.start)
            self.network = OnnxNetwork(bundle, self.spec, engine=engine, threads=threads, precision=precision)
            started.result()

    @property
    def alpha(self) -> float:
        """Bound on the share of genuine people called fake; `DEFAULT_ALPHA` where none is known."""
        return self.spec.abstention.alpha if self.spec.abstention else DEFAULT_ALPHA

    def predict(self, image: str | Path | bytes | Array) -> Prediction:
        """Answer for one picture.

        Parameters
        ----------
        image : path, bytes or array
            A file, the content of one, or RGB pixels (height, width, 3), uint8.

        Returns
        -------
        Prediction
            With the verdict ``"error"`` and the reason when the picture cannot be read, or the model fails at it.
        """
        try:
            return self.predict_pixels(checked_pixels(image) if isinstance(image, np.ndarray) else read_image(image))
        except InputError as error:
            return Prediction("error", None, reason=str(error))

    def predict_pixels(self, rgb: Array, stages: Stages | None = None) -> Prediction:
        """Answer for the pixels (H, W, 3) uint8 of a picture; the clock, when there is one, is told of every stage."""
        stages = stages or Stages()
        seen = self.detect_and_score(rgb, stages)
        if not seen:
            return Prediction(NO_FACE, None, reason="The detector found no face in this picture.")
        with stages.stage("judge"):
            scores = tuple(self.decide(face) for face in seen)
            whole = combine(scores)
        return Prediction(whole.verdict, max(score.probability for score in scores), scores, whole.reason)

    def detect_and_score(self, rgb: Array, stages: Stages | None = None) -> list[FaceEvidence]:
        """Find and score the faces of a picture (H, W, 3) uint8, largest first."""
        stages = stages or Stages()
        stages.check()
        with stages.stage("detect"):
            faces = self.detector.detect(rgb, stages.check)
        seen: list[FaceEvidence] = []
        for start in range(0, len(faces), _BATCH):
            stages.check()
            with stages.stage("network"):
                seen += self.score(rgb, faces[start : start + _BATCH])
        return seen

    def score(self, rgb: Array, faces: list[Face]) -> list[FaceEvidence]:
        """Score the faces, at least one, that were found in a picture (H, W, 3) uint8."""
        crops, uncut = zip(*(_input(rgb, face, self.spec) for face in faces), strict=True)
        logits = map(float, self.network.logits(np.stack(crops)))
        rules = self.spec.abstention is not None
        seen = [
            FaceEvidence(face, logit, crop_statistics(crop) if rules else {}, uncut=why)
            for face, logit, crop, why in zip(faces, logits, crops, uncut, strict=True)
        ]
        return self._rescore_reencoded(rgb, seen) if rules and self.check_reencoding else seen

    def decide(self, seen: FaceEvidence) -> FaceScore:
        """A face as it is told."""
        p, said = self.merge([one.member_verdict(part) for one, part in zip(self.members, seen.parts, strict=True)])
        box = tuple(round(float(v), 1) for v in seen.face.box)
        raw = float(0.5 * (1 + np.tanh(0.5 * seen.logit)))
        return FaceScore(box, round(float(seen.face.score), 4), p, said.verdict, said.reason, raw, said.cause)

    def member_verdict(self, seen: FaceEvidence) -> tuple[float, Verdict]:
        """Probability and verdict of this model alone."""
        p, *again = self.spec.calibration.probabilities(np.array([seen.logit, *seen.reencoded])).tolist()
        if seen.uncut:
            return p, not_cut(seen)
        said = decide(self.spec, p, face_size=seen.face.size, statistics=seen.statistics, reencoded=again or None)
        return p, said

    def merge(self, judged: list[tuple[float, Verdict]]) -> tuple[float, Verdict]:
        """One probability and verdict out of those of the members, in their order."""
        return judged[0]

    def _rescore_reencoded(self, rgb: Array, seen: list[FaceEvidence]) -> list[FaceEvidence]:
        """Score the faces whose answer may turn in the re-encoded picture, too; the others would only cost time."""
        near = [
            place
            for place, face in enumerate(seen)
            if within_reach(self.spec, face.logit) and self.member_verdict(face)[1].verdict != CANNOT_TELL
        ]
        if not near:
            return seen
        versions = [reencoded_inputs(rgb, seen[place].face, self.spec) for place in near]
        logits = self.network.logits(np.concatenate(versions))
        for place, values in zip(near, logits.reshape(len(near), -1).tolist(), strict=True):
            seen[place] = dataclasses.replace(seen[place], reencoded=tuple(values))
        return seen


def not_cut(seen: FaceEvidence) -> Verdict:
    """The verdict on a face that could not be cut out as the training faces were."""
    return Verdict(CANNOT_TELL, f"the face cannot be cut out as those of the training: {seen.uncut}", UNCUT)


def _input(rgb: Array, face: Face, spec: ModelSpec) -> tuple[Array, str]:
    """A face as the network takes it, and why it is not cut out as it should be; empty when it is."""
    try:
        return network_input(rgb, face, spec), ""
    except CropError as error:
        upright = spec.model_copy(update={"crop": spec.crop.model_copy(update={"policy": "scale"})})
        return network_input(rgb, face, upright), error.reason


def checked_pixels(array: Array) -> Array:
    """RGB pixels of an array that somebody handed in.

    Raises
    ------
    InputError
        When it is not (height, width, 3) with values 0 to 255, is empty, or has too many pixels.
    """
    limit = get_settings().max_pixels
    if array.ndim != 3 or array.shape[2] != 3 or min(array.shape) < 1:
        raise InputError(f"An image array must have the shape (height, width, 3), RGB; this one has {array.shape}.")
    if array.shape[0] * array.shape[1] > limit:
        raise InputError(f"The image has {array.shape[0] * array.shape[1]} pixels; at most {limit} are accepted.")
    if array.dtype != np.uint8:
        if not np.issubdtype(array.dtype, np.integer) or array.min() < 0 or array.max() > 255:
            raise InputError("An image array must hold whole numbers from 0 to 255 (uint8).")
        array = array.astype(np.uint8)
    return np.ascontiguousarray(array)
