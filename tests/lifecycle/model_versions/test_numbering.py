"""Numbering of models."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.faces.crop_config import CropConfig
from aletheia.lifecycle.model_versions.numbering import Version, is_version, next_patch, next_version, recipe_of
from aletheia.models.spec import ModelSpec


def spec(**values) -> ModelSpec:
    return ModelSpec(**{"architecture": "attention_cnn", "input_size": 64, "data_hash": "a" * 64, **values})


OLD = recipe_of(spec())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "v1.0.1"),
        ({"seed": 3, "metrics": {"val_auc": 0.9}, "training": {"epochs": 9}, "threshold": 0.7}, "v1.0.1"),
        ({"architecture": "tiny_cnn"}, "v1.1.0"),
        ({"options": {"width": 8}}, "v1.1.0"),
        ({"data_hash": "b" * 64}, "v1.1.0"),
        ({"input_size": 96}, "v2.0.0"),
        ({"crop": CropConfig(size=112)}, "v2.0.0"),
        ({"crop": CropConfig(margin=0.5)}, "v2.0.0"),
        ({"crop": CropConfig(policy="aligned"), "data_hash": "b" * 64}, "v2.0.0"),
    ],
)
def test_next_version_by_what_differs(changed, expected):
    assert str(next_version({"v1.0.0": OLD}, recipe_of(spec(**changed)))) == expected


def test_next_version_is_above_the_highest_not_the_newest():
    claimed = {"v1.9.0": "x-y", "v1.10.2": OLD, "v1.2.0": OLD}
    assert str(next_version(claimed, OLD)) == "v1.10.3"
    assert str(next_version({}, OLD)) == "v1.0.0"
    assert str(next_version({"v3.1.4": ""}, OLD)) == "v3.2.0"


def test_parse_reads_what_it_writes():
    assert Version.parse("1.2.3") == Version.parse("v1.2.3") == (1, 2, 3)
    assert str(Version(0, 10, 2)) == "v0.10.2"
    assert is_version("v0.10.2") and not is_version("0.10.2") and not is_version("v1")


@pytest.mark.parametrize("text", ["", "v1", "1.2", "v01.0.0", "v1.0.0-rc.1", "v1.0.0 ", "latest", "v9999999999.0.0"])
def test_parse_refuses_in_one_sentence(text):
    with pytest.raises(InputError, match=r"three numbers, such as v1\.2\.3\.$"):
        Version.parse(text)


@pytest.mark.parametrize(
    ("claimed", "of", "expected"),
    [
        ([], "v1.0.0", "v1.0.1"),
        (["v1.0.0", "v1.0.4", "v1.1.0", "v2.0.0"], "v1.0.0", "v1.0.5"),
        (["v1.0.0", "v10.0.7"], "1.0.0", "v1.0.1"),
    ],
)
def test_next_patch_stays_in_its_series(claimed, of, expected):
    assert str(next_patch(dict.fromkeys(claimed, ""), of)) == expected
