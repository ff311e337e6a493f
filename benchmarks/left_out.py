"""What recipes are worth on sources that they were not trained on, and what is left of them after abstention.

    python -m benchmarks.left_out MANIFEST … --work FOLDER --root ROOT --fold dfdc-faces --fold pixabay,sfhq-dataset …

Faces are cut out aligned without margin (kept in FOLDER, with all that is computed, so that a second call is quick).
Each fold of sources, which together hold both labels, is left out once; frozen features with a logistic regression
(ridges 0.003, 0.03 and 0.3), the small network trained from scratch, and mixtures are scored on it. The last fold plays
abroad: nothing is chosen by it and nothing learnt from it, ridges are chosen by the worst of the others. Probabilities
are calibrated, and limits of abstention fitted, on the left-out scores of the other folds but the last.

With `--pairs`, fakes are made of the genuine pictures of each fold but the last, by networks and of donors of that fold
alone, and further recipes learn from them, beside the other faces or in their place.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.schema import as_text
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import extract_faces
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import drawn_quality, resaved, resize_rgb
from aletheia.models.scoring import score_manifest
from aletheia.models.spec import ModelSpec
from aletheia.stats.calibration_error import expected_calibration_error
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.curves import auc
from aletheia.stats.scored_set import ScoredSet
from aletheia.training.abstention import abstention_limits
from aletheia.training.calibration import fit_calibration
from aletheia.training.config import TrainConfig
from aletheia.training.fit import fit_network
from aletheia.training.logistic import fit_logistic
from benchmarks.left_out_pairs import cut_pairs, make_pairs, name_people
from benchmarks.left_out_recipes import SIDE, Recipe, columns, recipes, recipes_on_pairs

RIDGES = (0.003, 0.03, 0.3)
ALPHA, MOST_WRONG = 0.1, 0.15
SMALL = {"image_size": 64, "max_epochs": 8, "learning_rate": 3e-3, "batch_size": 16, "num_threads": 1}
SCRATCH = "small network from scratch"
#: Mixtures: the mean of the standardised logits of these recipes.
MIXTURES = {
    "mean of lite0 at 112 and 224": ("lite0-64-112", "lite0-64-224"),
    "mean of lite0 at 112 and 224, lite2, residuals": (
        *("lite0-64-112", "lite0-64-224", "lite2-64-112", "residuals-64-64"),
    ),
}


class Faces(NamedTuple):
    """Faces; those of pairs stand behind the others.

    Attributes
    ----------
    images : (n, side, side, 3) uint8
    fake : (n,) bool
    groups : (n,) int
        What stays together.
    fold : (n,) int
        Fold in which a face is judged; -1 for none, and for pairs.
    n_folds : int
        The last plays abroad.
    born : (n,) int
        Fold of the genuine pictures that a pair was made of; -1 for faces of no pair.
    kind : (n,) str
        How a pair's fake was made; empty for faces of no pair.
    """

    images: Array
    fake: Array
    groups: Array
    fold: Array
    n_folds: int
    born: Array
    kind: Array

    def split(self, k: int, recipe: Recipe = Recipe("", ())) -> tuple[Array, Array]:
        """Return the rows that a recipe learns from when a fold is left out, and those of the fold.

        It learns from nothing that was made of pictures of the fold or of the last one, nor is tied to the fold.
        """
        left_out = self.fold == k
        tied = np.isin(self.groups, self.groups[left_out])
        home = np.where(self.born >= 0, self.born, self.fold)
        allowed = (home >= 0) & (home < self.n_folds - 1) & (home != k) & ~tied
        wanted = np.isin(self.kind, recipe.pairs) | ((self.born < 0) & recipe.plain)
        return allowed & wanted, left_out


def load(manifests: list[Path], root: Path | None, folds: list[str], work: Path, *, pairs: bool = False) -> Faces:
    """Cut out the faces and assign the folds; make pairs of each fold's genuine pictures if wanted."""
    table = pd.concat([read_manifest(path, root=root) for path in manifests], ignore_index=True)
    config = CropConfig(size=SIDE, policy="aligned", margin=0.0)
    place = {name: k for k, fold in enumerate(folds) for name in fold.split(",")}
    common = root or Path(os.path.commonpath([Path(path).parent for path in table["path"]]))
    table = name_people(table, common)
    found = extract_faces(table, work / "crops", config, workers=1, progress=False).manifest
    found = found.assign(fold=[place.get(name, -1) for name in as_text(found["source"])], born=-1, kind="")
    if pairs:
        fold = np.array([place.get(name, -1) for name in as_text(table["source"])])
        made = make_pairs(table, fold, len(folds), common, work / "pairs")
        cut = cut_pairs(made, work / "crops-pairs", config)
        print(f"{len(cut) // 2} of {len(made) // 2} pairs show a face in both pictures: {dict(Counter(cut['kind']))}")
        found = pd.concat([found, cut.assign(fold=-1)], ignore_index=True)
    return Faces(
        np.stack([read_image(path) for path in found["path"]]),
        fake_flags(found),
        connected_groups(found, max_distance=None),
        found["fold"].to_numpy(int),
        len(folds),
        found["born"].to_numpy(int),
        found["kind"].to_numpy(str),
    )


def features(part: str, faces: Faces, work: Path) -> Array:
    """Compute the columns of a part of a recipe, of pairs and of other faces apart: what is known stays known."""
    kept = [images for images in (faces.images[faces.born < 0], faces.images[faces.born >= 0]) if len(images)]
    return np.concatenate([columns(part, images, work) for images in kept])


def score_recipe(recipe: Recipe, ridge: float, faces: Faces, work: Path) -> Array:
    """Fit a head without each fold and score the fold; NaN for faces of none."""
    parts, logits = [features(part, faces, work) for part in recipe.parts], np.full(len(faces.fake), np.nan)
    for k in range(faces.n_folds):
        kept, left_out = faces.split(k, recipe)
        y = faces.fake[kept]
        # Both labels count alike, and so do the faces of pairs and the others.
        _, cell, sizes = np.unique(2 * (faces.born[kept] >= 0) + y, return_inverse=True, return_counts=True)
        weights = 1 / sizes[cell]
        copies = len(parts)
        slope, intercept = fit_logistic(
            np.concatenate([part[kept] for part in parts]), np.tile(y, copies), np.tile(weights, copies), ridge
        )
        scored = parts if recipe.mean else parts[:1]
        logits[left_out] = np.mean([part[left_out] @ slope + intercept for part in scored], axis=0)
    return logits


def score_small(faces: Faces, work: Path) -> Array:
    """Train the small network without each fold and score the fold."""
    file, folder = work / "small.npy", work / "small"
    if file.exists():
        logits: Array = np.load(file)
        return logits
    folder.mkdir(exist_ok=True)
    rows = []
    for number, (face, fake) in enumerate(zip(faces.images, faces.fake, strict=True)):
        path = folder / f"{number}.jpg"
        path.write_bytes(resaved(resize_rgb(face, 64), drawn_quality(face, 60, 95)))
        rows.append((str(path), "fake" if fake else "real"))
    table, logits = pd.DataFrame(rows, columns=["path", "label"]), np.full(len(rows), np.nan)
    people = np.random.default_rng(0).permutation(np.unique(faces.groups))
    is_val = np.isin(faces.groups, people[: round(0.15 * len(people))])
    config = TrainConfig(**SMALL)
    spec = ModelSpec(architecture=config.architecture, input_size=64)
    for k in range(faces.n_folds):
        kept, left_out = faces.split(k)
        train, val = (table[kept & part].reset_index(drop=True) for part in (~is_val, is_val))
        model = fit_network(config, train, val, progress=False).model
        logits[left_out] = score_manifest(model, spec, table[left_out], progress=False).logits
    np.save(file, logits)
    return logits


def fold_aucs(faces: Faces, logits: Array) -> list[float]:
    """Compute the AUC of each fold."""
    return [auc(faces.fake[faces.fold == k], logits[faces.fold == k]) for k in range(faces.n_folds)]


def answers(faces: Faces, logits: Array, k: int, *, few_wrong: bool) -> tuple[Array, Array, Array]:
    """Judge a fold by what the others say: probabilities (n,) of its faces, whether answered, whether wrong."""
    others = [j for j in range(faces.n_folds - 1) if j != k]
    learnt, chosen = np.isin(faces.fold, others), faces.fold == k
    p = fit_calibration(faces.fake[learnt], logits[learnt], balanced=True).probabilities(logits)
    upper, lower = 0.0, 1.0
    for j in others:
        real, fake = (p[(faces.fold == j) & (faces.fake == label)] for label in (False, True))
        own_upper, own_lower = abstention_limits(real, fake, ALPHA, MOST_WRONG if few_wrong else None)
        upper, lower = max(upper, own_upper), min(lower, own_lower)
    p, truth = p[chosen], faces.fake[chosen]
    says_fake, says_real = (p > upper) & (p >= 0.5), (p < lower) & (p < 0.5)
    return p, says_fake | says_real, (says_fake & ~truth) | (says_real & truth)


def row(faces: Faces, logits: Array) -> list[str]:
    """Write a line: AUC of each fold, the worst but the last; abroad with interval, answered, wrong, and ECE."""
    last, values = faces.n_folds - 1, fold_aucs(faces, logits)
    chosen = faces.fold == last
    estimate = clustered_auc(faces.fake[chosen], logits[chosen], faces.groups[chosen]).estimate()
    cells = [*(f"{value:.3f}" for value in values[:-1]), f"{min(values[:-1]):.3f}"]
    cells.append(f"{values[-1]:.3f} ({estimate.low:.3f}-{estimate.high:.3f})")
    judged = [answers(faces, logits, k, few_wrong=False) for k in range(last)]
    answered, wrong = (sum(int(part[i].sum()) for part in judged) for i in (1, 2))
    cells.append(f"{answered / sum(len(part[0]) for part in judged):.1%}, {wrong / max(answered, 1):.0%}")
    p, answered_abroad, wrong_abroad = answers(faces, logits, last, few_wrong=False)
    n = int(answered_abroad.sum())
    cells.append(f"{n / len(p):.1%}, {wrong_abroad.sum() / max(n, 1):.0%}")
    truth = faces.fake[chosen][answered_abroad]
    both = n > 0 and truth.any() and not truth.all()
    scored = ScoredSet(truth, p[answered_abroad]) if both else None
    cells.append(f"{expected_calibration_error(scored, replicates=0).value:.2f}" if scored else "-")
    strict = [answers(faces, logits, k, few_wrong=True)[1] for k in range(faces.n_folds)]
    cells.append(f"{sum(int(part.sum()) for part in strict[:-1])} / {int(strict[-1].sum())}")
    return cells


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+")
    parser.add_argument("--root", type=Path, help="folder that the paths of the manifests count from")
    parser.add_argument("--work", type=Path, required=True, help="folder for crops and features")
    parser.add_argument("--fold", action="append", default=[], help="sources left out together; the last plays abroad")
    parser.add_argument(
        "--pairs", action="store_true", help="try recipes on fakes made of each fold's genuine pictures"
    )
    parser.add_argument("--only", default="", help="try the recipes alone whose names hold this text, no mixtures")
    options = parser.parse_args()
    if len(options.fold) < 3:
        print("Name three folds or more: --fold SOURCE,SOURCE", file=sys.stderr)
        return 2
    try:
        faces = load(options.manifests, options.root, options.fold, options.work)
        paired = None
        if options.pairs:
            paired = load(options.manifests, options.root, options.fold, options.work, pairs=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    headers = ["recipe", "ridge", *options.fold[:-1], "worst", "abroad", "left out: answered, wrong"]
    table = Table(*headers, "abroad: answered, wrong", "ECE of these", f"answers, wrong <= {MOST_WRONG:.0%}")
    if options.only in SCRATCH:
        table.add_row(SCRATCH, "", *row(faces, score_small(faces, options.work)))
    kept: dict[str, Array] = {}
    for recipe in (*recipes(), *(recipes_on_pairs() if paired else ())):
        if options.only not in recipe.name:
            continue
        known = paired if paired and recipe.pairs else faces
        with ThreadPoolExecutor(get_settings().workers) as pool:  # each fit is arithmetic without Python's lock
            for part in recipe.parts:
                features(part, known, options.work)  # computed once, not by each of the threads
            scores = pool.map(lambda ridge: score_recipe(recipe, ridge, known, options.work), RIDGES)  # noqa: B023
            tried = dict(zip(RIDGES, scores, strict=True))
        ridge = max(tried, key=lambda value: min(fold_aucs(known, tried[value])[:-1]))
        kept[recipe.name if recipe.pairs or len(recipe.parts) > 1 else recipe.parts[0]] = tried[ridge]
        cells = (recipe.name, f"{ridge:g}", *row(known, tried[ridge]))
        print(" | ".join(cells), file=sys.stderr, flush=True)  # the table comes at the end
        table.add_row(*cells)
    for name, parts in MIXTURES.items():
        if options.only:
            continue
        known = np.stack([kept[part] for part in parts])
        mean, spread = np.nanmean(known, axis=1, keepdims=True), np.nanstd(known, axis=1, keepdims=True)
        table.add_row(name, "", *row(faces, ((known - mean) / spread).mean(axis=0)))
    Console(width=240).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
