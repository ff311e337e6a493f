"""Loading of one model, and of several as an ensemble."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.serving.config import ServeConfig
from aletheia.serving.model_loading import load_model


def test_load_model_folder(bundle):
    loaded = load_model(ServeConfig(models=(str(bundle),)))
    assert (loaded.name, loaded.uri, loaded.folder) == ("detector", bundle.name, bundle)
    assert loaded.heaviest is loaded.predictor and loaded.spec.threshold == 0.4
    assert loaded.version == loaded.spec.weights_sha256[:12] and len(loaded.version) == 12


def test_load_model_ensemble(bundle, with_rules):
    """The network of the largest weight explains and is named first among equals."""
    other = with_rules()
    config = ServeConfig(models=(str(bundle), str(other)), weights=(1, 3))
    loaded = load_model(config)
    assert loaded.uri == f"{bundle.name} + {other.name}" and loaded.folder == other
    assert loaded.heaviest is loaded.predictor.members[1] and len(loaded.predictor.members) == 2
    assert load_model(ServeConfig(models=(str(bundle), str(other)))).folder == bundle


def test_load_model_missing(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        load_model(ServeConfig(models=(str(tmp_path / "nowhere"),)))
