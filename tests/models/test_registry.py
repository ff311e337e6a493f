"""The registry of architectures."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from aletheia.core.errors import InputError
from aletheia.models.registry import count_parameters, create_model, list_models, model_options, register_network


def test_list_models_every_family():
    names = list_models()
    assert "attention_cnn" in names
    assert {f"efficientnet_b{i}" for i in range(8)} <= set(names)
    assert {"efficientnet_autoatt_b0", "efficientnet_autoatt_b4"} <= set(names)
    assert {"mobilenet_v2", "xception"} | {f"torchvision_efficientnet_b{i}" for i in range(8)} <= set(names)
    assert list_models("efficientnet_autoatt*") == ["efficientnet_autoatt_b0", "efficientnet_autoatt_b4"]


def test_create_model_forward_and_backward(network_name):
    torch.manual_seed(0)
    model = create_model(network_name).train()
    logits, attention = model(torch.randn(2, 3, 48, 48), return_attention=True)
    assert logits.shape == (2,)
    if "att" in network_name:
        assert attention.shape[:2] == (2, 1)
        assert attention.min() >= 0 and attention.max() <= 1
    else:
        assert attention is None
    logits.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    model.eval()
    with torch.no_grad():
        assert model(torch.randn(3, 3, 48, 48)).shape == (3,)


def test_create_model_unknown_name():
    with pytest.raises(InputError, match="attention_cnn"):
        create_model("atention_cnn")


@pytest.mark.parametrize("options", [{"width": 10**9}, {"width": "wide"}, {"dropout": 1.5}, {"depth": 3}])
def test_create_model_invalid_options(options):
    (field,) = options
    with pytest.raises(InputError, match=field):
        create_model("attention_cnn", **options)


def test_model_options_defaults():
    assert model_options("attention_cnn") == {"width": 16, "dropout": 0.2}
    assert count_parameters(create_model("attention_cnn", width=8)) < count_parameters(create_model("attention_cnn"))


def test_register_network_duplicate():
    with pytest.raises(ValueError, match="twice"):
        list_models()
        register_network("attention_cnn")(lambda: nn.Identity())
