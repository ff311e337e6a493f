"""A trained model as files: ``model.safetensors`` and ``model.json``, everything needed to use it.

Both may come from an untrusted source: nothing is unpickled, no file named inside the JSON is opened, sizes are
limited, and the network is compared with the weights before any of them is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.models.model_files import MAX_WEIGHTS_BYTES, WEIGHTS, check_hash, check_model_file
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec, read_spec, write_spec
from aletheia.models.state_dict import check_header


def save_bundle(folder: str | Path, model: nn.Module, spec: ModelSpec) -> Path:
    """Write ``model.safetensors`` and ``model.json``, each atomically, the JSON last.

    Parameters
    ----------
    folder : path
        Created when missing.
    model : nn.Module
        Of the architecture `spec.architecture` with `spec.options`.
    spec : ModelSpec
        Its hash and parameter count are filled in.

    Returns
    -------
    Path
        The JSON file.

    Raises
    ------
    InputError
        When model and spec do not belong together, a weight is not finite, or the disk is full.
    """
    folder = Path(folder)
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    _check_state(_build(spec), {k: (tuple(v.shape), v.dtype) for k, v in state.items()}, "the model")
    _check_finite(state, "the model")
    payload = save(state)
    spec = spec.model_copy(
        update={
            "onnx": None,  # it was exported from other weights
            "weights_sha256": hashlib.sha256(payload).hexdigest(),
            "parameters": sum(p.numel() for p in model.parameters()),
        }
    )
    with atomic_write(folder / WEIGHTS) as file:
        file.write(payload)
    return write_spec(folder, spec)


def load_bundle(path: str | Path) -> tuple[nn.Module, ModelSpec]:
    """Read a model.

    Parameters
    ----------
    path : path
        The folder, or either of its two files.

    Returns
    -------
    model : nn.Module
        On the CPU, in evaluation mode, without gradients.
    spec : ModelSpec
        Its description.

    Raises
    ------
    InputError
        Missing, damaged, oversized or manipulated files, unknown fields, another architecture than the
        weights'.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    spec = read_spec(folder)
    weights = folder / WEIGHTS
    check_model_file(weights, MAX_WEIGHTS_BYTES)
    check_hash(weights, spec.weights_sha256)
    model = _build(spec)
    state = _read_weights(weights, model)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False), spec


def _build(spec: ModelSpec) -> nn.Module:
    # Weights come from the bundle alone: options cannot make this read or download another file.
    options: dict[str, Any] = dict(spec.options)
    if "weights" in options:
        raise InputError("options: 'weights' is no option of an architecture.")
    with torch.random.fork_rng(devices=[]):
        return create_model(spec.architecture, **options)


_DTYPES = {"F32": torch.float32, "I64": torch.int64}


def _read_weights(file: Path, model: nn.Module) -> dict[str, torch.Tensor]:
    check_header(file)
    try:
        with safe_open(file, framework="pt") as tensors:
            # Shapes and types are in the header; nothing large is read before they fit.
            slices = {key: tensors.get_slice(key) for key in tensors.keys()}  # noqa: SIM118 (no mapping)
            layout = {k: (tuple(s.get_shape()), _DTYPES.get(s.get_dtype(), s.get_dtype())) for k, s in slices.items()}
            _check_state(model, layout, str(file))
            state = {key: tensors.get_tensor(key) for key in layout}
    except (SafetensorError, OSError, ValueError, RuntimeError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} is no intact safetensors file ({str(error)[:200]}).") from None
    _check_finite(state, str(file))
    return state


def _check_state(model: nn.Module, layout: Mapping[str, tuple[tuple[int, ...], Any]], source: str) -> None:
    """Compare names, shapes and types of tensors with those of a network."""
    expected = {key: (tuple(value.shape), value.dtype) for key, value in model.state_dict().items()}
    for verb, keys in (("lacks", set(expected) - set(layout)), ("has unknown", set(layout) - set(expected))):
        if keys:
            raise InputError(f"{source} {verb} {len(keys)} tensors, among them {min(keys)[:100]!r}.")
    for key, (shape, dtype) in expected.items():
        if layout[key] != (shape, dtype):
            raise InputError(
                f"{source}: {key} is {layout[key][0]} {layout[key][1]}, the architecture has {shape} {dtype}."
            )


def _check_finite(state: Mapping[str, torch.Tensor], source: str) -> None:
    for key, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(
                f"{source}: {key} holds values that are not finite; train again with a lower learning_rate."
            )
