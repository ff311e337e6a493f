"""Drawn traffic of a month with known incidents: to learn on, to test with, and for pictures in the docs.

Requests come by day more than by night and on fewer on Sundays; what they show does not depend on the hour. On the
18th day another version answers. On the 22nd a customer's new camera makes every second picture soft and dark, so that
the answers change, too; on the 26th the machine is slow for six hours, and for one of them requests time out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.reading import to_frame
from aletheia.models.typical_faces import EMBEDDING_SIZE

DAY = 86_400.0
#: Days after the beginning: the second version's first, the camera's, and begin and end of the slow hours.
SWITCH, CAMERA, SLOW = 18.0, 22.4, (26.3, 26.55)
FIRST, SECOND = ("5d1f0c3a9b7e", "v1.3.0"), ("c04e7b21f9aa", "v1.4.0")
_URI = "store://models/aletheia/detector:production"
_THRESHOLDS = (0.45, 0.6)  # between them nothing is said


def sample_month(end: float, rows: int = 12_000, seed: int = 0, *, incidents: bool = True) -> Iterator[LogEntry]:
    """Draw thirty days of answers and errors.

    Parameters
    ----------
    end : float
        Of the month, seconds since 1970.
    rows : int
        Requests.
    seed : int
    incidents : bool
        Whether the camera and the slow hours happen; the second version comes either way.

    Yields
    ------
    LogEntry
        In order of time.
    """
    rng = np.random.default_rng(seed)
    for day in _moments(rows, rng):
        version, release = FIRST if day < SWITCH else SECOND
        is_new_camera = incidents and day >= CAMERA and rng.random() < 0.5
        is_slow = incidents and SLOW[0] <= day < SLOW[1]
        time = end - 30 * DAY + day * DAY
        error = _error(rng, is_slow=is_slow)
        identity = f"{rng.integers(2**63):016x}"
        if error:
            yield LogEntry(time, identity, version, _URI, error=error, release=release)
            continue
        probability = _probability(rng, is_new_camera=is_new_camera, is_second=day >= SWITCH)
        low, high = _THRESHOLDS
        has_face = rng.random() > 0.02
        verdict = "fake" if probability > high else "real" if probability < low else "cannot tell"
        network = float(np.exp(rng.normal(3.9 if day < SWITCH else 3.6, 0.25)) * (7 if is_slow else 1))
        queue = float(rng.exponential(250 if is_slow else 3))
        yield LogEntry(
            time=time,
            id=identity,
            version=version,
            uri=_URI,
            kind="image",
            verdict=verdict if has_face else "no face found",
            cause="between" if has_face and verdict == "cannot tell" else "",
            release=release,
            faces=int(has_face),
            probability=probability if has_face else None,
            megapixels=float(np.exp(rng.normal(0.7, 0.5))),
            **(_face(rng, is_new_camera=is_new_camera) if has_face else {}),
            ms_queue=queue,
            ms_decode=8.0,
            ms_detect=14.0,
            ms_network=network,
            ms_judge=0.1,
            ms_total=queue + network + 22.1,
        )


def sample_log(end: float, rows: int = 12_000, seed: int = 0, *, incidents: bool = True) -> pd.DataFrame:
    """Return what `sample_month` draws as `aletheia.lifecycle.prediction_log.reading.read_log` would."""
    return to_frame(list(sample_month(end, rows, seed, incidents=incidents)))


def _moments(rows: int, rng: np.random.Generator) -> list[float]:
    """Draw days after the beginning, more by day than by night, in order."""
    drawn: list[float] = []
    while len(drawn) < rows:
        days = rng.uniform(0, 30, rows)
        rate = 0.25 + 0.75 * np.clip(np.sin((days % 1 - 0.25) * 2 * np.pi), 0, 1)
        rate *= np.where(days.astype(int) % 7 >= 5, 0.5, 1.0)
        drawn += days[rng.random(rows) < rate].tolist()
    return sorted(drawn[:rows])


def _error(rng: np.random.Generator, *, is_slow: bool) -> str:
    draw = rng.random()
    if is_slow and draw < 0.2:
        return "timeout"
    return "bad_image" if draw > 0.988 else "too_large" if draw > 0.984 else "internal" if draw > 0.9835 else ""


def _probability(rng: np.random.Generator, *, is_new_camera: bool, is_second: bool) -> float:
    is_fake = rng.random() < 0.25
    spread = 1.1 if is_second else 1.4
    logit = rng.normal(3.2 if is_fake else -3.2, spread) + (1.9 if is_new_camera else 0.0)
    return float(1 / (1 + np.exp(-logit)))


def _face(rng: np.random.Generator, *, is_new_camera: bool) -> dict[str, Any]:
    moved = 1.0 if is_new_camera else 0.0
    embedding = rng.normal(size=EMBEDDING_SIZE)
    embedding[:2] += 1.4 * moved
    return {
        "face_size": float(np.exp(rng.normal(5.2, 0.45))),
        "detection_score": float(np.clip(rng.normal(0.9, 0.04), 0.5, 1.0)),
        "luma": float(rng.normal(128 - 22 * moved, 18)),
        "contrast": float(rng.normal(52, 7)),
        "sharpness": float(rng.normal(5.2 - 1.6 * moved, 0.7)),
        "distance": float(np.exp(rng.normal(0.2 * moved, 0.12))),
        "embedding": embedding.astype("<f4").tobytes(),
    }
