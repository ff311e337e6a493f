"""Crops cut otherwise than the model's are refused, by both names and with the remedy."""

from __future__ import annotations

import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.evaluation.crops_alike import compare_crops
from aletheia.faces.crop_config import CropConfig

CROP = CropConfig(size=96, policy="scale", margin=0.2)


def rows(**changes: object) -> pd.DataFrame:
    return pd.DataFrame({"crop_size": [96] * 3, "crop_policy": "scale", "crop_margin": 0.2}).assign(**changes)


def test_compare_crops_alike():
    assert compare_crops(rows(), CROP) == ""
    assert compare_crops(rows(crop_resolution=0), CROP) == ""
    assert compare_crops(rows(crop_size=64), CropConfig(policy="none")) == ""


@pytest.mark.parametrize(
    ("changes", "theirs", "models"),
    [
        ({"crop_size": 64}, "size 64", "size 96"),
        ({"crop_policy": "tight"}, "policy tight", "policy scale"),
        ({"crop_margin": [0.2, 0.2, 0.5]}, "margin 0.5", "margin 0.2"),
        ({"crop_resolution": 32}, "resolution 32", "resolution 0"),
        ({"crop_size": 64, "crop_margin": 0.0}, "size 64, margin 0", "size 96, margin 0.2"),
    ],
)
def test_compare_crops_refuses_and_names_both(changes, theirs, models):
    sentence = f"The test faces are cut out with {theirs}; the model was trained on faces with {models}."
    with pytest.raises(InputError) as refusal:
        compare_crops(rows(**changes), CROP)
    assert str(refusal.value).startswith(sentence) and "--allow-other-crops" in str(refusal.value)
    assert compare_crops(rows(**changes), CROP, allow_other=True) == sentence


def test_compare_crops_without_the_remedy_of_the_model():
    with pytest.raises(InputError, match="with resolution 0; the model was trained on faces with resolution 32"):
        compare_crops(rows(), CROP.model_copy(update={"resolution": 32}))


def test_compare_crops_unknown_is_said():
    assert compare_crops(rows().drop(columns="crop_margin"), CROP) == (
        "How the test faces are cut out is not recorded in full: crop_margin unknown."
    )
