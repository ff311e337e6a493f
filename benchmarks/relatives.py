"""How many pictures of one person the comparison of faces links, and how many of two persons.

`python -m benchmarks.relatives MANIFEST` for a manifest of both labels with the column `identity`. Each person's
pictures are halved at random, 200 times: "halves joined" says how often a link crosses the halves. Wrong links are
counted among pairs of different people; those of one source are the harder ones, since camera and light are alike.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from aletheia.core.errors import InputError
from aletheia.datasets.ingest import load_source
from aletheia.datasets.relatives import embed_faces
from aletheia.datasets.schema import as_text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--journal", type=Path, help="keep the embeddings here")
    options = parser.parse_args()
    try:
        table = load_source(options.manifest).manifest
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    table = table[as_text(table["identity"]) != ""].reset_index(drop=True)
    with tempfile.TemporaryDirectory() as folder:
        vectors, _ = embed_faces(table["path"].tolist(), options.journal or Path(folder, "faces.jsonl"))
    seen = np.isfinite(vectors[:, 0])
    vectors, person = vectors[seen].astype(float), as_text(table["identity"])[seen]
    source = as_text(table["source"])[seen]
    squares = (vectors**2).sum(axis=1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * vectors @ vectors.T, 0))
    above = np.triu(np.ones(distance.shape, bool), 1)
    same, near = person[:, None] == person, source[:, None] == source
    repeated = [rows for name in np.unique(person) if len(rows := np.flatnonzero(person == name)) >= 4]
    print(f"{len(person)} faces of {len(set(person))} people, {len(repeated)} of them with four pictures or more")
    print("distance  same person  halves joined  others, one source  others, two sources")
    for limit in (0.35, 0.4, 0.45, 0.5, 0.6):
        rng, close = np.random.default_rng(0), distance < limit
        halves = [rng.permutation(rows) for rows in repeated for _ in range(200)]
        joined = [close[np.ix_(rows[::2], rows[1::2])].any() for rows in halves]
        shares = (close[above & same], joined, close[above & ~same & near], close[above & ~same & ~near])
        print(f"{limit:8.2f}  " + "  ".join(f"{np.mean(s):.5f} of {len(s):,}" if len(s) else "-" for s in shares))
    return 0


if __name__ == "__main__":
    sys.exit(main())
