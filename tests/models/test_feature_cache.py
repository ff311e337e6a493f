"""Features that are computed once, whoever asks for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aletheia.models import feature_cache, linear_head
from aletheia.models.feature_cache import cached_features
from aletheia.models.linear_head import pooled_features
from aletheia.models.registry import create_model


@pytest.fixture
def net():
    """A MobileNet that knows nothing; the smallest network with a backbone."""
    torch.manual_seed(0)
    return create_model("mobilenet_v2").eval()


def test_cached_features_are_the_networks(net, computed):
    head = linear_head.linear_head(net, "")
    crops = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    first = cached_features(net, head, crops[:5])
    again = cached_features(net, head, crops[[8, 3, 3, 0, 7]])  # two new ones, in another order
    assert computed == [5, 2] and len(first) == 5
    np.testing.assert_allclose(again, pooled_features(net, head, crops[[8, 3, 3, 0, 7]]), atol=1e-5)

    torch.nn.init.zeros_(head.weight)  # another head reads the same features
    cached_features(net, head, crops[:5])
    assert computed == [5, 2]
    next(iter(net.parameters())).data[0, 0, 0, 0] += 0.5
    cached_features(net, head, crops[:5])
    assert computed == [5, 2, 5]


def test_cache_stays_within_its_size(net, computed, monkeypatch):
    head = linear_head.linear_head(net, "")
    monkeypatch.setattr(feature_cache, "MAX_CACHE_BYTES", 3 * 4 * 1280)
    crops = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    assert len(cached_features(net, head, crops)) == 5
    cached_features(net, head, crops[3:])
    cached_features(net, head, crops[:1])
    assert computed == [5, 1]
