"""Typical spectra of training faces."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.imaging.power_spectrum import radial_spectrum
from aletheia.models.spec import read_spec
from aletheia.training.export import export_bundle
from aletheia.training.fit import fit_network
from aletheia.training.spectra import typical_spectra


@pytest.fixture
def faces(tmp_path) -> pd.DataFrame:
    """Fifteen real faces with rough and nine fake ones with smooth texture, and two files without a spectrum."""
    rng, rows = np.random.default_rng(0), []
    for index in range(24):
        grain = rng.normal(128, 30, (64, 64, 3))
        image = grain if index < 15 else cv2.GaussianBlur(grain, (0, 0), 2)
        path = tmp_path / f"{index}.png"
        cv2.imwrite(str(path), image.clip(0, 255).astype(np.uint8))
        rows.append({"path": str(path), "label": "real" if index < 15 else "fake"})
    (tmp_path / "broken.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((64, 64, 3), 9, np.uint8))
    unreadable = [{"path": str(tmp_path / name), "label": "fake"} for name in ("broken.png", "flat.png")]
    return pd.DataFrame([*rows, *unreadable])


def test_typical_spectra_values(faces):
    typical = typical_spectra(faces, 64)
    assert typical.size == 64
    for label, n in (("real", 15), ("fake", 9)):
        spectrum = getattr(typical, label)
        paths = faces[faces["label"] == label]["path"][:n]
        values = np.stack([radial_spectrum(cv2.imread(path)[..., ::-1], 64) for path in paths])
        assert spectrum.faces == n
        np.testing.assert_allclose(spectrum.mean, values.mean(axis=0), atol=0.006)
        np.testing.assert_allclose(spectrum.low, np.percentile(values, 5, axis=0), atol=0.006)
        np.testing.assert_allclose(spectrum.high, np.percentile(values, 95, axis=0), atol=0.006)
    assert typical.real.low[-1] > typical.fake.high[-1] + 10


def test_typical_spectra_missing_class(faces):
    typical = typical_spectra(faces[faces["label"] == "real"], 48)
    assert typical.size == 48 and typical.fake is None and len(typical.real.mean) == 24
    assert typical_spectra(faces.iloc[-2:], 48).fake is None


def test_export_bundle_spectra(discs, tmp_path):
    config = {"image_size": 48, "options": {"width": 8}, "max_epochs": 1, "batch_size": 16}
    folder, spec = export_bundle(fit_network(config, *discs, progress=False), *discs, folder=tmp_path)
    assert spec.spectra == read_spec(folder).spectra == typical_spectra(discs[0], 48)
    assert spec.spectra.real.faces + spec.spectra.fake.faces == 120
    assert spec.files() == ["model.safetensors", "typical.safetensors", "training.json", "model.onnx", "explain.onnx"]
    assert (folder / "model.json").stat().st_size < 12_000
