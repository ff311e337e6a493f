"""Data sets that cannot be split are refused before they are drawn."""

from __future__ import annotations

import re

import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.split import split_manifest
from aletheia.datasets.synthetic.generate import generate_dataset
from aletheia.datasets.synthetic.plan_check import check_plan
from aletheia.project.run_config import RunConfig

FRACTIONS = (0.7, 0.15, 0.15)


@pytest.mark.parametrize("n", [50, 90])
def test_check_plan_refuses_what_cannot_be_split(n):
    with pytest.raises(InputError, match=rf"n_synthetic: {n} pictures show too few people .* take (\d+)\.") as caught:
        check_plan(n, 0, FRACTIONS)
    enough = int(re.search(r"take (\d+)", str(caught.value))[1])
    check_plan(enough, 0, FRACTIONS)
    with pytest.raises(InputError, match="n_synthetic: 90"):
        RunConfig(n_synthetic=90).check()


@pytest.mark.slow
def test_check_plan_agrees_with_the_drawn_data_set(tmp_path):
    check_plan(50, 0, (0.5, 0.0, 0.5))
    drawn = read_manifest(generate_dataset(tmp_path / "drawn", n=50, pool=1, seed=0, progress=False))
    assert split_manifest(drawn, (0.5, 0.0, 0.5)).split.nunique() == 2
    with pytest.raises(InputError):
        split_manifest(drawn, FRACTIONS)
