"""The linear layer behind a backbone, and its features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.imaging.transforms import normalise
from aletheia.models.linear_head import backbone_digest, linear_head, pooled_features, set_linear_head
from aletheia.models.registry import create_model


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return create_model("mobilenet_v2").eval()


def test_head_on_pooled_features_is_the_network(net):
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    head = linear_head(net, "mobilenet_v2")
    features = pooled_features(net, head, crops)
    slope = np.linspace(-1, 1, features.shape[1])
    set_linear_head(head, slope, 0.25)
    with torch.inference_mode():
        logits = net(normalise(torch.from_numpy(crops))).numpy()
    np.testing.assert_allclose(logits, features @ slope + 0.25, atol=1e-4)


def test_backbone_digest_sees_the_backbone_alone(net):
    head = linear_head(net, "mobilenet_v2")
    digest = backbone_digest(net, head)
    torch.nn.init.zeros_(head.weight)
    assert backbone_digest(net, head) == digest
    next(iter(net.parameters())).data[0, 0, 0, 0] += 0.5
    assert backbone_digest(net, head) != digest


def test_linear_head_missing():
    with pytest.raises(InputError, match="attention_cnn has no backbone"):
        linear_head(create_model("attention_cnn"), "attention_cnn")
