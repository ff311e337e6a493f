"""Weights as other projects publish them, compared with networks that are built as those projects build them."""

from __future__ import annotations

import pytest
import torch
from efficientnet_pytorch import EfficientNet
from torch import nn
from torch.nn import functional

from aletheia.core.errors import InputError
from aletheia.imaging.transforms import IMAGENET_MEAN, IMAGENET_STD, normalise
from aletheia.models.bundle import load_bundle
from aletheia.models.published_layouts import known_layouts
from aletheia.models.weights_import import import_weights

pytestmark = pytest.mark.slow

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
IMAGENET = (IMAGENET_MEAN, IMAGENET_STD)


class Extractor(nn.Module):
    """Features of an EfficientNet, attention in between, and a classifier: the layout of Bonettini et al."""

    def __init__(self, attention: bool) -> None:
        super().__init__()
        self.efficientnet = EfficientNet.from_name("efficientnet-b0")
        self.efficientnet._fc = None
        if attention:
            self.efficientnet.attconv = nn.Conv2d(40, 1, 1)
        self.classifier = nn.Linear(1280, 1)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        net = self.efficientnet
        x = net._swish(net._bn0(net._conv_stem(x)))
        for index, block in enumerate(net._blocks):
            x = block(x)
            if index == 4 and hasattr(net, "attconv"):
                x = x * torch.sigmoid(net.attconv(x))
        return net._avg_pooling(net._swish(net._bn1(net._conv_head(x)))).flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


class Siamese(nn.Module):
    """The head of their siamese training."""

    def __init__(self, extractor: nn.Module) -> None:
        super().__init__()
        self.feat_ext = extractor
        self.classifier = nn.Sequential(nn.BatchNorm1d(1280), nn.Linear(1280, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.feat_ext.features(x))


class BenchBackbone(nn.Module):
    """An EfficientNet with another stem, as DeepfakeBench has it, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.efficientnet = EfficientNet.from_name("efficientnet-b0")
        self.efficientnet._conv_stem = nn.Conv2d(3, 32, kernel_size=3, stride=2, bias=False)
        self.efficientnet._fc = nn.Identity()
        self.last_layer = nn.Linear(1280, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = functional.adaptive_avg_pool2d(self.efficientnet.extract_features(x), 1).flatten(1)
        return self.last_layer(features)


class Bench(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.backbone(x)


def timm_network(name: str, classes: int) -> nn.Module:
    import timm

    return timm.create_model(name, num_classes=classes)


def other_xception(classes: int) -> nn.Module:
    """Another Xception than timm's: the same layers, with another name of the head."""
    network = timm_network("legacy_xception", classes)
    network.last_linear = network.fc
    del network.fc
    network.forward = lambda x: network.last_linear(network.global_pool(network.forward_features(x)))
    return network


def bench_xception() -> nn.Module:
    """The layout of DeepfakeBench's, with a part that is not used."""
    network = other_xception(2)
    network.adjust_channel = nn.Sequential(nn.Conv2d(2048, 8, 1), nn.BatchNorm2d(8))
    return Bench(network)


def icpr_xception() -> nn.Module:
    network = nn.Sequential()
    network.add_module("xception", other_xception(1))
    return network


CASES = {
    "icpr2020": (lambda: Extractor(False), "efficientnet_b0", IMAGENET, 96),
    "icpr2020 attention": (lambda: Extractor(True), "efficientnet_autoatt_b0", IMAGENET, 96),
    "icpr2020 siamese": (lambda: Siamese(Extractor(True)), "efficientnet_autoatt_b0", IMAGENET, 96),
    "deepfakebench": (lambda: Bench(BenchBackbone()), "efficientnet_b0", HALF, 96),
    "deepfakebench xception": (bench_xception, "xception", HALF, 64),
    "icpr2020 xception": (icpr_xception, "xception", IMAGENET, 64),
    "timm tf": (lambda: timm_network("tf_efficientnet_b0", 2), "efficientnet_b0", IMAGENET, 90),
    "timm": (lambda: timm_network("efficientnet_b0", 1), "torchvision_efficientnet_b0", IMAGENET, 90),
    "timm xception": (lambda: timm_network("legacy_xception", 1), "xception", HALF, 64),
}


FAST = ("icpr2020 attention", "deepfakebench")


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] * (case not in FAST)) for case in CASES])
def test_imported_network_answers_as_the_published_one(case, tmp_path):
    build, architecture, (mean, std), size = CASES[case]
    torch.manual_seed(5)
    rng = torch.Generator().manual_seed(1)
    noise = torch.rand((4, size, size, 3), generator=rng)
    pixels = (noise * torch.tensor([255, 120, 60, 255]).view(4, 1, 1, 1)).to(torch.uint8)
    pixels[3, :, : size // 2] = 0
    network = build().train()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.momentum = None  # statistics as after a training, so that the answers depend on the pictures
    with torch.no_grad():
        network(normalise(pixels, mean, std))
    network.eval()
    torch.save(network.state_dict(), tmp_path / "published.pth")
    spec = import_weights(tmp_path / "published.pth", tmp_path / "model", architecture, input_size=size)
    loaded, read = load_bundle(tmp_path / "model")
    assert read == spec
    with torch.inference_mode():
        outputs = network.double()(normalise(pixels, mean, std).double())
        # The logit of a softmax of two is the difference of its inputs.
        expected = outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs[:, 0]
        found = loaded.double()(normalise(pixels, spec.mean, spec.std).double())
    assert (found - expected).abs().max() < 1e-3 * expected.std()  # else every network would do


def test_layout_of_another_size_is_refused(tmp_path):
    torch.save(Extractor(False).state_dict(), tmp_path / "published.pth")
    with pytest.raises(InputError, match="does not hold the weights of efficientnet_b1"):
        import_weights(tmp_path / "published.pth", tmp_path / "model", "efficientnet_b1", input_size=96)
    with pytest.raises(InputError, match="does not hold the weights of efficientnet_autoatt_b0"):
        import_weights(tmp_path / "published.pth", tmp_path / "model", "efficientnet_autoatt_b0", input_size=96)


@pytest.mark.parametrize("name", ["state_dict", "model_state_dict", "model", "net"])
def test_state_dicts_in_checkpoints(tmp_path, name):
    torch.save({name: Extractor(False).state_dict(), "epoch": 3}, tmp_path / "published.pth")
    assert (
        "ICPR 2020"
        in import_weights(tmp_path / "published.pth", tmp_path / "model", "efficientnet_b0", input_size=96).trained_on
    )


def test_known_layouts_of_incomplete_state_dicts():
    """Names that only begin like those of a layout lead to no error, and to no layout that fits."""
    siamese = {"feat_ext.efficientnet._fc.weight": torch.zeros(1), "classifier.0.weight": torch.zeros(3)}
    assert {layout.name for layout in known_layouts(siamese, "efficientnet_b0", 96)} == {
        "aletheia",
        "torchvision or timm",
    }
    timm = {"conv_stem.weight": torch.zeros(1), "classifier.weight": torch.zeros(2, 3)}
    assert len(known_layouts(timm, "efficientnet_b0", 96)) == 2
    odd = {f"classifier.0.{part}": torch.zeros(2) for part in ("weight", "bias", "running_mean", "running_var")}
    odd |= {"classifier.1.weight": torch.zeros(1, 3), "classifier.1.bias": torch.zeros(1), "feat_ext.x": torch.zeros(1)}
    assert len(known_layouts(odd, "xception", 96)) == 2


def test_a_head_of_two_outputs_becomes_their_difference():
    state = {"fc.weight": torch.tensor([[1.0, 2.0], [4.0, 8.0]]), "fc.bias": torch.tensor([1.0, 3.0])}
    (first, *_) = known_layouts(state, "xception", 96)
    assert first.state["fc.weight"].tolist() == [[3.0, 6.0]] and first.state["fc.bias"].tolist() == [2.0]
