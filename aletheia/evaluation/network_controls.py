"""Controls with the network's own capacity: the same recipe, trained on crops that show next to nothing of a forgery.

Networks take the easiest cue that separates the labels (Geirhos et al., "Shortcut Learning in Deep Neural Networks",
Nature Machine Intelligence 2, 2020). Trees and linear models use most cues worse than a network does, and are beaten by
one that has learnt nothing else. So the same network is trained once more on crops with the face blanked out, where a
cue beside the face is left, and on crops of 28 pixels, where marks, colours, poses and people are left and the fine
traces of a forgery are not.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.core.tempdirs import TemporaryFolder
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.faces.crop import place_in_crop
from aletheia.faces.extraction import CROP_COLUMNS, faces_of
from aletheia.imaging.reading import Unreadable, try_read_image
from aletheia.models.scoring import score_manifest
from aletheia.models.spec import ModelSpec
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.tabular import Shortcut, not_computed
from aletheia.training.config import TrainConfig
from aletheia.training.fit import DivergedError, fit_network

BLANKED, SMALL = "network_blanked", "network_small"
#: Side of the small crops, pixels.
SMALL_SIDE = 28
#: Epochs at most: the easiest cues are learnt first, and two long trainings would double the cost of a run.
MAX_EPOCHS = 8
#: Key → readable name, in the order in which they are shown.
NETWORK_CONTROLS = {
    BLANKED: "control: the same network, face blanked out",
    SMALL: f"control: the same network, crops of {SMALL_SIDE} pixels",
}

#: RGB crop and the face's box in it (4,) → RGB.
Change = Callable[[Array, Array], Array]


def score_network_controls(
    spec: ModelSpec, train: pd.DataFrame, val: pd.DataFrame, test: pd.DataFrame, *, progress: bool = True
) -> dict[str, Shortcut]:
    """Train the model's recipe on changed training crops and score the test crops, changed alike.

    Parameters
    ----------
    spec : ModelSpec
        The model; its training configuration is the recipe, see `control_recipe`.
    train, val, test : DataFrame
        Manifests of face crops.
    progress : bool
        Show progress bars.

    Returns
    -------
    dict
        Key of `NETWORK_CONTROLS` → outcome on the test rows; with a reason instead of numbers where it could not be
        trained.
    """
    try:
        recipe = control_recipe(spec)
    except InputError as error:
        return skipped_network_controls(str(error).rstrip("."))
    parts = (train, val, test)
    # Enlarged further than twofold, the small crops would cost more and show no more.
    small = recipe.model_copy(update={"image_size": min(recipe.image_size, 2 * SMALL_SIDE)})
    return {BLANKED: _score(_blanked, recipe, parts, progress), SMALL: _score(_small, small, parts, progress)}


def skipped_network_controls(reason: str) -> dict[str, Shortcut]:
    """Return outcomes without numbers, for all controls the same reason."""
    return dict.fromkeys(NETWORK_CONTROLS, not_computed(reason, False))


def control_recipe(spec: ModelSpec) -> TrainConfig:
    """Read the recipe of a model: without a fault, in one process, for `MAX_EPOCHS` at most.

    It starts from the same ImageNet weights or from none, not from a file of weights.

    Raises
    ------
    InputError
        When the model does not tell its recipe.
    """
    if not spec.training:
        raise InputError("The model does not hold the recipe of its training.")
    # A path to weights may lead anywhere on another machine.
    weights = spec.training.get("weights", "none")
    changes = {"fault": "none", "devices": 1, "weights": weights if weights in ("imagenet", "package") else "none"}
    recipe = TrainConfig.parse(spec.training, **changes)
    return recipe.model_copy(update={"max_epochs": min(recipe.max_epochs, MAX_EPOCHS)})


def _score(
    change: Change, recipe: TrainConfig, parts: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], progress: bool
) -> Shortcut:
    test = parts[2]
    folder = TemporaryFolder("network-control")
    try:
        train, val, scored = (
            _changed(part, change, folder.folder / name)
            for name, part in zip(("train", "val", "test"), parts, strict=True)
        )
        fitted = fit_network(recipe, train, val, progress=progress)
        spec = ModelSpec(architecture=recipe.architecture, options=recipe.options, input_size=recipe.image_size)
        logits = score_manifest(fitted.model, spec, scored, progress=progress).logits.astype(np.float64)
    except (DivergedError, InputError) as error:
        return not_computed(str(error).rstrip("."), False)
    finally:
        folder.close()
    known = np.isfinite(logits)
    auc = clustered_auc(fake_flags(test)[known], logits[known], connected_groups(test)[known]).estimate()
    empty = not_computed("", False).features
    return Shortcut(auc.value, auc.low, auc.high, int(known.sum()), empty, cross_validated=False, scores=logits)


def _changed(frame: pd.DataFrame, change: Change, folder: Path) -> pd.DataFrame:
    """Write changed copies of all crops; a row whose crop cannot be read keeps its path."""
    if missing := [name for name in ("face_keypoints", *CROP_COLUMNS) if name not in frame]:
        raise InputError(f"The manifest has no column {missing[0]!r}: extract the faces first (extract-faces).")
    folder.mkdir()
    places = frame[list(CROP_COLUMNS)].itertuples(index=False, name=None)
    boxes = [
        place_in_crop(face, size, margin, policy)[0] / size
        for face, (size, policy, margin) in zip(faces_of(frame), places, strict=True)
    ]
    paths: list[str] = frame["path"].astype(str).tolist()

    def write(row: int) -> str:
        rgb = try_read_image(paths[row])
        if isinstance(rgb, Unreadable):
            return paths[row]
        file = folder / f"{row}.png"
        cv2.imwrite(str(file), change(rgb, boxes[row])[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
        return str(file)

    with ThreadPoolExecutor(get_settings().workers) as pool:
        return frame.assign(path=list(pool.map(write, range(len(paths)))))


def _blanked(rgb: Array, box: Array) -> Array:
    """Paint the face's box grey; `box` in shares of the side."""
    out = rgb.copy()
    height, width = rgb.shape[:2]
    x0, y0 = np.floor(np.maximum(box[:2], 0) * (width, height)).astype(int)
    x1, y1 = np.ceil(np.maximum(box[2:], 0) * (width, height)).astype(int)
    out[y0:y1, x0:x1] = 128
    return out


def _small(rgb: Array, box: Array) -> Array:
    """Shrink the crop."""
    return cv2.resize(rgb, (SMALL_SIDE, SMALL_SIDE), interpolation=cv2.INTER_AREA)
