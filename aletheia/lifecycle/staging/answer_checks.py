"""Answers of the staged service compared with recorded ones: golden pictures, and test faces of the evaluation."""

from __future__ import annotations

import itertools
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aletheia.core.buckets.mirror import local_copy
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.core.wording import counted
from aletheia.lifecycle.staging.report import staging_result
from aletheia.models.preprocessing import largest_face
from aletheia.release.gate_check import FAILED, NOT_JUDGED, PASSED, CheckResult
from aletheia.release.golden_answers import read_golden

if TYPE_CHECKING:
    import httpx
    import pandas as pd

    from aletheia.models.spec import ModelSpec

GOLDEN, OFFLINE = "golden-answers", "offline-scores"
_GOLDEN_NAME = "golden pictures are answered as at the registration"
_OFFLINE_NAME = "test faces are scored as in the evaluation"
#: Largest difference of two probabilities that counts as none.
TOLERANCE = 0.005
FACES = 50
_SHOWN = 3


def post_picture(client: httpx.Client, data: bytes, name: str = "picture.jpg") -> httpx.Response:
    """Send a picture as a form does."""
    return client.post("/v1/predict", files={"file": (name, data)})


def check_golden(client: httpx.Client, folder: Path, spec: ModelSpec, *, tolerance: float = TOLERANCE) -> CheckResult:
    """Compare the answers to the golden pictures with the recorded ones: verdict, and probability before calibration.

    Not judged for a model that was registered without golden answers.
    """
    if not spec.golden:
        return staging_result(
            GOLDEN, _GOLDEN_NAME, NOT_JUDGED, "none were recorded when the model was registered; register it again"
        )
    answers, differences, largest = read_golden(folder, spec.golden).answers, [], 0.0
    for number, expected in enumerate(answers, 1):
        response = post_picture(client, expected.picture())
        if not response.is_success:
            differences.append(f"picture {number}: {response.status_code} {response.text[:200]}")
            continue
        answer = response.json()
        raw = answer["faces"][0]["raw_probability"] if answer["faces"] else None
        is_same = (raw is None) == (expected.raw_probability is None)
        if raw is not None and expected.raw_probability is not None:
            largest = max(largest, abs(raw - expected.raw_probability))
            is_same = abs(raw - expected.raw_probability) <= tolerance
        if not is_same or answer["verdict"] != expected.verdict:
            differences.append(
                f"picture {number}: {answer['verdict']} {_number(raw)}, recorded {expected.verdict} "
                f"{_number(expected.raw_probability)}"
            )
    if differences:
        return staging_result(GOLDEN, _GOLDEN_NAME, FAILED, _listed(differences, len(answers), "picture"))
    detail = f"{counted(len(answers), 'picture')}, largest difference {largest:.2g} of at most {tolerance:g}"
    return staging_result(GOLDEN, _GOLDEN_NAME, PASSED, detail)


def check_offline(
    client: httpx.Client,
    spec: ModelSpec,
    scores: pd.DataFrame | str,
    *,
    count: int = FACES,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> CheckResult:
    """Send the original pictures of test faces, and compare the probabilities with those of the evaluation.

    Parameters
    ----------
    client : httpx.Client
    spec : ModelSpec
    scores : DataFrame or str
        Scores of the evaluation, a row a face; or the reason why there are none.
    count : int
        Faces, at most.
    tolerance : float
        Largest difference of two probabilities that counts as none.
    seed : int
        Of the draw.

    Returns
    -------
    CheckResult
        Not judged where no picture of a test face lies on this machine or in its bucket, or the evaluation scored faces
        that were saved in a quality drawn for each, so that no answer can be the same.
    """
    if isinstance(scores, str):
        return staging_result(OFFLINE, _OFFLINE_NAME, NOT_JUDGED, scores)
    if spec.crop.quality:
        reason = "a remedy saved each test face in a JPEG quality that was drawn for it, which no answer repeats"
        return staging_result(OFFLINE, _OFFLINE_NAME, NOT_JUDGED, reason)
    rows = _comparable(scores, spec)
    random.Random(seed).shuffle(rows)
    readable = ((Path(name).name, expected, data) for name, expected in rows if (data := _read(name)) is not None)
    differences, gaps = [], []
    for name, expected, data in itertools.islice(readable, count):
        response = post_picture(client, data, name)
        faces = response.json()["faces"] if response.is_success else []
        found = faces[0]["probability"] if faces else math.nan
        gaps.append(abs(found - expected))
        if not gaps[-1] <= tolerance:
            answer = f"{found:.4f}" if faces else f"{response.status_code}, no face"
            differences.append(f"{name}: {answer}, evaluated {expected:.4f}")
    if not gaps:
        reason = "no picture of a test face lies here any more" if rows else "the evaluation scored no single pictures"
        return staging_result(OFFLINE, _OFFLINE_NAME, NOT_JUDGED, reason)
    if differences:
        return staging_result(OFFLINE, _OFFLINE_NAME, FAILED, _listed(differences, len(gaps), "face"))
    detail = f"{counted(len(gaps), 'face')}, largest difference {max(gaps):.2g} of at most {tolerance:g}"
    return staging_result(OFFLINE, _OFFLINE_NAME, PASSED, detail)


def _comparable(scores: pd.DataFrame, spec: ModelSpec) -> list[tuple[str, float]]:
    """List original pictures and probabilities of the rows that an answer can be compared with.

    Not frames of videos, nor second faces of a picture, nor faces larger than all of the training: those an answer
    shrinks first, and the evaluation did not.
    """
    if not {"original", "probability"} <= set(scores):
        return []
    rows = scores[scores["probability"].notna() & (scores["original"].astype(str) != "")]
    if "frame_time" in rows:
        rows = rows[rows["frame_time"].isna()]
    if "face_index" in rows:
        rows = rows[rows["face_index"] == 0]
    largest = largest_face(spec)
    if largest and "face_x1" in rows:
        rows = rows[(rows["face_x1"] - rows["face_x0"]) <= largest]
    return [(str(row.original), float(row.probability)) for row in rows.itertuples()]


def _read(name: str) -> bytes | None:
    limit = get_settings().max_file_bytes
    try:
        path = local_copy(name)
        return path.read_bytes() if path.is_file() and path.stat().st_size <= limit else None
    except (OSError, InputError):  # gone from this machine, or from the bucket
        return None


def _listed(differences: list[str], count: int, noun: str) -> str:
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return f"{len(differences)} of {counted(count, noun)} differ: {'; '.join(differences[:_SHOWN])}{more}"


def _number(value: Any) -> str:
    return "no face" if value is None else f"{value:.4f}"


def offline_scores(load: Any) -> pd.DataFrame | str:
    """Return the scores that a function loads, or the reason why there are none."""
    try:
        scores: pd.DataFrame = load()
    except InputError as error:
        return str(error).rstrip(".")
    return scores
