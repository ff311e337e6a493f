"""Prediction logs as tests want them: drawn traffic with a known state of the world."""

from __future__ import annotations

import numpy as np

from aletheia.lifecycle.prediction_log.entry import LogEntry

START = 1_790_000_000.0  # in September 2026
VERSION = "5d1f0c3a9b7e"


def traffic(rows: int, *, seed: int = 0, start: float = START, every: float = 30.0, version: str = VERSION, **moved):
    """Draw answers, one each `every` seconds; `moved` shifts columns by so much of their spread."""
    rng = np.random.default_rng(seed)

    def draw(name: str, mean: float, spread: float):
        return mean + spread * (rng.normal(size=rows) + moved.get(name, 0.0))

    luma, sharpness = draw("luma", 120, 20), draw("sharpness", 5, 0.8)
    size, distance = np.exp(draw("face_size", 5, 0.5)), np.exp(draw("distance", 0, 0.1))
    probability = 1 / (1 + np.exp(-draw("probability", -1, 2)))
    embedding = rng.normal(size=(rows, 8)) + moved.get("embedding", 0.0)
    latency = np.exp(draw("ms_total", 4, 0.3))
    for n in range(rows):
        p = float(probability[n])
        yield LogEntry(
            start + every * n,
            f"{version}-{seed}-{n}",
            version,
            "store://models/aletheia/detector:production",
            "image",
            "fake" if p > 0.7 else "real" if p < 0.5 else "cannot tell",
            "" if not 0.5 <= p <= 0.7 else "between",
            faces=1,
            probability=p,
            megapixels=2.0,
            face_size=float(size[n]),
            detection_score=0.9,
            luma=float(luma[n]),
            contrast=50.0,
            sharpness=float(sharpness[n]),
            distance=float(distance[n]),
            embedding=embedding[n].astype("<f4").tobytes(),
            ms_queue=1.0,
            ms_decode=5.0,
            ms_detect=9.0,
            ms_network=float(latency[n]) - 15,
            ms_judge=0.0,
            ms_total=float(latency[n]),
        )
