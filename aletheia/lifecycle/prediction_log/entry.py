"""One line of the prediction log: what a service answered, or why it did not.

It holds neither pictures nor names, addresses or keys of callers. What describes a face are statistics of its crop and
an embedding of eight numbers, far too few to know a person by: the network was trained to forget who is seen.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from aletheia.inference.prediction import FaceEvidence
from aletheia.models.typical_faces import EMBEDDING_SIZE
from aletheia.models.verdict import DISTANCE

#: Statistics of the largest face, which drift is looked for in.
STATISTICS = ("face_size", "detection_score", "luma", "contrast", "sharpness", "distance")
#: Milliseconds of the stages of an answer, and of all.
TIMES = ("queue", "decode", "detect", "network", "judge", "total")


class LogEntry(NamedTuple):
    """A row; the names of the fields are those of the table's columns.

    Attributes
    ----------
    time : float
        Seconds since 1970, UTC.
    id : str
        Of the answer, by which feedback refers to it.
    version, uri : str
        The model: the beginning of its weights' SHA-256, and where it came from.
    kind : str
        ``image`` or ``video``; empty for an error.
    release : str
        The version under which the model was registered, such as v1.2.0; empty for one of a folder.
    verdict, cause : str
        Of the whole; the cause is that of the first face or person without a verdict.
    error : str
        Kind of the refusal (see `aletheia.inference.errors.STATUS`, and ``internal``); empty for an answer.
    faces : int
        Faces of the picture or people of the video.
    probability : float or None
        The largest among them.
    megapixels : float or None
        Of the picture or frame.
    face_size : float or None
        Side of the largest face, pixels.
    detection_score, luma, contrast, sharpness, distance : float or None
        Of the largest face, see `aletheia.models.verdict.crop_statistics` and `aletheia.models.typical_faces`.
    embedding : bytes or None
        `EMBEDDING_SIZE` float32 of the largest face.
    ms_queue … ms_total : float or None
        Milliseconds.
    role : str
        ``champion`` or ``challenger`` (see `aletheia.lifecycle.experiments.assignment`); empty in logs of earlier
        versions.
    other_version, other_release : str
        The other model of an experiment; empty without one.
    other_verdict : str
        What the other model said to the same picture; ``error`` where it failed, empty where it was not asked.
    other_probability : float or None
        With it.
    """

    time: float
    id: str
    version: str
    uri: str
    kind: str = ""
    verdict: str = ""
    cause: str = ""
    error: str = ""
    release: str = ""
    faces: int = 0
    probability: float | None = None
    megapixels: float | None = None
    face_size: float | None = None
    detection_score: float | None = None
    luma: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    distance: float | None = None
    embedding: bytes | None = None
    ms_queue: float | None = None
    ms_decode: float | None = None
    ms_detect: float | None = None
    ms_network: float | None = None
    ms_judge: float | None = None
    ms_total: float | None = None
    role: str = ""
    other_version: str = ""
    other_release: str = ""
    other_verdict: str = ""
    other_probability: float | None = None


class ShadowScore(NamedTuple):
    """What the other model said, noted in the row of an answer that was written before: by its `time` and `id`."""

    time: float
    id: str
    other_verdict: str
    other_probability: float | None = None


def answer_entry(
    answer: Mapping[str, Any], evidence: Sequence[FaceEvidence] = (), other: tuple[str, str] = ("", "")
) -> LogEntry:
    """Describe an answer.

    Parameters
    ----------
    answer : mapping
        As `aletheia.serving.schemas.Answer`.
    evidence : sequence of FaceEvidence
        Measurements of the faces of the picture, largest first, or of one frame; empty where unknown.
    other : tuple of str
        Version and release of the other model of an experiment.
    """
    parts = answer.get("people") or answer["faces"]
    cause = next((part["cause"] for part in parts if part["cause"]), "")
    return LogEntry(
        time=time.time(),
        id=answer["id"],
        version=answer["model"]["version"],
        uri=answer["model"]["uri"],
        kind=answer["kind"],
        verdict=answer["verdict"],
        cause=cause,
        release=answer["model"].get("release") or "",
        faces=len(parts),
        probability=answer["probability"],
        megapixels=answer["width"] * answer["height"] / 1e6,
        **(_face_columns(evidence[0]) if evidence else {}),
        **{f"ms_{name}": answer["timing_ms"][name] for name in TIMES},
        role=answer["model"].get("role") or "",
        other_version=other[0],
        other_release=other[1],
    )


def error_entry(kind: str, version: str, uri: str, release: str = "") -> LogEntry:
    """Describe a request that was refused or failed."""
    return LogEntry(time.time(), uuid.uuid4().hex, version, uri, error=kind, release=release)


def _face_columns(evidence: FaceEvidence) -> dict[str, Any]:
    own = evidence.parts[0]  # of an ensemble, the first member: each has a crop and features of its own
    embedding = np.asarray(own.embedding, dtype="<f4")
    return {
        "face_size": float(evidence.face.size),
        "detection_score": float(evidence.face.score),
        **{name: own.statistics.get(name) for name in ("luma", "contrast", "sharpness")},
        "distance": own.statistics.get(DISTANCE),
        "embedding": embedding.tobytes() if len(embedding) == EMBEDDING_SIZE else None,
    }
