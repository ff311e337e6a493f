"""EfficientNets and their attention map."""

from __future__ import annotations

import pytest
import torch
from efficientnet_pytorch import EfficientNet

from aletheia.models.networks.efficientnet import EfficientNetDetector
from aletheia.models.registry import count_parameters, create_model
from aletheia.training.batch_norm import measure_batch_norm


@pytest.fixture(scope="module")
def autoatt():
    """B0 with the map, with statistics that let the input through (freshly made, its output is a constant).

    In double precision: the outputs of a random network are large, and single precision would round them apart.
    """
    torch.manual_seed(0)
    model = create_model("efficientnet_autoatt_b0").double().eval()
    measure_batch_norm(model, [torch.randn(4, 3, 48, 48).double()])
    return model


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize(
    ("name", "parameters"), [("efficientnet_b4", 17_550_409), ("efficientnet_autoatt_b4", 17_550_466)]
)
def test_efficientnet_parameter_counts(name, parameters):
    with torch.device("meta"):
        assert count_parameters(create_model(name)) == parameters


def test_efficientnet_attention_position_in_b4():
    with torch.device("meta"):
        model = create_model("efficientnet_autoatt_b4")
    blocks = model.backbone._blocks
    assert model.attention.in_channels == 56
    assert blocks[model.attention_after]._project_conv.out_channels == 56
    assert blocks[model.attention_after + 1]._project_conv.out_channels == 112


@torch.no_grad()
def test_efficientnet_equals_published_with_open_attention(autoatt, images):
    published = EfficientNet.from_name("efficientnet-b0", num_classes=1).double().eval()
    published.load_state_dict(autoatt.backbone.state_dict())
    plain = create_model("efficientnet_b0").double().eval()
    plain.backbone.load_state_dict(autoatt.backbone.state_dict())
    expected = published(images)[:, 0]
    assert abs(expected[0] - expected[1]) > 1e-3  # otherwise this would compare constants
    torch.testing.assert_close(plain(images), expected)

    logits, attention = autoatt(images, return_attention=True)
    assert attention.shape == (2, 1, 6, 6)
    assert not torch.allclose(logits, expected, atol=1e-4)
    weight, bias = autoatt.attention.weight.clone(), autoatt.attention.bias.clone()
    autoatt.attention.weight.zero_()
    autoatt.attention.bias.fill_(50.0)  # sigmoid = 1
    torch.testing.assert_close(autoatt(images), expected)
    autoatt.attention.weight.copy_(weight)
    autoatt.attention.bias.copy_(bias)


@pytest.mark.parametrize("variant", range(8))
def test_efficientnet_detector_attention_at_an_eighth(variant):
    with torch.device("meta"):
        model = EfficientNetDetector(variant)
        sizes = []
        for block in model.backbone._blocks:
            block.register_forward_hook(lambda _, __, output: sizes.append(output.shape[-1]))
        model(torch.zeros(1, 3, 224, 224))
    at = model.attention_after
    # A variant pads for its own resolution, so that some sizes are a pixel larger.
    assert sizes[at : at + 2] == [pytest.approx(224 / 8, abs=1), pytest.approx(224 / 16, abs=1)]


def test_efficientnet_dropout(autoatt):
    with torch.device("meta"):
        assert create_model("efficientnet_b0", dropout=0.0).backbone._dropout.p == 0.0
    assert autoatt.backbone._dropout.p == 0.2


def test_efficientnet_gradients_equal_published(autoatt, images):
    """The library's own swish and padding are replaced by faster ones: same values, same gradients."""
    published = EfficientNet.from_name("efficientnet-b0", num_classes=1).double().eval()
    published.load_state_dict(autoatt.backbone.state_dict())
    ours = create_model("efficientnet_b0").double().eval()
    ours.backbone.load_state_dict(published.state_dict())
    published(images).sum().backward()
    ours(images).sum().backward()
    for (name, parameter), reference in zip(ours.backbone.named_parameters(), published.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, reference.grad, msg=name)
    assert not any("Swish" in type(module._swish).__name__ for module in ours.modules() if hasattr(module, "_swish"))
