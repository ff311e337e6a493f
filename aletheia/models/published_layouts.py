"""Weights as other projects publish them: their names, heads and padding made those of this project.

Known are the state dicts of

- N. Bonettini et al., "Video Face Manipulation Detection Through Ensemble of CNNs", ICPR 2020: EfficientNetB4,
  EfficientNetAutoAttB4, Xception, and their siamese trainings, whose head is a batch norm and a linear layer;
- Z. Yan et al., "DeepfakeBench", NeurIPS 2023: its EfficientNet-B4, whose stem does not pad, and its Xception;
- timm's and torchvision's EfficientNets, timm's Xception.

A head of two outputs (genuine, fake) becomes one logit, their difference, whose sigmoid is the softmax of the two.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import torch

from aletheia.imaging.transforms import IMAGENET_MEAN, IMAGENET_STD

Names = dict[str, torch.Tensor]
Channels = tuple[float, float, float]
_HALF = (0.5, 0.5, 0.5)
#: Layouts whose networks are fed ImageNet's normalisation here and convert it themselves to that of their weights.
OWN_CONVERSION = ("aletheia", "torchvision or timm")
_VARIANT = re.compile(r"(torchvision_)?efficientnet_(?:autoatt_)?(b\d)")
_EPS = 1e-5  # of torch's batch norm


@dataclasses.dataclass(frozen=True)
class Layout:
    """A state dict in this project's names.

    Attributes
    ----------
    name : str
        Whose layout it was.
    state : dict
    options : dict
        Of the network, by which it computes what the published one does.
    mean, std : tuple of float
        Normalisation of the input that the weights were trained with, values in [0, 1].
    """

    name: str
    state: Names
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD


def known_layouts(state: Names, architecture: str, input_size: int) -> list[Layout]:
    """List what a state dict may be, the likeliest first; the shapes of the network tell which one fits.

    Parameters
    ----------
    state : dict
        Tensors by name, prefixes of wrappers taken off.
    architecture : str
        Of this project.
    input_size : int
        Side of the network's input, pixels.
    """
    layouts = [Layout("aletheia", state)]
    layouts += _icpr2020(state) + _deepfakebench(state) + _timm(state, architecture, input_size)
    layouts.append(Layout("torchvision or timm", {f"backbone.{name}": value for name, value in state.items()}))
    return [dataclasses.replace(layout, state=_one_logit(layout.state)) for layout in layouts]


def _icpr2020(state: Names) -> list[Layout]:
    name, inner = "Bonettini et al., ICPR 2020", state
    if any(key.startswith("feat_ext.") for key in state):
        inner = {key.removeprefix("feat_ext."): value for key, value in state.items() if key.startswith("feat_ext.")}
        head = _folded(state)
        if head is None:
            return []
        inner = {key: value for key, value in inner.items() if not key.startswith("classifier.")}
        inner = {key: value for key, value in inner.items() if not key.startswith("xception.last_linear.")}
        inner |= {f"classifier.{key}": value for key, value in head.items()}
    if any(key.startswith("efficientnet.") for key in inner):
        renamed = {
            key.replace("efficientnet.attconv.", "attention.")
            .replace("efficientnet.", "backbone.")
            .replace("classifier.", "backbone._fc."): value
            for key, value in inner.items()
        }
        return [Layout(name, renamed)]
    if any(key.startswith("xception.") for key in inner):
        renamed = {
            key.replace("xception.last_linear.", "backbone.fc.")
            .replace("xception.", "backbone.")
            .replace("classifier.", "backbone.fc."): value
            for key, value in inner.items()
        }
        return [Layout(name, renamed)]
    return []


def _folded(state: Names) -> Names | None:
    """Return a batch norm and the linear layer after it as one linear layer, which computes the same in evaluation."""
    parts = ("0.weight", "0.bias", "0.running_mean", "0.running_var", "1.weight", "1.bias")
    if not all(f"classifier.{part}" in state for part in parts):
        return None
    gain, shift, mean, variance, weight, bias = (state[f"classifier.{part}"].double() for part in parts)
    if weight.ndim != 2 or any(tensor.shape != weight.shape[1:] for tensor in (gain, shift, mean, variance)):
        return None
    scale = gain / torch.sqrt(variance + _EPS)
    return {"weight": (weight * scale).float(), "bias": (bias + weight @ (shift - mean * scale)).float()}


def _deepfakebench(state: Names) -> list[Layout]:
    name = "DeepfakeBench"
    used = {key: value for key, value in state.items() if not key.startswith("backbone.adjust_channel.")}
    if any(key.startswith("backbone.efficientnet.") for key in used):
        renamed = {
            key.replace("backbone.efficientnet.", "backbone.").replace("backbone.last_layer.", "backbone._fc."): value
            for key, value in used.items()
        }
        return [Layout(name, renamed, {"stem_padding": False}, _HALF, _HALF)]
    if "backbone.last_linear.weight" in used:
        renamed = {key.replace("backbone.last_linear.", "backbone.fc."): value for key, value in used.items()}
        return [Layout(name, renamed, {}, _HALF, _HALF)]
    return []


def _timm(state: Names, architecture: str, input_size: int) -> list[Layout]:
    """Rename timm's EfficientNets: the other implementations define the same layers in the same order.

    The ``tf_`` variants pad as TensorFlow does, by the size of the input, and are `efficientnet_b*` here; the others
    pad evenly and are `torchvision_efficientnet_b*`.
    """
    match = _VARIANT.fullmatch(architecture)
    if match is None or "conv_stem.weight" not in state or "classifier.weight" not in state:
        return []
    import timm

    from aletheia.models.registry import create_model

    published = f"{'' if match[1] else 'tf_'}efficientnet_{match[2]}"
    options = {} if match[1] else {"padding_size": input_size}
    with torch.device("meta"):
        theirs = list(timm.create_model(published, num_classes=1).state_dict())
        ours = list(create_model(architecture).state_dict())
    if set(theirs) != set(state) or len(theirs) != len(ours):
        return []
    renamed = {own: state[name] for name, own in zip(theirs, ours, strict=True)}
    return [Layout(f"timm ({published})", renamed, options)]


def _one_logit(state: Names) -> Names:
    """Replace a last layer of two outputs by their difference."""
    heads = [key for key, value in state.items() if value.ndim == 2 and value.shape[0] == 2 and key.endswith(".weight")]
    changed = dict(state)
    for key in heads:
        bias = key.removesuffix("weight") + "bias"
        if bias in state and state[bias].shape == (2,):
            changed[key] = state[key][1:] - state[key][:1]
            changed[bias] = state[bias][1:] - state[bias][:1]
    return changed
