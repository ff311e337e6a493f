"""The settings of crops: limits, keys of files, and what counts as cut out alike."""

from __future__ import annotations

import pickle

import pytest

from aletheia.core.errors import InputError
from aletheia.faces.crop_config import COLUMNS, CropConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 7}, "size.*greater than or equal to 8.*given: 7"),
        ({"size": 4097}, "size.*4096"),
        ({"policy": "oval"}, "policy.*'scale', 'tight', 'aligned'"),
        ({"margin": -0.1}, "margin"),
        ({"margin": 2.01}, "margin.*2"),
        ({"margin": float("nan")}, "margin"),
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": 1.0}, "threshold"),
        ({"quality": (0, 50)}, "quality"),
        ({"quality": (80, 60)}, "lower JPEG quality comes first"),
        ({"resolution": 7}, "nothing of a face is left below 8"),
        ({"resolution": 2049}, "resolution.*2048"),
        ({"detector": "../blazeface"}, "detector"),
        ({"frames": 0}, "frames"),
        ({"frames": 10_001}, "frames"),
        ({"sizes": 96}, "sizes.*not permitted"),
    ],
)
def test_crop_config_limits(values, message):
    with pytest.raises(InputError, match=message):
        CropConfig(**values)


@pytest.mark.parametrize(
    "values", [{"size": 8}, {"size": 4096}, {"margin": 2}, {"resolution": 2048}, {"frames": 10_000}]
)
def test_crop_config_ends_of_the_ranges(values):
    (field,) = values
    assert getattr(CropConfig(**values), field) == values[field]


def test_crop_config_travels_to_processes():
    config = CropConfig(size=64, detector="other", quality=(60, 95))
    assert pickle.loads(pickle.dumps(config)) == config


def test_crop_config_check_policy():
    CropConfig(policy="tight").check_policy()
    with pytest.raises(InputError, match="'none' cuts nothing out; choose one of scale, tight, aligned"):
        CropConfig(policy="none").check_policy()


def test_crop_key_of_the_default_detector():
    """As it was when there was no other: the crops and journals of that time are still found."""
    assert CropConfig().crop_key() == b'[128, "scale", 0.2, 0.75]'
    assert CropConfig(frames=8).journal_key() == b'[128, "scale", 0.2, 0.75][true, 32, 8]'


def test_crop_key_of_another_detector():
    assert CropConfig(detector="other").crop_key() == b'[128, "scale", 0.2, 0.75, "other"]'


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"threshold": 0.9, "detector": "other", "frames": 3, "min_size": 10, "largest_only": False}, True),
        ({"size": 96}, False),
        ({"policy": "tight"}, False),
        ({"margin": 0.3}, False),
        ({"resolution": 64}, False),
        ({"quality": (60, 95)}, False),
    ],
)
def test_cuts_alike(values, expected):
    assert CropConfig().cuts_alike(CropConfig(**values)) is expected


def test_columns_name_fields():
    assert COLUMNS.keys() <= CropConfig.model_fields.keys()
