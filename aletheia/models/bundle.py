"""A trained model as two files: ``model.safetensors`` and ``model.json``, everything needed to use it.

Both may come from strangers: nothing is unpickled, no file named inside the JSON is opened, sizes are
limited, and the network is compared with the weights before any of them is used.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from aletheia.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from aletheia.errors import InputError
from aletheia.models.files import atomic_write
from aletheia.models.registry import create_model
from aletheia.models.statefile import check_file

WEIGHTS = "model.safetensors"
SPEC = "model.json"
MAX_SPEC_BYTES = 1_000_000
MAX_WEIGHTS_BYTES = 2_000_000_000
LABELS = {"0": "real", "1": "fake"}
_PACKAGES = (
    "aletheia",
    "torch",
    "lightning",
    "mlrun",
    "numpy",
    "opencv-python-headless",
    "mediapipe",
    "safetensors",
)

Positive = Annotated[float, Field(gt=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CropSpec(_Strict):
    """How faces were cut out; the arguments of `aletheia.faces.crop.crop_face`."""

    size: int = Field(128, ge=16, le=2048, description="Side of the crop, pixels.")
    policy: Literal["scale", "tight", "aligned", "none"] = Field(
        "scale", description="none: the images are crops already."
    )
    margin: float = Field(0.2, ge=0, le=4, description="Added around the box, as a share of its side.")


class CalibrationSpec(_Strict):
    """Probability of fake = sigmoid(scale * logit + shift)."""

    method: Literal["none", "temperature", "platt"] = "none"
    scale: float = Field(1.0, gt=0)
    shift: float = 0.0


class ModelSpec(_Strict):
    """Everything needed to use a model, and where it comes from."""

    schema_version: Literal[1] = 1
    architecture: Annotated[str, Field(max_length=100)]
    options: dict[Annotated[str, Field(max_length=100)], bool | int | float | str | None] = Field(default_factory=dict)
    input_size: int = Field(ge=16, le=1024, description="Side of the network's input, pixels, RGB.")
    mean: tuple[float, float, float] = Field(IMAGENET_MEAN, description="Of each channel, values in [0, 1].")
    std: tuple[Positive, Positive, Positive] = Field(IMAGENET_STD, description="Likewise.")
    labels: dict[str, str] = Field(
        default_factory=lambda: dict(LABELS), description="A probability near 1 means labels['1']."
    )
    crop: CropSpec = Field(default_factory=CropSpec)
    calibration: CalibrationSpec = Field(default_factory=CalibrationSpec)
    threshold: float = Field(0.5, ge=0, le=1, description='From this probability on the verdict is "fake".')
    threshold_how: Text = Field("not chosen on data", description="How it was chosen.")
    training: dict[str, Any] = Field(default_factory=dict, description="The training configuration.")
    trained_on: Text = Field("", description="Sources and generators of the training rows, in words.")
    data_hash: Text = Field("", description="Content hash of the training manifest.")
    metrics: dict[str, float | int | str | None] = Field(default_factory=dict)
    checks: dict[str, dict[str, bool | str]] = Field(default_factory=dict, description="Verdicts of the gate.")
    fault: Text = Field("none", description="Fault that was injected on purpose; such a model is never registered.")
    run: Text = Field("", description="MLRun's uid of the training.")
    seed: int = 0
    created: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    versions: dict[str, str] = Field(default_factory=lambda: package_versions())
    parameters: int = Field(0, ge=0)
    weights_sha256: Sha256 | Literal[""] = Field("", description=f"Of {WEIGHTS}; filled in by save_bundle.")

    @field_validator("labels")
    @classmethod
    def _know_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        # The other way round would turn every verdict; nothing in this project reads such a model.
        if labels != LABELS:
            raise ValueError(f"must be {LABELS}")
        return labels

    def __init__(self, **values: Any) -> None:
        """Check the values; one that does not fit gives an InputError that names its field."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(f"The model's description does not fit. {_explain(error)}") from None


def package_versions() -> dict[str, str]:
    """Versions of the packages that decide what a model computes."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def save_bundle(folder: str | Path, model: nn.Module, spec: ModelSpec) -> Path:
    """Write ``model.safetensors`` and ``model.json``, each atomically, the JSON last.

    Parameters
    ----------
    folder : path
        Created when missing.
    model : nn.Module
        What `spec.architecture` and `spec.options` build.
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
            "weights_sha256": hashlib.sha256(payload).hexdigest(),
            "parameters": sum(p.numel() for p in model.parameters()),
        }
    )
    with atomic_write(folder / WEIGHTS) as file:
        file.write(payload)
    with atomic_write(folder / SPEC) as file:
        file.write(spec.model_dump_json(indent=2).encode() + b"\n")
    return folder / SPEC


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
    _check_file(weights, MAX_WEIGHTS_BYTES)
    _check_hash(weights, spec)
    model = _build(spec)
    state = _read_weights(weights, model)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False), spec


def read_spec(path: str | Path) -> ModelSpec:
    """Read ``model.json`` alone (from the folder, or either file), without building the network.

    Raises
    ------
    InputError
        When it is missing, too large, not JSON, or a field is unknown, missing or out of its range.
    """
    path = Path(path)
    file = (path if path.is_dir() else path.parent) / SPEC
    _check_file(file, MAX_SPEC_BYTES)
    try:
        values = json.loads(file.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(f"{file} is not readable JSON ({type(error).__name__}).") from None
    if not isinstance(values, dict):
        raise InputError(f"{file} holds no JSON object.")
    try:
        return ModelSpec(**values)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _build(spec: ModelSpec) -> nn.Module:
    # Weights come from the bundle alone: options cannot make this read or download another file.
    if "weights" in spec.options:
        raise InputError("options: 'weights' is no option of an architecture.")
    with torch.random.fork_rng(devices=[]):
        return create_model(spec.architecture, **spec.options)


def _check_file(file: Path, limit: int) -> None:
    if not file.exists():
        raise InputError(f"There is no {file.name} in {file.parent}; a model is the two files {SPEC} and {WEIGHTS}.")
    check_file(file, limit)


def _check_hash(file: Path, spec: ModelSpec) -> None:
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != spec.weights_sha256:
        raise InputError(
            f"{file} is not the file that {SPEC} describes: its SHA-256 is {found[:12]}…, not "
            f"{spec.weights_sha256[:12] or '(none)'}…. One of them is damaged or was replaced; "
            "fetch both again."
        )


_DTYPES = {"F32": torch.float32, "I64": torch.int64}


def _read_weights(file: Path, model: nn.Module) -> dict[str, torch.Tensor]:
    try:
        with safe_open(file, framework="pt") as tensors:
            # Shapes and types stand in the header; nothing large is read before they fit.
            slices = {key: tensors.get_slice(key) for key in tensors.keys()}  # noqa: SIM118 (no mapping)
            found = {k: (tuple(s.get_shape()), _DTYPES.get(s.get_dtype(), s.get_dtype())) for k, s in slices.items()}
            _check_state(model, found, str(file))
            state = {key: tensors.get_tensor(key) for key in found}
    except (SafetensorError, OSError, ValueError, RuntimeError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} is no intact safetensors file ({str(error)[:200]}).") from None
    _check_finite(state, str(file))
    return state


def _check_state(model: nn.Module, found: Mapping[str, tuple[tuple[int, ...], Any]], where: str) -> None:
    wanted = {key: (tuple(value.shape), value.dtype) for key, value in model.state_dict().items()}
    for what, keys in (("lacks", set(wanted) - set(found)), ("has unknown", set(found) - set(wanted))):
        if keys:
            raise InputError(f"{where} {what} {len(keys)} tensors, among them {min(keys)[:100]!r}.")
    for key, (shape, dtype) in wanted.items():
        if found[key] != (shape, dtype):
            raise InputError(
                f"{where}: {key} is {found[key][0]} {found[key][1]}, the architecture has {shape} {dtype}."
            )


def _check_finite(state: Mapping[str, torch.Tensor], where: str) -> None:
    for key, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(
                f"{where}: {key} holds values that are not finite; train again with a lower learning_rate."
            )


def _explain(error: ValidationError) -> str:
    lines = [f"{'.'.join(map(str, e['loc']))[:100]}: {e['msg'][:200]}" for e in error.errors()[:5]]
    return "; ".join(lines) + ("." if len(error.errors()) <= 5 else f"; and {len(error.errors()) - 5} more.")
