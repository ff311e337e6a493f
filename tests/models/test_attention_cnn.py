"""The small network of the embedded run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aletheia.models.networks.attention_cnn import residual_kernels
from aletheia.models.registry import count_parameters, create_model


def test_residual_kernels_annihilate_linear_content():
    y, x = np.mgrid[-2:3, -2:3]
    kernels = residual_kernels().double().numpy()
    assert kernels.shape == (6, 5, 5)
    for plane in (np.ones((5, 5)), x, y):
        np.testing.assert_allclose((kernels * plane).sum(axis=(1, 2)), 0, atol=1e-7)
    np.testing.assert_allclose(np.abs(kernels).sum(axis=(1, 2)), 1, rtol=1e-6)


def test_attention_cnn_stem_starts_as_high_pass():
    model = create_model("attention_cnn")
    weight = model.stem[0].weight
    sums = weight.detach().sum(dim=(1, 2, 3)).abs()
    assert len(sums) == 8
    assert (sums[:6] < 1e-5).all()
    assert (sums[6:] > 1e-5).all()
    assert weight.requires_grad
    # A flat colour leaves no trace in them, whatever it is.
    with torch.no_grad():
        flat = torch.tensor([0.3, -1.0, 2.0])[None, :, None, None].expand(1, 3, 20, 20)
        assert model.stem[0](flat)[0, :6, 2:-2, 2:-2].abs().max() < 1e-4


def test_attention_cnn_stem_keeps_both_signs():
    model = create_model("attention_cnn").eval()
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        features, mirrored = model.stem(image), model.stem(-image)
    assert features.shape == (1, 16, 16, 16)
    assert (features >= 0).all()
    # Fresh statistics are those of the identity: changing the sign swaps the halves.
    torch.testing.assert_close(features[:, :8], mirrored[:, 8:])


def test_attention_cnn_parameter_count():
    assert count_parameters(create_model("attention_cnn")) == 35_562


def test_attention_cnn_multiplies_by_attention():
    torch.manual_seed(0)
    model = create_model("attention_cnn").eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        _, attention = model(images, return_attention=True)
        assert attention.shape == (2, 1, 16, 16)
        # A map of zeros lets nothing through: every image gets the same logit.
        model.attention.weight.zero_()
        model.attention.bias.fill_(-1e4)
        logits = model(images)
    assert logits[0] == pytest.approx(logits[1].item(), abs=1e-6)


@pytest.mark.parametrize("size", [16, 64, 97, 128])
def test_attention_cnn_input_sizes(size):
    with torch.no_grad():
        assert create_model("attention_cnn").eval()(torch.randn(1, 3, size, size)).shape == (1,)
