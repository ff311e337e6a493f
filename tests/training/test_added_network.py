"""A network from outside the package, from its registration to a prediction."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import nn

from aletheia.core.errors import InputError
from aletheia.imaging.transforms import normalise
from aletheia.inference.predictor import Predictor
from aletheia.models.bundle import load_bundle
from aletheia.models.registry import create_model, register_network
from aletheia.training.config import TrainConfig
from aletheia.training.export import export_bundle
from aletheia.training.fit import fit_network

SOURCE = """
from typing import Annotated

from pydantic import Field
from torch import nn

from aletheia.models import register_network


@register_network("pooled_colours")
def pooled_colours(*, side: Annotated[int, Field(ge=1, le=16)] = 4) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(side), nn.Flatten(), nn.Linear(3 * side**2, 1), nn.Flatten(0))
"""


pytestmark = pytest.mark.usefixtures("own_registry")


def register_by_call() -> None:
    @register_network("pooled_colours")
    def pooled_colours(*, side: Annotated[int, Field(ge=1, le=16)] = 4) -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(side), nn.Flatten(), nn.Linear(3 * side**2, 1), nn.Flatten(0))


@pytest.mark.parametrize("way", ["call", "entry point"])
def test_added_network_trains_exports_and_predicts(declare_network, discs, portraits, tmp_path, way):
    register_by_call() if way == "call" else declare_network("colours_package", SOURCE)
    config = TrainConfig(architecture="pooled_colours", options={"side": 6}, image_size=48, max_epochs=2)
    result = fit_network(config, *discs, progress=False)
    folder, spec = export_bundle(result, *discs, folder=tmp_path / "model")
    assert (spec.architecture, spec.options, spec.parameters) == ("pooled_colours", {"side": 6}, 3 * 36 + 1)
    assert not spec.onnx.attention and spec.onnx.explain == ""  # it declares neither
    # The exported network answers as torch does.
    predictor, (network, _) = Predictor(folder), load_bundle(folder)
    crops = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)
    with torch.no_grad():
        expected = network(normalise(torch.from_numpy(crops), spec.mean, spec.std))
    np.testing.assert_allclose(predictor.network.logits(crops), expected, atol=1e-4)
    (face,) = predictor.predict(portraits[0][0]).faces
    assert 0 <= face.probability <= 1


def test_added_network_options_are_checked():
    register_by_call()
    with pytest.raises(InputError, match="side"):
        create_model("pooled_colours", side=17)
