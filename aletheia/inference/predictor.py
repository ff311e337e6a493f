"""From a picture to a verdict: detect the faces, crop them as in the training, score and decide.

Nothing here imports torch or MLRun: the network is the bundle's ``model.onnx``.
"""

from __future__ import annotations

import copy
import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.device import answering_device
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.faces.crop import CropError
from aletheia.faces.detectors.registry import FaceDetector, create_detector
from aletheia.faces.face import Face
from aletheia.imaging.reading import Picture, picture_of, read_picture
from aletheia.inference.options import PredictOptions, adjusted_spec
from aletheia.inference.prediction import FaceEvidence, FaceScore, Prediction
from aletheia.inference.timing import Stages
from aletheia.models.calibration_map import sigmoid
from aletheia.models.onnx_network import OnnxNetwork
from aletheia.models.preprocessing import check_cuts_faces, network_input
from aletheia.models.reencoding import reencoded_inputs
from aletheia.models.spec import ModelSpec, read_spec
from aletheia.models.typical_faces import face_features, read_typical
from aletheia.models.verdict import (
    CANNOT_TELL,
    DISTANCE,
    UNCUT,
    Verdict,
    combine,
    crop_statistics,
    decide,
    within_reach,
)

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "DEFAULT_ALPHA",
    "NO_FACE",
    "FaceEvidence",
    "FaceScore",
    "Prediction",
    "Predictor",
    "checked_pixels",
    "open_picture",
]

NO_FACE = "no face found"
# Faces of one picture that are scored at a time; between two batches the time limit is checked.
_BATCH = 16
#: False-alarm rate that is assumed for a model without rules of abstention.
DEFAULT_ALPHA = 0.1


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
    device : str
        Where the network is computed, by the setting ``ALETHEIA_DEVICE``: cpu, cuda or gpu.

    Raises
    ------
    InputError
        When the bundle is missing or damaged, does not match its JSON, does not offer the precision, or does not say
        how to cut a face out of a picture; when the device is not there.
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
        self.device = answering_device()
        self.spec, self.check_reencoding = read_spec(bundle), check_reencoding
        self.members: tuple[Predictor, ...] = (self,)
        check_cuts_faces(bundle, self.spec)
        self.detector = detector or create_detector(self.spec.crop.detector, self.spec.crop.threshold, threads=threads)
        # The two take about as long to start; neither needs the other.
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(self.detector.start)
            self.network = OnnxNetwork(
                bundle, self.spec, engine=engine, threads=threads, precision=precision, device=self.device
            )
            starting.result()
        rules = self.spec.abstention.typical if self.spec.abstention else None
        self._typical = read_typical(bundle, rules) if rules else None

    @property
    def alpha(self) -> float:
        """Bound on the share of genuine people called fake; `DEFAULT_ALPHA` without rules of abstention."""
        return self.spec.abstention.alpha if self.spec.abstention else DEFAULT_ALPHA

    def kind_note(self) -> str:
        """Say that, and why, pictures of another kind are not noticed; empty where they are.

        Of an ensemble, one member that does not answer them is enough.
        """
        notes = [member.spec.kind_note() for member in self.members]
        return notes[0] if all(notes) else ""

    def adjusted(self, options: PredictOptions) -> Predictor:
        """Return a predictor with the same network that decides as the caller wishes; itself where nothing changes."""
        if not options.changes_decision:
            return self
        other = copy.copy(self)
        other.spec = adjusted_spec(self.spec, options)
        other.members = (other,)
        return other

    def predict(self, image: str | Path | bytes | Array | Image, options: PredictOptions | None = None) -> Prediction:
        """Predict for one picture.

        Parameters
        ----------
        image : path, bytes, array or PIL image
            A file, the content of one, RGB pixels (height, width, 3), uint8, or a picture that Pillow has opened.
        options : PredictOptions, optional
            Wishes of the caller.

        Returns
        -------
        Prediction
            With the verdict ``"error"`` and the reason when the picture cannot be read, or the model fails on it.
        """
        try:
            return self.predict_picture(open_picture(image), options=options)
        except InputError as error:
            return Prediction("error", None, reason=str(error))

    def predict_pixels(self, rgb: Array, stages: Stages | None = None) -> Prediction:
        """Predict for the pixels (H, W, 3) uint8 of a picture; `stages` measures the time and may limit it."""
        return self.predict_picture(Picture(rgb), stages)

    def predict_picture(
        self, picture: Picture, stages: Stages | None = None, options: PredictOptions | None = None
    ) -> Prediction:
        """Predict for a picture that was read; `stages` measures the time and may limit it."""
        stages, options = stages or Stages(), options or PredictOptions()
        judge = self.adjusted(options)
        faces = judge.detect_and_score(picture.rgb, stages)
        if not faces:
            reason = "The detector found no face in this picture."
            return Prediction(NO_FACE, None, reason=reason, notes=picture.notes)
        with stages.stage("judge"):
            scores = tuple(judge.decide(face) for face in faces)
            overall = combine(scores)
        crops = tuple(_cut_out(picture.rgb, face.face, self.spec)[0] for face in faces) if options.crops else ()
        largest = max(score.probability for score in scores)
        return Prediction(overall.verdict, largest, scores, overall.reason, picture.notes, crops, tuple(faces))

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
        logits, features = self.network.evaluate(np.stack(crops))
        has_rules = self.spec.abstention is not None
        statistics = [crop_statistics(crop) if has_rules else {} for crop in crops]
        embeddings = np.empty((len(faces), 0))
        if self._typical is not None and features is not None:
            described = face_features(np.stack(crops), features)
            distances, embeddings = self._typical.distances(described), self._typical.embeddings(described)
            statistics = [{**part, DISTANCE: float(d)} for part, d in zip(statistics, distances, strict=True)]
        evidence = [
            FaceEvidence(face, logit, part, uncut=reason, embedding=tuple(embedding))
            for face, logit, part, reason, embedding in zip(
                faces, map(float, logits), statistics, uncut, embeddings.tolist(), strict=True
            )
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


def open_picture(image: str | Path | bytes | Array | Image) -> Picture:
    """Read a picture from a file, bytes, pixels or Pillow's image; InputError when it cannot be used."""
    if isinstance(image, np.ndarray):
        return Picture(checked_pixels(image))
    return read_picture(image) if isinstance(image, str | Path | bytes) else picture_of(image)


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
