"""Weights that another program trained, as a bundle of this project; nothing in the file is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from aletheia.core.errors import InputError
from aletheia.faces.crop_config import CropConfig
from aletheia.models.bundle import save_bundle
from aletheia.models.inspect import without_prefixes
from aletheia.models.model_files import SPEC
from aletheia.models.published_layouts import OWN_CONVERSION, Channels, Layout, Names, known_layouts
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec, read_spec
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
    crop, scores are uncalibrated, and the output has to be one logit that is large for fakes, or two outputs, the
    second of which is that of fakes. What the model is worth
    is for `aletheia evaluate` to say.

    Parameters
    ----------
    file : path
        ``.pth``, ``.pt``, ``.ckpt`` or ``.safetensors`` with a state dict, see `aletheia.models.state_dict.read_state`;
        prefixes such as ``module.`` are taken off its names, and the layouts of `aletheia.models.published_layouts`
        are recognised.
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
    layout, model = _fitting(file, state, architecture, dict(options or {}), input_size)
    mean, std = _input_normalisation(model, layout)
    note = "" if layout.name == "aletheia" else f" (layout of {layout.name})"
    spec = ModelSpec(
        architecture=architecture,
        options={**layout.options, **(options or {})},
        input_size=input_size,
        mean=mean,
        std=std,
        crop=crop or CropConfig(size=input_size),
        threshold=threshold,
        threshold_how="stated when the weights were imported",
        trained_on=f"unknown: imported from {file.name}{note}",
    )
    model.load_state_dict({name: value.to(model.state_dict()[name].dtype) for name, value in layout.state.items()})
    save_bundle(folder, model, spec)
    return read_spec(folder)


def _fitting(
    file: Path, state: Names, architecture: str, options: dict[str, Any], input_size: int
) -> tuple[Layout, nn.Module]:
    """Return the layout whose tensors are those of the network, and that network; InputError when there is none."""
    problem = ""
    for layout in known_layouts(state, architecture, input_size):
        values = {**layout.options, **options}
        with torch.device("meta"):  # shapes without memory
            expected = {
                name: tuple(value.shape) for name, value in create_model(architecture, **values).state_dict().items()
            }
        found = {name: tuple(value.shape) for name, value in layout.state.items()}
        if expected == found:
            with torch.random.fork_rng(devices=[]):
                return layout, create_model(architecture, **values)
        names = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
        problem = problem or f"{len(names)} tensors differ, such as {names[0][:100]!r}"
    raise InputError(
        f"{file} does not hold the weights of {architecture} with these options: {problem}; "
        f"`aletheia models inspect {file}` may recognise its network."
    )


def _input_normalisation(model: nn.Module, layout: Layout) -> tuple[Channels, Channels]:
    """Return mean and std for the description, so that the weights get the normalisation that they were trained with.

    A network whose usual weights want another one than ImageNet's converts that by itself: x * scale + shift.
    """
    scale, shift = getattr(model, "input_scale", None), getattr(model, "input_shift", None)
    if scale is None or shift is None or layout.name in OWN_CONVERSION:
        return layout.mean, layout.std
    a, b = scale.flatten().double().tolist(), shift.flatten().double().tolist()
    std = tuple(v * k for v, k in zip(layout.std, a, strict=True))
    mean = tuple(w + k * v for w, v, k in zip(layout.mean, layout.std, b, strict=True))
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
