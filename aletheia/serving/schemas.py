"""Answers of the service as JSON: their schemas and how they are built."""

from __future__ import annotations

import base64
import dataclasses
import io
import uuid
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aletheia.core.arrays import Array
from aletheia.inference.options import PredictOptions
from aletheia.lifecycle.experiments.assignment import CHAMPION

if TYPE_CHECKING:
    from aletheia.inference.predictor import FaceScore, Prediction
    from aletheia.inference.timing import Stages
    from aletheia.inference.video import VideoPrediction
    from aletheia.serving.model_loading import LoadedModel

FaceVerdict = Literal["real", "fake", "cannot tell"]
_FACE: JsonDict = {
    "box": [212.4, 96.1, 403.9, 287.6],
    "detection_score": 0.93,
    "probability": 0.87,
    "raw_probability": 0.94,
    "verdict": "fake",
    "reason": "",
    "cause": "",
}
_MODEL: JsonDict = {
    "name": "detector",
    "uri": "store://models/aletheia/detector:production",
    "version": "5d1f0c3a9b7e",
    "threshold": 0.42,
    "precision": "f32",
    "device": "cpu",
    "release": "v1.2.0",
    "role": "champion",
}
_TIMES: JsonDict = {"queue": 0.1, "decode": 6.2, "detect": 9.8, "network": 41.5, "judge": 0.2, "total": 58.4}
_IMAGE: JsonDict = {
    "id": "0b9c1c5e8a4f4f0f9a53a4f3c6a1f0d2",
    "model": _MODEL,
    "kind": "image",
    "ok": True,
    "verdict": "fake",
    "prediction": "fake",
    "probability": 0.87,
    "confidence": 0.87,
    "used_calibration": True,
    "reason": "",
    "notes": [],
    "width": 640,
    "height": 480,
    "faces": [_FACE],
    "timing_ms": _TIMES,
}
_PERSON: JsonDict = {
    "probability": 0.87,
    "verdict": "fake",
    "reason": "",
    "cause": "",
    "times": [0.31],
    "faces": [_FACE],
}
_VIDEO: JsonDict = {**_IMAGE, "kind": "video", "people": [_PERSON], "frames": 1, "aggregation": "mean_logit"}


class ModelInfo(BaseModel):
    """The model that answered."""

    name: str
    uri: str = Field(description="Where it comes from; of an ensemble, joined by ' + '.")
    version: str = Field(description="The beginning of the SHA-256 of its weights.")
    threshold: float = Field(description='From this probability on the verdict is "fake".')
    precision: Literal["f32", "bf16", "int8"] = Field(description="In which its network was computed.")
    device: Literal["cpu", "cuda", "gpu"] = Field("cpu", description="Where its network was computed.")
    release: str = Field(description="The version under which it was registered; empty for a folder or several models.")
    role: Literal["champion", "challenger"] = Field(
        "champion", description="Whether it is the one that answers, or tried on a share of the requests beside it."
    )


class Face(BaseModel):
    """A face of a picture or frame."""

    box: tuple[float, float, float, float] = Field(description="Left, top, right, bottom; pixels, upright.")
    detection_score: float = Field(description="How sure the detector is that this is a face, 0 to 1.")
    probability: float = Field(description="That it is fake, calibrated, 0 to 1.")
    raw_probability: float = Field(description="The same before calibration.")
    verdict: FaceVerdict
    reason: str = Field(description="Why there is no verdict; else empty.")
    cause: str = Field(description="The kind of reason, one of a few; else empty.")
    crop: str | None = Field(None, description="As it was cut out for the network, PNG in base64; if asked for.")


class Person(BaseModel):
    """A person of a video, over all frames."""

    probability: float
    verdict: FaceVerdict
    reason: str
    cause: str
    times: list[float] = Field(description="Seconds into the video of the frames with this person.")
    faces: list[Face] = Field(description="The face in each of these frames, judged alone.")


class Timing(BaseModel):
    """Milliseconds of each stage."""

    queue: float
    decode: float
    detect: float
    network: float
    judge: float
    total: float


class Answer(BaseModel):
    """The answer for a picture or a video."""

    model_config = ConfigDict(json_schema_extra={"examples": [_IMAGE, _VIDEO]})

    id: str
    model: ModelInfo
    kind: Literal["image", "video"]
    ok: Literal[True] = Field(True, description="That there is an answer; false stands beside an error.")
    verdict: Literal["real", "fake", "cannot tell", "no face found"]
    prediction: str = Field(description="The verdict again, under the name that simple clients look for.")
    probability: float | None = Field(description="The largest among the faces or people; null without a face.")
    confidence: float | None = Field(
        description="Probability of the verdict: of fake, or one minus that; null where it is neither."
    )
    used_calibration: bool = Field(description="Whether probabilities are calibrated.")
    reason: str = Field(description="Why it is neither real nor fake; else empty.")
    notes: list[str] = Field(description="What had to be done to read the file, a sentence each; usually empty.")
    width: int = Field(description="Pixels, upright.")
    height: int
    faces: list[Face] = Field(description="Of a picture, largest first; of a video, see people.")
    timing_ms: Timing
    people: list[Person] | None = Field(None, description="Of a video, in the order of appearance.")
    frames: int | None = Field(None, description="Of a video that were looked at.")
    aggregation: str | None = Field(None, description="How a person's frames became one score.")


class Problem(BaseModel):
    """The reason for a missing answer."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "bad_image", "message": "The picture is empty (zero bytes)."}]}
    )

    kind: str
    message: str = Field(description="A sentence with the remedy.")


class Failure(BaseModel):
    """Sent in place of an answer."""

    ok: Literal[False] = False
    error: Problem


class V2Failure(BaseModel):
    """The same in the V2 inference protocol."""

    error: str = Field(description="A sentence with the remedy.")
    kind: str


class Job(BaseModel):
    """A long video at work."""

    id: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: float = Field(description="Share that is done, 0 to 1.")
    result: Answer | None = None
    error: Problem | None = None


def model_info(loaded: LoadedModel, role: str = CHAMPION) -> dict[str, Any]:
    """Return the part of every answer that describes the model, see `ModelInfo`."""
    return {
        "name": loaded.name,
        "uri": loaded.uri,
        "version": loaded.version,
        "threshold": loaded.spec.threshold,
        "precision": loaded.precision,
        "device": loaded.device,
        "release": loaded.release,
        "role": role,
    }


def image_answer(
    loaded: LoadedModel,
    prediction: Prediction,
    size: tuple[int, int],
    stages: Stages,
    options: PredictOptions | None = None,
    role: str = CHAMPION,
) -> dict[str, Any]:
    """Build an `Answer` for a picture of this size (height, width)."""
    answer = _answer(loaded, "image", prediction, size, stages, options, role)
    answer["faces"] = [_face(face) for face in prediction.faces]
    for face, crop in zip(answer["faces"], prediction.crops, strict=False):
        face["crop"] = _encode_png(crop)
    return answer


def video_answer(
    loaded: LoadedModel,
    prediction: VideoPrediction,
    size: tuple[int, int],
    stages: Stages,
    options: PredictOptions | None = None,
    role: str = CHAMPION,
) -> dict[str, Any]:
    """Build an `Answer` for a video with frames of this size (height, width)."""
    people = [
        {
            "probability": person.probability,
            "verdict": person.verdict,
            "reason": person.reason,
            "cause": person.cause,
            "times": list(person.times),
            "faces": [_face(face) for face in person.faces],
        }
        for person in prediction.people
    ]
    return {
        **_answer(loaded, "video", prediction, size, stages, options, role),
        "people": people,
        "frames": prediction.frames,
        "aggregation": prediction.aggregation,
    }


def failure(kind: str, message: str, *, v2: bool = False) -> dict[str, Any]:
    """Build a `Failure`, or a `V2Failure` for the routes of the V2 inference protocol."""
    if v2:
        return {"error": message, "kind": kind}
    return {"ok": False, "error": {"kind": kind, "message": message}}


def _answer(
    loaded: LoadedModel,
    kind: str,
    prediction: Prediction | VideoPrediction,
    size: tuple[int, int],
    stages: Stages,
    options: PredictOptions | None,
    role: str,
) -> dict[str, Any]:
    options = options or PredictOptions()
    model = model_info(loaded, role)
    if options.changes_decision:
        model["threshold"] = loaded.predictor.adjusted(options).spec.threshold
    return {
        "id": uuid.uuid4().hex,
        "model": model,
        "kind": kind,
        "ok": True,
        "verdict": prediction.verdict,
        "prediction": prediction.verdict,
        "probability": prediction.probability,
        "confidence": prediction.confidence,
        "used_calibration": options.use_calibration,
        "reason": prediction.reason,
        "notes": list(prediction.notes),
        "width": int(size[1]),
        "height": int(size[0]),
        "faces": [],
        "timing_ms": stages.milliseconds(),
    }


def _encode_png(rgb: Array) -> str:
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


def _face(face: FaceScore) -> dict[str, Any]:
    return {**dataclasses.asdict(face), "box": list(face.box)}
