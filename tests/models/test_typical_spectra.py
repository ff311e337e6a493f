"""Typical spectra in model.json."""

from __future__ import annotations

import json

import pytest

from aletheia.core.errors import InputError
from aletheia.models.spec import ModelSpec, read_spec, write_spec
from aletheia.models.typical_spectra import TypicalSpectra, TypicalSpectrum, spectrum_size

LINE = tuple(-0.5 * k for k in range(16))


def test_typical_spectra_round_trip(tmp_path):
    typical = TypicalSpectra(size=32, fake=TypicalSpectrum(faces=7, mean=LINE, low=LINE, high=LINE))
    spec = ModelSpec(architecture="x", input_size=32, spectra=typical)
    write_spec(tmp_path, spec)
    assert read_spec(tmp_path) == spec
    assert read_spec(tmp_path).spectra.real is None
    values = json.loads((tmp_path / "model.json").read_text())
    del values["spectra"]  # as in an older model
    (tmp_path / "model.json").write_text(json.dumps(values))
    assert read_spec(tmp_path).spectra is None


@pytest.mark.parametrize(
    "values",
    [
        {"size": 31},
        {"size": 30},
        {"size": 512},
        {"size": 34},
        {"real": {"faces": 0, "mean": LINE, "low": LINE, "high": LINE}},
        {"real": {"faces": 1, "mean": LINE, "low": LINE}},
        {"real": {"faces": 1, "mean": LINE, "low": LINE, "high": LINE[1:]}},
        {"real": {"faces": 1, "mean": LINE, "low": LINE, "high": (*LINE[1:], float("nan"))}},
        {"real": {"faces": 1, "mean": LINE, "low": LINE, "high": (*LINE[1:], 1e9)}},
        {"surprise": 1},
    ],
)
def test_typical_spectra_invalid(values):
    sound = {"size": 32, "fake": {"faces": 1, "mean": LINE, "low": LINE, "high": LINE}}
    ModelSpec(architecture="x", input_size=32, spectra=sound)
    with pytest.raises(InputError, match="spectra"):
        ModelSpec(architecture="x", input_size=32, spectra={**sound, **values})


@pytest.mark.parametrize(("side", "size"), [(16, 32), (33, 32), (48, 48), (65, 64), (128, 128), (380, 256)])
def test_spectrum_size_limits(side, size):
    assert spectrum_size(side) == size
