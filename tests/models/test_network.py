"""The contract of a network."""

from __future__ import annotations

import torch
from torch import nn

from aletheia.models.network import LastMap, last_map, with_attention


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
