"""Planted shortcuts: who is called fake, and what is changed in the crops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.planted_shortcuts import NONE, PLANTS, WOMEN, plant_shortcut
from aletheia.imaging.reading import read_image

from ..factories import write_crops


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> pd.DataFrame:
    """48 genuine faces, four of each person."""
    rows = write_crops(tmp_path_factory.mktemp("planted") / "crops", 48, 0)
    return rows.assign(label="real", generator="", gender=np.where(np.arange(48) // 4 % 2, "male", "female"))


@pytest.mark.parametrize("name", list(PLANTS))
def test_plant_shortcut_changes_fakes_alone(faces, tmp_path, name):
    planted = plant_shortcut(faces, name, tmp_path / "out")
    fake = (planted["label"] == "fake").to_numpy()
    differences = [
        int(np.abs(read_image(new).astype(int) - read_image(old)).max())
        for new, old in zip(planted["path"], faces["path"], strict=True)
    ]
    assert not np.any(np.array(differences)[~fake])
    assert np.any(np.array(differences)[fake]) == (name not in (NONE, WOMEN))
    per_person = planted.assign(fake=fake).groupby("identity")["fake"].sum()
    expected = {0, 2} if name == WOMEN else {2}
    assert set(per_person) == expected
    if name == WOMEN:
        assert set(planted.loc[fake, "gender"]) == {"female"}
    assert (planted["file_bytes"] == faces["file_bytes"]).all()


def test_plant_shortcut_is_repeatable_and_leaves_forgeries_out(faces, tmp_path):
    some = faces.assign(label=["fake"] * 8 + ["real"] * 40)
    first, second = (plant_shortcut(some, NONE, tmp_path / name, seed=3) for name in ("a", "b"))
    assert len(first) == 40 and list(first["label"]) == list(second["label"])


def test_plant_shortcut_mark_place(faces, tmp_path):
    planted = plant_shortcut(faces, "mark_beside", tmp_path / "out")
    row = int(np.flatnonzero(planted["label"] == "fake")[0])
    changed = read_image(planted["path"][row]).astype(int) - read_image(faces["path"][row])
    y, x = np.nonzero(np.abs(changed).max(axis=2))
    assert y.max() < 8 and x.max() < 8  # .12 of 32 pixels, 6 wide


def test_plant_shortcut_refuses(faces, tmp_path):
    with pytest.raises(InputError, match="no shortcut 'halo'"):
        plant_shortcut(faces, "halo", tmp_path)
    with pytest.raises(InputError, match="gender"):
        plant_shortcut(faces.assign(gender=""), WOMEN, tmp_path)
