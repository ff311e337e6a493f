"""The families of autoencoders: sizes, what each layer does, and what a short training reaches."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.datasets.paired.autoencoder_training import (
    PATCH,
    load_autoencoder,
    reconstruct,
    save_autoencoder,
    train_autoencoder,
    training_patches,
)
from aletheia.datasets.paired.autoencoders import FAMILIES, STEP, Autoencoder, PatchJudge, upsampler
from aletheia.datasets.paired.genuine import list_genuine


def parameters(network: torch.nn.Module) -> int:
    return sum(values.numel() for values in network.parameters())


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("width", [4, 16])
def test_parameters_by_closed_form(name, width):
    fine, coarse, family = 6, 8, FAMILIES[name]
    taps = {"transposed": 16, "nearest": 9, "shuffle": 36}[family.up]
    biases = {"transposed": 1, "nearest": 1, "shuffle": 4}[family.up]
    values = 2 if family.variational else 1
    encoder = 16 * 3 * width + width + 9 * width**2 + width + 32 * width**2 + 2 * width
    codes = values * fine * (width + 1) + values * coarse * (2 * width + 1)
    doublings = taps * (2 * width * width + (width + fine) * width) + biases * 2 * width
    rest = (9 * coarse + 1) * 2 * width + 9 * (width + fine) * width + width + (1 + 9) * width * 3 + 2 * 3
    assert parameters(Autoencoder(family, width)) == encoder + codes + doublings + rest


@pytest.mark.parametrize("kind", ["transposed", "nearest", "shuffle"])
def test_upsampler_doubles(kind):
    layer = upsampler(kind, 5, 7)
    assert layer(torch.zeros(2, 5, 6, 9)).shape == (2, 7, 12, 18)
    if kind == "nearest":  # of one value, away from the border, nothing but one value comes
        flat = layer(torch.ones(1, 5, 8, 8))[0, :, 2:-2, 2:-2]
        assert torch.allclose(flat, flat[:, :1, :1].expand_as(flat), atol=1e-6)
    else:  # the others leave a pattern of period two: the checkerboard
        flat = layer(torch.ones(1, 5, 8, 8))[0, :, 2:-2, 2:-2]
        assert (flat[:, ::2, ::2] - flat[:, 1::2, 1::2]).abs().max() > 1e-3
        assert torch.allclose(flat[:, ::2, ::2], flat[:, :1, :1].expand_as(flat[:, ::2, ::2]), atol=1e-6)


def test_divergence_and_draws():
    x = torch.rand(2, 3, 32, 32)
    network = Autoencoder(FAMILIES["vae"], 4)
    for layer in (network.to_fine, network.to_coarse):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)  # mean 0 and variance 1 are the prior itself
    first, divergence = network(x, torch.Generator().manual_seed(0))
    assert divergence.item() == 0
    assert not torch.equal(first, network(x, torch.Generator().manual_seed(1))[0])
    assert torch.equal(first, network(x, torch.Generator().manual_seed(0))[0])
    torch.nn.init.constant_(network.to_fine.bias[: network.fine], 2.0)  # means of 2: 2^2 / 2 each
    assert network(x)[1].item() == pytest.approx(2.0)
    plain = Autoencoder(FAMILIES["nearest"], 4)
    assert plain(x)[1].item() == 0 and torch.equal(plain(x)[0], plain(x, torch.Generator())[0])


def test_judge_sees_patches():
    judge = PatchJudge(4)
    assert judge(torch.zeros(2, 3, 64, 48)).shape == (2, 1, 16, 12)


@pytest.mark.parametrize("name", ["shuffle", "transposed"])
def test_parts_of_a_picture_fit_together(name):
    rgb = np.random.default_rng(0).integers(0, 255, (131, 158, 3), dtype=np.uint8)
    torch.manual_seed(0)
    network = Autoencoder(FAMILIES[name], 4)
    whole = reconstruct(network, rgb, tile=512)
    assert whole.shape == rgb.shape and whole.dtype == np.float32
    np.testing.assert_allclose(reconstruct(network, rgb, tile=16 * STEP), whole, atol=0.01)
    assert reconstruct(network, rgb[:3, :5]).shape == (3, 5, 3)


def test_training_patches(genuine, tmp_path):
    pictures, _ = list_genuine(genuine)
    patches = training_patches(pictures, np.random.default_rng(0))
    assert patches.shape == (9 * 12, PATCH, PATCH, 3)  # eight people and the wall; the broken file gives none
    again = training_patches(pictures, np.random.default_rng(0))
    np.testing.assert_array_equal(patches, again)
    with pytest.raises(InputError, match="No picture of at least 48 x 48"):
        training_patches(pictures[9:], np.random.default_rng(0))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_reconstruction_is_better_than_an_eighth_of_the_pixels(name, portraits):
    drawn = [cv2.resize(image, (PATCH, PATCH), interpolation=cv2.INTER_AREA) for image, *_ in portraits]
    network = train_autoencoder(FAMILIES[name], np.stack(drawn[:6]), 150, 0, width=8, progress=False)
    for rgb in drawn[6:]:  # people whom it has not seen
        lossy = reconstruct(network, rgb)
        eighth = cv2.resize(rgb, (PATCH // 8,) * 2, interpolation=cv2.INTER_AREA)
        blurred = cv2.resize(eighth, (PATCH, PATCH), interpolation=cv2.INTER_CUBIC)
        assert np.abs(lossy - rgb).mean() < 0.75 * np.abs(blurred.astype(float) - rgb).mean()


def test_weights_are_kept_for_the_same_training_only(tmp_path):
    patches = np.random.default_rng(0).integers(0, 255, (4, PATCH, PATCH, 3), dtype=np.uint8)
    family = FAMILIES["gan"]
    network, again = (train_autoencoder(family, patches, 3, 5, width=4, progress=False) for _ in range(2))
    other = train_autoencoder(family, patches, 3, 6, width=4, progress=False)
    for name, values in network.state_dict().items():
        assert torch.equal(values, again.state_dict()[name])
    assert any(not torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    path = tmp_path / "new" / "gan-0.safetensors"
    assert load_autoencoder(path, family, 4, "these pictures") is None
    save_autoencoder(network, path, "these pictures")
    assert load_autoencoder(path, family, 4, "others") is None
    read = load_autoencoder(path, family, 4, "these pictures")
    assert read is not None and torch.equal(read.refine.weight, network.refine.weight)
    path.write_bytes(b"cut off")
    assert load_autoencoder(path, family, 4, "these pictures") is None
