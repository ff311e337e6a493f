"""The network of a bundle on a device: asked of the libraries of this machine, which has no GPU."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.core.openvino import available_devices
from aletheia.models.onnx_network import OnnxNetwork
from aletheia.models.spec import read_spec


def test_network_does_not_fall_back_unasked(random_bundle):
    """Of the two, ONNX Runtime alone would quietly use the processor."""
    spec = read_spec(random_bundle)
    if set(available_devices()) != {"CPU"}:
        pytest.skip("this machine has a GPU")
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"), pytest.raises(InputError, match="cannot start it"):
        OnnxNetwork(random_bundle, spec, device="cuda")
    with pytest.raises(InputError, match=r"cannot be run by openvino"):
        OnnxNetwork(random_bundle, spec, device="gpu")
    faces = np.zeros((1, spec.input_size, spec.input_size, 3), np.uint8)
    assert np.isfinite(OnnxNetwork(random_bundle, spec, device="cpu").logits(faces)).all()


def test_reduced_precision_is_for_the_processor(random_bundle):
    spec = read_spec(random_bundle)
    reduced = spec.model_copy(update={"onnx": spec.onnx.model_copy(update={"reduced": {"bf16": None}})})
    with pytest.raises(InputError, match="measured on the processor; on cuda choose f32"):
        OnnxNetwork(random_bundle, reduced, device="cuda", precision="bf16")
