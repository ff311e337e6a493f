"""The linear layer that gives the logit, and the pooled features that it reads.

A network whose backbone keeps its weights is a fixed map from faces to features: they are computed once, and whatever
is fitted on them is the head alone (M. Oquab et al., "Learning and Transferring Mid-Level Image Representations", CVPR
2014; for generated pictures U. Ojha et al., "Towards Universal Fake Image Detectors that Generalize Across Generative
Models", CVPR 2023).
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import nn

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.progress import tqdm
from aletheia.imaging.transforms import normalise

_BATCH = 64


def linear_head(net: nn.Module, name: str) -> nn.Linear:
    """Return the layer of a network that maps its pooled features to the logit.

    Parameters
    ----------
    net : nn.Module
        A network of the registry.
    name : str
        Its registered name, for the message.

    Raises
    ------
    InputError
        When the network does not end in one linear layer with one output.
    """
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    if not layers or layers[-1].out_features != 1 or getattr(net, "backbone", None) is None:
        raise InputError(
            f"features=frozen: {name} has no backbone with one linear layer behind it. Choose one that starts from "
            "weights, such as efficientnet_lite0."
        )
    return layers[-1]


def set_linear_head(head: nn.Linear, weight: Array, bias: float) -> None:
    """Write weights (features,) and bias into the layer, in place."""
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(np.asarray(weight, dtype=np.float32))[None])
        head.bias.copy_(torch.tensor([bias], dtype=torch.float32))


@torch.inference_mode()
def pooled_features(
    net: nn.Module, head: nn.Linear, crops: Array, device: torch.device | str = "cpu", *, progress: bool = False
) -> Array:
    """Compute what the head reads.

    Parameters
    ----------
    net : nn.Module
        The network, in evaluation mode.
    head : nn.Linear
        Its `linear_head`.
    crops : ndarray
        (n, size, size, 3) uint8 RGB.
    device : torch.device or str
        Where to compute; the network is moved back afterwards.
    progress : bool
        Show a progress bar.

    Returns
    -------
    ndarray
        (n, features) float32: the input of the head, so that ``features @ head.weight.T + head.bias`` are the network's
        logits.
    """
    rows: list[torch.Tensor] = []
    home = next(net.parameters()).device
    handle = head.register_forward_pre_hook(lambda _, inputs: rows.append(inputs[0].float().cpu()))
    try:
        net.to(device)
        for start in tqdm(range(0, len(crops), _BATCH), "Computing features", disable=not progress, unit="batch"):
            net(normalise(torch.from_numpy(np.array(crops[start : start + _BATCH])).to(device)))
    finally:
        handle.remove()
        net.to(home)
    return torch.cat(rows).numpy() if rows else np.zeros((0, head.in_features), np.float32)


def backbone_digest(net: nn.Module, head: nn.Linear) -> str:
    """Return the SHA-256 of a network without the weights of its head: names, shapes and bytes of all other tensors.

    Networks of the same tensors may still compute something else; their class and text tell them apart.
    """
    digest = hashlib.sha256(f"{type(net).__qualname__} {net}".encode())
    own = {id(value) for value in head.state_dict(keep_vars=True).values()}
    for name, value in net.state_dict(keep_vars=True).items():
        if id(value) not in own:
            array = value.detach().cpu().contiguous().numpy()
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()
