"""Weights that another program trained, as a bundle of this project; nothing in the file is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from aletheia.core.errors import InputError
from aletheia.faces.crop_config import CropConfig
from aletheia.models.bundle import save_bundle
from aletheia.models.inspect import without_prefixes
from aletheia.models.registry import create_model
from aletheia.models.spec import SPEC, ModelSpec
from aletheia.models.state_dict import read_state


def import_weights(
    file: str | Path,
    folder: str | Path,
    architecture: str,
    *,
    options: Mapping[str, Any] | None = None,
    input_size: int,
    crop: CropConfig | None = None,
    threshold: float = 0.5,
) -> ModelSpec:
    """Write the bundle of a network whose weights lie in a file of another program.

    The file says nothing of how faces were cut out, of calibration or of what a score means: the caller states the
    crop, scores are uncalibrated, and the output has to be one logit that is large for fakes. What the model is worth
    is for `aletheia evaluate` to say.

    Parameters
    ----------
    file : path
        ``.pth``, ``.pt``, ``.ckpt`` or ``.safetensors`` with a state dict, see `aletheia.models.state_dict.read_state`;
        prefixes such as ``module.`` are taken off its names.
    folder : path
        Where to write; must hold no model yet.
    architecture : str
        Of `aletheia models architectures`.
    options : mapping, optional
        Of the architecture.
    input_size : int
        Side of the network's input, pixels.
    crop : CropConfig, optional
        How faces were cut out for it.
    threshold : float
        From this probability on the verdict is "fake".

    Returns
    -------
    ModelSpec
        Its description.

    Raises
    ------
    InputError
        When the file cannot be trusted or read, holds other tensors than those of the architecture, or the folder
        holds a model.
    """
    file, folder = Path(file), Path(folder)
    if (folder / SPEC).exists():
        raise InputError(f"{folder} holds a model already; name another folder by --output.")
    state = {without_prefixes(name): value for name, value in read_state(file).items()}
    spec = ModelSpec(
        architecture=architecture,
        options=dict(options or {}),
        input_size=input_size,
        crop=crop or CropConfig(size=input_size),
        threshold=threshold,
        threshold_how="stated when the weights were imported",
        trained_on=f"unknown: imported from {file.name}",
    )
    values: dict[str, Any] = dict(spec.options)
    with torch.random.fork_rng(devices=[]):
        model = create_model(architecture, **values)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    if expected != found:
        names = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
        raise InputError(
            f"{file} does not hold the weights of {architecture} with these options: {len(names)} tensors differ, such "
            f"as {names[0][:100]!r}; `aletheia models inspect {file}` may recognise its network."
        )
    model.load_state_dict({name: value.to(model.state_dict()[name].dtype) for name, value in state.items()})
    save_bundle(folder, model, spec)
    return spec
