"""Inspection of model files without running them: kind, architecture, size, training data."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from aletheia.core.errors import InputError
from aletheia.core.files import MAX_BYTES, check_file
from aletheia.models.registry import count_parameters, create_model, list_models, network_builder
from aletheia.models.state_dict import check_header, read_archive, state_of

_PREFIXES = ("net.", "module.", "model.")  # of Lightning modules and of data-parallel wrappers


@dataclasses.dataclass(frozen=True)
class Tensor:
    """Name, shape and element type of a tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True)
class Inspection:
    """Contents of a model file: as the file states them, and as its tensors show.

    Attributes
    ----------
    path : str
        The file with the weights.
    kind : str
        ``model bundle``, ``training checkpoint``, ``safetensors`` or ``torch state dict``.
    bytes : int
        Size of the file.
    sha256 : str
        Of the file.
    architecture : str
        As the file states it, or the registered network with these tensors; empty when neither is known.
    recognised : bool
        Whether the architecture was recognised by the tensors' names and shapes, not stated.
    elements : int
        Numbers in all tensors: parameters, and the statistics of batch norms.
    parameters : int or None
        Trainable parameters of the architecture; None when it is unknown.
    dtypes : dict of str to int
        Tensors of each element type.
    tensors : tuple of Tensor
        In the file's order.
    data_hash : str
        Content hash of the manifest it was trained on; empty when the file does not state it.
    details : dict
        Everything else that the file states: threshold, metrics, epochs, …
    """

    path: str
    kind: str
    bytes: int
    sha256: str
    architecture: str
    recognised: bool
    elements: int
    parameters: int | None
    dtypes: dict[str, int]
    tensors: tuple[Tensor, ...]
    data_hash: str
    details: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain lists, numbers and strings."""
        return dataclasses.asdict(self)


def inspect_model(path: str | Path) -> Inspection:
    """Inspect a model bundle, a training checkpoint, a safetensors file or a state dict of torch.

    Nothing in the file is executed and nothing is computed with the weights; those of a bundle are compared with the
    hash in its JSON.

    Parameters
    ----------
    path : path
        The file, or a bundle's folder.

    Raises
    ------
    InputError
        When it is none of these, is damaged, or would have to be trusted to be opened.
    """
    path = Path(path)
    if path.is_dir() or path.name == "model.json":
        return _bundle(path if path.is_dir() else path.parent)
    check_file(path, MAX_BYTES)
    if path.suffix == ".safetensors":
        if (path.parent / "model.json").is_file() and path.name == "model.safetensors":
            return _bundle(path.parent)
        return _describe(path, "safetensors", _headers(path))
    content = read_archive(path)
    tensors = tuple(
        Tensor(name, tuple(value.shape), str(value.dtype).removeprefix("torch."))
        for name, value in state_of(content, path).items()
    )
    identity = _identity(content)
    if identity is None:
        return _describe(path, "torch state dict", tensors)
    config = identity["config"]
    details = {"training": config, "epochs": int(content.get("epoch", -1)) + 1}
    stated = config["architecture"], config.get("options") or {}
    inspection = _describe(path, "training checkpoint", tensors, stated=stated)
    return dataclasses.replace(inspection, data_hash=str(identity.get("data", "")), details=details)


def _bundle(folder: Path) -> Inspection:
    from aletheia.models.model_files import SPEC, WEIGHTS
    from aletheia.models.spec import read_spec

    spec = read_spec(folder)
    weights = folder / WEIGHTS
    check_file(weights, MAX_BYTES)
    inspection = _describe(weights, "model bundle", _headers(weights), stated=(spec.architecture, spec.options))
    if inspection.sha256 != spec.weights_sha256:
        raise InputError(f"{weights} is not the file that {SPEC} describes: one of them was damaged or replaced.")
    details = spec.model_dump(mode="json", exclude={"architecture", "data_hash", "weights_sha256", "parameters"})
    return dataclasses.replace(inspection, data_hash=spec.data_hash, details=details)


def _headers(path: Path) -> tuple[Tensor, ...]:
    check_header(path)
    try:
        with safe_open(path, framework="np") as file:
            slices = [(key, file.get_slice(key)) for key in file.keys()]  # noqa: SIM118 (no mapping)
            return tuple(Tensor(key, tuple(part.get_shape()), _dtype_name(part.get_dtype())) for key, part in slices)
    except (SafetensorError, OSError, ValueError, RuntimeError, MemoryError) as error:
        raise InputError(f"{path} is no intact safetensors file ({str(error)[:200]}).") from None


def _dtype_name(dtype: str) -> str:
    """Return numpy's name of an element type of safetensors: "float32" for "F32"."""
    kinds = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint"}
    letters = dtype.rstrip("0123456789")
    return kinds[letters] + dtype[len(letters) :] if letters in kinds else dtype.lower()


def _identity(content: Any) -> dict[str, Any] | None:
    """Return configuration and data hash from a checkpoint of this project; None for any other content."""
    try:
        identity = content["callbacks"]["KeepBest"]["identity"]
        return identity if isinstance(identity["config"]["architecture"], str) else None
    except (KeyError, TypeError, IndexError):
        return None


def _describe(
    path: Path, kind: str, tensors: tuple[Tensor, ...], stated: tuple[str, Mapping[str, Any]] | None = None
) -> Inspection:
    parameters: int | None = None
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    shapes = {without_prefixes(tensor.name): tensor.shape for tensor in tensors}
    if stated is None:
        built = ((name, *_without_options(network_builder(name))) for name in list_models())
        matching = ((name, count) for name, tensors_of_it, count in built if tensors_of_it == shapes)
        architecture, parameters = next(matching, ("", None))
    else:
        architecture, network = stated[0], _network(*stated)
        parameters = count_parameters(network)
        if _shapes(network) != shapes:
            raise InputError(f"{path} says that it is {architecture!r}, but its tensors are not that network's.")
    return Inspection(
        path=str(path),
        kind=kind,
        bytes=path.stat().st_size,
        sha256=digest,
        architecture=architecture,
        recognised=stated is None and bool(architecture),
        elements=sum(tensor.elements for tensor in tensors),
        parameters=parameters,
        dtypes=dict(Counter(tensor.dtype for tensor in tensors).most_common()),
        tensors=tensors,
        data_hash="",
        details={},
    )


def without_prefixes(name: str) -> str:
    """Take the prefixes off a tensor's name that wrappers of a network put there, such as ``module.``."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return without_prefixes(name.removeprefix(prefix))
    return name


@functools.cache  # building all of them takes seconds
def _without_options(builder: Callable[..., torch.nn.Module]) -> tuple[dict[str, tuple[int, ...]], int]:
    """Return shapes and trainable parameters of a network with its default options."""
    with torch.device("meta"):
        network = builder()
    return _shapes(network), count_parameters(network)


def _network(architecture: str, options: Mapping[str, Any]) -> torch.nn.Module:
    with torch.device("meta"):  # shapes without memory
        return create_model(architecture, **{k: v for k, v in options.items() if k != "weights"})


def _shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}
