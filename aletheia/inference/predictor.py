"""From a picture to a verdict: detect the faces, crop them as in the training, score and decide.

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
from aletheia.models.spec import ModelSpec, read_spec, sigmoid
from aletheia.models.verdict import CANNOT_TELL, UNCUT, Verdict, combine, crop_statistics, decide, within_reach

NO_FACE = "no face found"
# Faces of one picture that are scored at a time; between two batches the time limit is checked.
_BATCH = 16
#: False-alarm rate that is assumed for a model without rules of abstention.
DEFAULT_ALPHA = 0.1


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
    """

    verdict: str
    probability: float | None
    faces: tuple[FaceScore, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain lists, numbers and strings."""
        return dataclasses.asdict(self)


class Predictor:
    """A model bundle and a face detector, ready to predict. May be shared by threads, which then work in parallel.

    Parameters
    ----------
    bundle : path
        The folder with ``model.onnx`` and ``model.json``.
    engine : {'onnxruntime', 'openvino'}, optional
        By default the one that was faster when the model was exported.
    threads : int
        CPU threads for one picture; 0 takes all cores. 1 is best for a server under load.
    precision : {'f32', 'bf16', 'int8'}
        Of the network; the measured differences from f32 are in the model's JSON.
    check_reencoding : bool
        Score faces near the threshold again in the re-encoded picture: three calls of the network for these.
    detector : FaceDetector, optional
        A detector that is shared with other predictors; by default the one that the training faces were detected with.

    Attributes
    ----------
    members : tuple of Predictor
        The predictors whose verdicts are merged: itself, or the models of an `aletheia.inference.ensemble.Ensemble`.

    Raises
    ------
    InputError
        When the bundle is missing or damaged, does not match its JSON, does not offer the precision, or does not say
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
        self.spec, self.check_reencoding = read_spec(bundle), check_reencoding
        self.members: tuple[Predictor, ...] = (self,)
        check_cuts_faces(bundle, self.spec)
        self.detector = detector or create_detector(self.spec.crop.detector, self.spec.crop.threshold, threads=threads)
        # The two take about as long to start; neither needs the other.
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(self.detector.start)
            self.network = OnnxNetwork(bundle, self.spec, engine=engine, threads=threads, precision=precision)
            starting.result()

    @property
    def alpha(self) -> float:
        """Bound on the share of genuine people called fake; `DEFAULT_ALPHA` without rules of abstention."""
        return self.spec.abstention.alpha if self.spec.abstention else DEFAULT_ALPHA

    def predict(self, image: str | Path | bytes | Array) -> Prediction:
        """Predict for one picture.

        Parameters
        ----------
        image : path, bytes or array
            A file, the content of one, or RGB pixels (height, width, 3), uint8.

        Returns
        -------
        Prediction
            With the verdict ``"error"`` and the reason when the picture cannot be read, or the model fails on it.
        """
        try:
            return self.predict_pixels(checked_pixels(image) if isinstance(image, np.ndarray) else read_image(image))
        except InputError as error:
            return Prediction("error", None, reason=str(error))

    def predict_pixels(self, rgb: Array, stages: Stages | None = None) -> Prediction:
        """Predict for the pixels (H, W, 3) uint8 of a picture; `stages` measures the time and may limit it."""
        stages = stages or Stages()
        faces = self.detect_and_score(rgb, stages)
        if not faces:
            return Prediction(NO_FACE, None, reason="The detector found no face in this picture.")
        with stages.stage("judge"):
            scores = tuple(self.decide(face) for face in faces)
            overall = combine(scores)
        return Prediction(overall.verdict, max(score.probability for score in scores), scores, overall.reason)

    def detect_and_score(self, rgb: Array, stages: Stages | None = None) -> list[FaceEvidence]:
        """Detect and score the faces of a picture (H, W, 3) uint8, largest first."""
        stages = stages or Stages()
        stages.check()
        with stages.stage("detect"):
            faces = self.detector.detect(rgb, stages.check)
        evidence: list[FaceEvidence] = []
        for start in range(0, len(faces), _BATCH):
            stages.check()
            with stages.stage("network"):
                evidence += self.score(rgb, faces[start : start + _BATCH])
        return evidence

    def score(self, rgb: Array, faces: list[Face]) -> list[FaceEvidence]:
        """Score the faces, at least one, that were detected in a picture (H, W, 3) uint8."""
        crops, uncut = zip(*(_cut_out(rgb, face, self.spec) for face in faces), strict=True)
        logits = map(float, self.network.logits(np.stack(crops)))
        has_rules = self.spec.abstention is not None
        evidence = [
            FaceEvidence(face, logit, crop_statistics(crop) if has_rules else {}, uncut=reason)
            for face, logit, crop, reason in zip(faces, logits, crops, uncut, strict=True)
        ]
        return self._rescore_reencoded(rgb, evidence) if has_rules and self.check_reencoding else evidence

    def decide(self, evidence: FaceEvidence) -> FaceScore:
        """Decide on a face, by the merged verdicts of all members."""
        parts = zip(self.members, evidence.parts, strict=True)
        p, verdict = self.merge([member.member_verdict(part) for member, part in parts])
        x0, y0, x1, y1 = (round(float(v), 1) for v in evidence.face.box)
        return FaceScore(
            box=(x0, y0, x1, y1),
            detection_score=round(float(evidence.face.score), 4),
            probability=p,
            verdict=verdict.verdict,
            reason=verdict.reason,
            raw_probability=float(sigmoid(np.array(evidence.logit))),
            cause=verdict.cause,
        )

    def member_verdict(self, evidence: FaceEvidence) -> tuple[float, Verdict]:
        """Return probability and verdict of this model alone."""
        logits = np.array([evidence.logit, *evidence.reencoded])
        p, *reencoded = self.spec.calibration.probabilities(logits).tolist()
        if evidence.uncut:
            return p, uncut_verdict(evidence)
        size, statistics = evidence.face.size, evidence.statistics
        return p, decide(self.spec, p, face_size=size, statistics=statistics, reencoded=reencoded or None)

    def merge(self, verdicts: list[tuple[float, Verdict]]) -> tuple[float, Verdict]:
        """Merge the probabilities and verdicts of the members, in their order, into one."""
        return verdicts[0]

    def _rescore_reencoded(self, rgb: Array, evidence: list[FaceEvidence]) -> list[FaceEvidence]:
        """Score the faces whose answer may turn in the re-encoded picture, too; the others would only cost time."""
        near = [
            index
            for index, face in enumerate(evidence)
            if within_reach(self.spec, face.logit) and self.member_verdict(face)[1].verdict != CANNOT_TELL
        ]
        if not near:
            return evidence
        versions = [reencoded_inputs(rgb, evidence[index].face, self.spec) for index in near]
        logits = self.network.logits(np.concatenate(versions))
        for index, values in zip(near, logits.reshape(len(near), -1).tolist(), strict=True):
            evidence[index] = dataclasses.replace(evidence[index], reencoded=tuple(values))
        return evidence


def uncut_verdict(evidence: FaceEvidence) -> Verdict:
    """Return the verdict on a face that could not be cut out as in the training."""
    return Verdict(CANNOT_TELL, f"the face cannot be cut out as those of the training: {evidence.uncut}", UNCUT)


def _cut_out(rgb: Array, face: Face, spec: ModelSpec) -> tuple[Array, str]:
    """Return the network's input for a face, and the reason if it could not be cut out as in the training."""
    try:
        return network_input(rgb, face, spec), ""
    except CropError as error:
        upright = spec.model_copy(update={"crop": spec.crop.model_copy(update={"policy": "scale"})})
        return network_input(rgb, face, upright), error.reason


def checked_pixels(array: Array) -> Array:
    """Check an array of RGB pixels and return it as contiguous uint8.

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
