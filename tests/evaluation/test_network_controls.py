"""The network's own recipe on crops that show next to nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.manifest import validate_manifest
from aletheia.evaluation.network_controls import (
    BLANKED,
    MAX_EPOCHS,
    NETWORK_CONTROLS,
    SMALL,
    SMALL_SIDE,
    _blanked,
    _small,
    control_recipe,
    score_network_controls,
    skipped_network_controls,
)
from aletheia.models.spec import ModelSpec
from aletheia.training.config import TrainConfig

from ..factories import soft_crops, write_crops

RECIPE = TrainConfig(
    image_size=32, options={"width": 4}, max_epochs=3, learning_rate=1e-2, fault="label_noise", augmentation="none"
)


def spec_of(recipe: TrainConfig) -> ModelSpec:
    return ModelSpec(
        architecture=recipe.architecture,
        options=recipe.options,
        input_size=recipe.image_size,
        training=recipe.model_dump(mode="json"),
    )


def test_blanked_hides_the_box_and_nothing_else():
    crop = np.random.default_rng(0).integers(0, 100, (40, 40, 3), dtype=np.uint8)
    out = _blanked(crop, np.array([0.25, 0.25, 0.75, 0.8]))
    assert (out[10:32, 10:30] == 128).all()
    out[10:32, 10:30] = crop[10:32, 10:30]
    np.testing.assert_array_equal(out, crop)


def test_small_averages_areas():
    crop = np.repeat(np.repeat(np.arange(SMALL_SIDE**2 * 3).reshape(SMALL_SIDE, SMALL_SIDE, 3) % 251, 2, 0), 2, 1)
    np.testing.assert_array_equal(_small(crop.astype(np.uint8), np.zeros(4)), crop[::2, ::2])


def test_control_recipe_is_the_models_without_fault_or_files():
    recipe = control_recipe(spec_of(RECIPE.model_copy(update={"weights": "/data/somewhere.safetensors", "devices": 2})))
    assert recipe == RECIPE.model_copy(update={"fault": "none", "weights": "none", "devices": 1})
    assert control_recipe(spec_of(RECIPE.model_copy(update={"max_epochs": 40}))).max_epochs == MAX_EPOCHS
    for weights in ("imagenet", "package"):
        assert control_recipe(spec_of(RECIPE.model_copy(update={"weights": weights}))).weights == weights
    with pytest.raises(InputError, match="recipe"):
        control_recipe(ModelSpec(architecture="attention_cnn", input_size=32))


@pytest.fixture(scope="module")
def marked(tmp_path_factory) -> list[pd.DataFrame]:
    """Training, validation and test rows; all that fakes have is a bright mark within the box of the face."""
    folder, parts = tmp_path_factory.mktemp("marked"), []
    for seed, (name, n) in enumerate((("train", 96), ("val", 32), ("test", 64))):
        frame = write_crops(folder / name, n, seed)
        for path, label, crop in zip(frame["path"], frame["label"], soft_crops(n, seed), strict=True):
            if label == "fake":
                crop[12:20, 12:20] = 230
            cv2.imwrite(path, crop)
        parts.append(validate_manifest(frame))
    return parts


def test_score_network_controls_mark_within_the_face(marked):
    """Small crops show it, blanked ones do not."""
    train, val, test = marked
    test = test.copy()
    test.loc[7, "path"] = "/data/gone.png"
    outcomes = score_network_controls(spec_of(RECIPE), train, val, test, progress=False)
    assert list(outcomes) == list(NETWORK_CONTROLS)
    for outcome in outcomes.values():
        assert not outcome.reason and outcome.n == 63 and np.flatnonzero(np.isnan(outcome.scores)).tolist() == [7]
    assert outcomes[SMALL].auc > 0.9 and 0.25 < outcomes[BLANKED].auc < 0.75


def test_score_network_controls_reasons(marked):
    train, _, test = marked
    without = score_network_controls(ModelSpec(architecture="attention_cnn", input_size=32), train, train, test)
    assert "recipe" in without[SMALL].reason
    no_places = score_network_controls(
        spec_of(RECIPE), *(part.drop(columns="crop_size") for part in (train, train, test)), progress=False
    )
    assert "crop_size" in no_places[BLANKED].reason
    assert {outcome.reason for outcome in skipped_network_controls("why").values()} == {"why"}
