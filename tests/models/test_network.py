"""The contract of a network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from aletheia.models.network import LastMap, backbone_stages, last_map, with_attention
from aletheia.models.pretrained import backbone_parameters
from aletheia.models.registry import create_model


class Halving(nn.Module):
    """A network with an attention map: the logit is the mean of the images times the map, which is 0.5 throughout."""

    def forward(self, images: torch.Tensor, return_attention: bool = False):
        attention = torch.full((len(images), 1, 2, 2), 0.5)
        logits = images.mean(dim=(1, 2, 3)) * 0.5
        return (logits, attention) if return_attention else logits

    def last_map(self) -> LastMap:
        return LastMap(self, True, torch.ones(1))


def test_with_attention_of_network_with_map():
    logits, attention = with_attention(Halving(), torch.full((3, 3, 4, 4), 6.0))
    assert logits.tolist() == [3.0, 3.0, 3.0]
    assert attention.shape == (3, 1, 2, 2)


def test_with_attention_of_plain_module():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    images = torch.randn(2, 3, 2, 2)
    logits, attention = with_attention(net, images)
    torch.testing.assert_close(logits, net(images))
    assert attention is None


def test_last_map_declared_or_none():
    net = Halving()
    assert last_map(net).module is net
    assert last_map(nn.Linear(2, 1)) is None


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("efficientnet_b0", 8), ("efficientnet_autoatt_b4", 8), ("efficientnet_lite0", 8),
        ("torchvision_efficientnet_b0", 8), ("mobilenet_v2", 8), ("xception", 6),
    ],
)  # fmt: skip
def test_backbone_stages_are_the_backbone_in_the_order_of_the_forward_pass(name, stages):
    net, seen = create_model(name).eval(), list[int]()
    found = backbone_stages(net)
    assert len(found) == stages and all(found)
    listed = [id(value) for stage in found for module in stage for value in module.parameters()]
    assert sorted(listed) == sorted(id(value) for value in backbone_parameters(net)), "each once, and all of them"
    for place, stage in enumerate(found):
        for module in stage:
            module.register_forward_hook(lambda *_, place=place: seen.append(place))
    with torch.no_grad():
        net(torch.zeros(1, 3, 64, 64))
    assert seen == sorted(seen) and set(seen) == set(range(stages))


def test_backbone_stages_of_a_network_without_a_backbone():
    assert backbone_stages(create_model("attention_cnn")) == []
