"""Backbones of torchvision and timm."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import nn

from aletheia.imaging.transforms import IMAGENET_MEAN, IMAGENET_STD
from aletheia.models.networks.pooled import PooledDetector
from aletheia.models.registry import count_parameters, create_model
from aletheia.training.batch_norm import measure_batch_norm


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mobilenet_v2", 2_225_153),
        ("torchvision_efficientnet_b0", 4_008_829),
        ("torchvision_efficientnet_b4", 17_550_409),
        ("xception", 20_809_001),
        ("efficientnet_lite0", 4_652_008 - 1280 * 999 - 999),
        ("efficientnet_lite2", 6_092_072 - 1280 * 999 - 999),
    ],
)
def test_pooled_parameter_counts(name, parameters):
    with torch.device("meta"):
        assert count_parameters(create_model(name)) == parameters


@pytest.mark.parametrize("variant", range(8))
def test_torchvision_efficientnet_parameter_counts(variant):
    with torch.device("meta"):
        ours = count_parameters(create_model(f"torchvision_efficientnet_b{variant}"))
        assert ours == count_parameters(create_model(f"efficientnet_b{variant}"))


def test_pooled_detector_renormalises():
    """An image of 0.7 throughout, ImageNet-normalised, reaches the backbone as (0.7 - 0.5) / 0.25 in every channel."""
    backbone = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1, bias=False))
    nn.init.constant_(backbone[2].weight, 1.0)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    images = (torch.full((2, 3, 8, 8), 0.7) - mean) / std
    logits = PooledDetector(backbone, "", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))(images)
    torch.testing.assert_close(logits, torch.full((2,), 3 * 0.8))
    unchanged = PooledDetector(backbone, "")(images)
    torch.testing.assert_close(unchanged, images.mean(dim=(2, 3)).sum(dim=1))


@torch.no_grad()
def test_xception_normalisation():
    torch.manual_seed(0)
    model = create_model("xception").eval()
    published = timm.create_model("legacy_xception", num_classes=1).eval()
    measure_batch_norm(model, [torch.randn(4, 3, 96, 96)])  # without statistics of its own it gives a constant
    published.load_state_dict(model.backbone.state_dict())
    pixels = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    expected = published((pixels - 0.5) / 0.5)[:, 0]
    assert abs(expected[0] - expected[1]) > 1e-3
    torch.testing.assert_close(model((pixels - mean) / std), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "url", "build"),
    [
        ("mobilenet_v2", "mobilenet_v2", torchvision.models.mobilenet_v2),
        ("xception", "xception", lambda: timm.create_model("legacy_xception")),
        ("torchvision_efficientnet_b0", "efficientnet_b0", torchvision.models.efficientnet_b0),
    ],
)
def test_pooled_imagenet_weights(name, url, build, monkeypatch):
    published = build()

    def download(address, check_hash, weights_only, **kwargs):
        assert url in address and check_hash and weights_only
        return published.state_dict()

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    model = create_model(name, weights="imagenet")
    first = next(iter(published.parameters()))
    torch.testing.assert_close(next(iter(model.backbone.parameters())), first)
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1,)


def test_pooled_dropout():
    with torch.device("meta"):
        assert create_model("mobilenet_v2", dropout=0.4).backbone.classifier[0].p == 0.4
        assert create_model("xception", dropout=0.3).backbone.drop_rate == 0.3
