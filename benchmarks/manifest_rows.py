"""Generated manifests of any number of rows, written piece by piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SOURCES = ("studio", "phone", "web", "video", "archive")
GENERATORS = ("blend", "swap", "gan", "diffusion", "")
_PIECE = 250_000


def generate(folder: Path, rows: int, pool: int, seed: int = 0) -> None:
    """Write ``main.parquet`` (18 : 82, ten rows a person, some near duplicates) and ``pool.parquet`` (real)."""
    rng = np.random.default_rng(seed)
    for name, n, fakes in (("main", rows, 0.82), ("pool", pool, 0.0)):
        phash = rng.integers(1, 2**64 - 1, n, dtype=np.uint64)
        copies = rng.integers(0, n, n // 100)
        phash[copies] = phash[rng.integers(0, n, n // 100)] ^ np.uint64(1 << 17)
        writer = None
        for start in range(0, n, _PIECE):
            table = _piece(rng, name, start, fakes, n // 10, phash[start : start + _PIECE])
            writer = writer or pq.ParquetWriter(folder / f"{name}.parquet", table.schema, compression="zstd")
            writer.write_table(table)
        if writer:
            writer.close()


def _piece(rng: np.random.Generator, name: str, start: int, fakes: float, people: int, phash: np.ndarray) -> pa.Table:
    n = len(phash)
    fake = rng.random(n) < fakes
    person = rng.integers(0, max(people, 1), n)
    skewed = (rng.random(n) ** (1 + fake)) * 6

    def of(values: tuple[str, ...], codes: np.ndarray) -> pa.Array:
        return pa.array(values).take(pa.array(codes.astype(np.int32)))

    in_video = rng.random(n) < 0.3
    return pa.table(
        {
            "path": [f"{name}/{i:08d}.jpg" for i in range(start, start + n)],
            "label": of(("real", "fake"), fake.astype(int)),
            "source": of(SOURCES, rng.integers(0, 5, n)) if name == "main" else ["camera"] * n,
            "generator": of(GENERATORS, np.where(fake, rng.integers(0, 4, n), 4)),
            "identity": [f"{name}-{i}" for i in person],
            "video": [f"{name}-v{3 * i}" if known else "" for i, known in zip(person, in_video, strict=True)],
            "width": rng.choice([256, 512, 640, 1024], n),
            "height": rng.choice([256, 512, 640, 1024], n),
            "format": ["jpeg"] * n,
            "jpeg_quality": rng.integers(60, 100, n).astype(float),
            "chroma": of(("4:2:0", "4:4:4"), rng.integers(0, 2, n)),
            "file_bytes": rng.integers(20_000, 200_000, n),
            "gender": of(("female", "male", ""), rng.integers(0, 3, n)),
            "age": of(("0-18", "19-39", "40-64", "65+"), rng.integers(0, 4, n)),
            "skin_tone": of(tuple("123456"), skewed.astype(int)),
            "phash": phash,
        }
    )
