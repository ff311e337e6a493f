"""The registry of architectures."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from aletheia.core.errors import InputError
from aletheia.models import networks
from aletheia.models.network import with_attention
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
    logits, attention = with_attention(model, torch.randn(2, 3, 48, 48))
    assert logits.shape == (2,)
    if attention is not None:
        assert attention.shape[:2] == (2, 1)
        assert attention.min() >= 0 and attention.max() <= 1
    logits.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    model.eval()
    with torch.no_grad():
        assert model(torch.randn(3, 3, 48, 48)).shape == (3,)


@pytest.mark.parametrize(
    ("name", "has_map"),
    [
        ("attention_cnn", True),
        ("efficientnet_autoatt_b0", True),
        ("efficientnet_b0", False),
        ("torchvision_efficientnet_b0", False),
        ("mobilenet_v2", False),
        ("xception", False),
    ],
)
def test_create_model_attention(name, has_map):
    with torch.device("meta"):
        _, attention = create_model(name).eval()(torch.zeros(1, 3, 48, 48), return_attention=True)
    assert (attention is not None) == has_map


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


def test_register_network_duplicate(own_registry):
    with pytest.raises(InputError, match="two implementations of the architecture"):
        register_network("attention_cnn")(lambda: nn.Identity())


def test_register_network_again(own_registry):
    """As when a cell of a notebook runs twice."""

    def define(width: int):
        def build() -> nn.Module:
            return nn.Linear(width, 1)

        return build

    for width in (3, 5):
        register_network("linear")(define(width))
    assert create_model("linear").in_features == 5


@pytest.mark.parametrize("builder", [lambda width=3: nn.Linear(width, 1), lambda *, width: nn.Linear(width, 1)])
def test_register_network_invalid_options(own_registry, builder):
    with pytest.raises(ValueError, match="width must be keyword-only and have a default"):
        register_network("linear")(builder)
    assert "linear" not in list_models()


SOURCE = """
from torch import nn

from aletheia.models.registry import register_network


@register_network("{name}")
def build(*, width: int = 4) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(width), nn.Flatten(), nn.Linear(3 * width**2, 1), nn.Flatten(0))
"""


def test_list_models_finds_new_file(own_registry, monkeypatch, tmp_path):
    """A network inside the package needs its own file and no entry in any other."""
    (tmp_path / "new_family.py").write_text(SOURCE.format(name="new_network"))
    monkeypatch.setattr(networks, "__path__", [*networks.__path__, str(tmp_path)])
    assert "new_network" in list_models()
    assert model_options("new_network") == {"width": 4}
    assert create_model("new_network", width=2)(torch.zeros(5, 3, 8, 8)).shape == (5,)
    monkeypatch.delitem(sys.modules, "aletheia.models.networks.new_family")


def test_list_models_loads_entry_points(own_registry, declare_network):
    declare_network("network_of_a_plugin", SOURCE.format(name="network_of_a_plugin"))
    assert "network_of_a_plugin" in list_models()
    assert create_model("network_of_a_plugin")(torch.zeros(5, 3, 8, 8)).shape == (5,)


def test_list_models_names_broken_entry_point(own_registry, declare_network):
    declare_network("broken_network", "import a_module_that_is_missing")
    with pytest.raises(InputError, match=r"broken_network.*aletheia\.networks.*a_module_that_is_missing"):
        list_models()
