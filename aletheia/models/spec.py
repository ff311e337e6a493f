"""``model.json``: everything needed to use a model, and its origin. Needs no torch.

The file may come from an untrusted source: its size is limited, unknown fields are refused, and no file that it names
is opened.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_serializer, field_validator

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.core.validation import explain_validation
from aletheia.faces.crop_config import SELECTION, CropConfig
from aletheia.imaging.transforms import IMAGENET_MEAN, IMAGENET_STD
from aletheia.models.calibration_map import Calibration, Share, Strict, Text
from aletheia.models.model_files import (
    EXPLAIN,
    GOLDEN,
    INT8,
    MAX_SPEC_BYTES,
    MAX_WEIGHTS_BYTES,
    ONNX,
    PROFILE,
    SPEC,
    TYPICAL,
    WEIGHTS,
    check_hash,
    check_model_file,
)
from aletheia.models.other_sources import OtherSources
from aletheia.models.typical_spectra import TypicalSpectra

#: Ways to aggregate the scores of a video's frames, see `aletheia.inference.video.aggregate`.
AGGREGATIONS = ("mean_logit", "mean_probability", "upper_quantile")
LABELS = {"0": "real", "1": "fake"}
_PACKAGES = (
    "aletheia",
    "torch",
    "lightning",
    "mlrun",
    "numpy",
    "opencv-python-headless",
    "onnxruntime",
    "openvino",
    "safetensors",
)

Positive = Annotated[float, Field(gt=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a model's outputs depend on."""
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


class ReducedSpec(Strict):
    """The network in a reduced precision, and its measured differences from fp32."""

    faces: int = Field(ge=1, description="Number of faces that both were compared on.")
    max_difference: float = Field(ge=0, le=1, description="Largest difference of probability among them.")
    flip_rate: float = Field(ge=0, le=1, description="Share of them whose verdict turned.")
    speedup: float = Field(gt=0, description="Speed relative to fp32, one thread, on the machine that measured.")
    sha256: Sha256 | Literal[""] = Field("", description=f"Of {INT8}; bf16 has no file of its own.")


class OnnxSpec(Strict):
    """The same network as an ONNX file, and its differences from torch at the export."""

    sha256: Sha256 = Field(description=f"Of {ONNX}.")
    opset: int = Field(ge=1, le=100)
    attention: bool = Field(description="Whether it also gives the attention map.")
    crops: int = Field(ge=1, description="Faces that torch and ONNX were compared on.")
    max_difference: float = Field(
        ge=0, le=1, description="Largest difference of probability among them; of sigmoid(logit) where it is isotonic."
    )
    engine: Literal["onnxruntime", "openvino"] = Field("onnxruntime", description="The faster one, face by face.")
    milliseconds: dict[Literal["onnxruntime", "openvino"], float] = Field(
        default_factory=dict, description="Median time of one face on the machine that exported it, one thread."
    )
    reduced: dict[Literal["bf16", "int8"], ReducedSpec] = Field(
        default_factory=dict, description="Precisions offered besides fp32, each with its measured differences."
    )
    explain: Sha256 | Literal[""] = Field("", description=f"Of {EXPLAIN}, the network with its Grad-CAM; or none.")
    features: bool = Field(False, description="Whether it also gives the features of its last map.")


class TypicalSpec(Strict):
    """Test for faces of another kind than those of the training, see `aletheia.models.typical_faces`."""

    sha256: Sha256 = Field(description=f"Of {TYPICAL}.")
    features: int = Field(ge=1, le=512, description="Number of features of a face.")
    limit: float = Field(gt=0, description="A face that lies farther from the training faces is not judged.")
    level: float = Field(gt=0, lt=1, description="Share of faces of the same kind that lie farther out, at most.")
    faces: int = Field(ge=1, description="Validation faces that the limit was set on.")


Count = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class AbstentionSpec(Strict):
    """Rules for "cannot tell": `aletheia.training.abstention` fits them, `aletheia.models.verdict` applies them."""

    alpha: float = Field(gt=0, lt=1, description="Share of either class whose own label may be found implausible.")
    real_upper: Share = Field(description='Up to this probability "real" is plausible.')
    fake_lower: Share = Field(description='From this probability on "fake" is plausible.')
    min_face: float = Field(0.0, ge=0, description="Side of the smallest training face, pixels of its picture; or 0.")
    ranges: dict[Literal["luma", "contrast", "sharpness", "face_size"], tuple[float, float]] = Field(
        default_factory=dict, description="Least and most of each statistic of a face that is judged."
    )
    reencode: float | None = Field(
        None,
        ge=0,
        description="Largest change of the logit that re-encoding made on validation faces. A face whose logit is as "
        "near to the threshold's is scored again, re-encoded; None: none is.",
    )

    real_held: tuple[Count, Count] | None = Field(
        None,
        description="Genuine validation faces within and beyond real_upper as it was set on them, in independent faces "
        "that tell as much; None: unknown, or so few that there is no limit.",
    )
    fake_held: tuple[Count, Count] | None = Field(None, description="Likewise fakes within and beyond fake_lower.")
    typical: TypicalSpec | None = Field(None, description="Test for faces of another kind; None: there is none.")
    typical_missing: Text = Field("", description="Why there is no test for faces of another kind, as a clause.")

    @field_validator("ranges")
    @classmethod
    def _check_ranges(cls, ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        if any(low > high for low, high in ranges.values()):
            raise ValueError("the lower end of a range must not lie above the upper one")
        return ranges


#: Fields of the training configuration that are stated by themselves, or do not change what is learnt.
_NO_RECIPE = {"architecture", "fault", "fault_share", "eval_batch_size", "num_threads", "accelerator", "devices"}


class ModelSpec(Strict):
    """Everything needed to use a model, and its origin."""

    schema_version: Literal[1] = 1
    architecture: Annotated[str, Field(max_length=100)]
    options: dict[Annotated[str, Field(max_length=100)], bool | int | float | str | None] = Field(default_factory=dict)
    input_size: int = Field(ge=16, le=1024, description="Side of the network's input, pixels, RGB.")
    mean: tuple[float, float, float] = Field(IMAGENET_MEAN, description="Of each channel, values in [0, 1].")
    std: tuple[Positive, Positive, Positive] = Field(IMAGENET_STD, description="Likewise.")
    labels: dict[str, str] = Field(
        default_factory=lambda: dict(LABELS), description="A probability near 1 means labels['1']."
    )
    crop: CropConfig = Field(default_factory=CropConfig, description="How faces were detected, cut out and saved.")
    calibration: Calibration = Field(default_factory=Calibration)
    threshold: float = Field(0.5, ge=0, le=1, description='From this probability on the verdict is "fake".')
    threshold_how: Text = Field("not chosen on data", description="The way in which it was chosen.")
    abstention: AbstentionSpec | None = Field(None, description='When the verdict is "cannot tell"; None: never.')
    aggregation: Literal["mean_logit", "mean_probability", "upper_quantile"] = Field(
        "mean_logit", description="Aggregation of the scores of a person's frames in a video."
    )
    training: dict[str, Any] = Field(default_factory=dict, description="The training configuration.")
    trained_on: Text = Field("", description="Sources and generators of the training rows, in words.")
    profile: Sha256 | Literal[""] = Field("", description=f"Of {PROFILE}, the training faces in numbers; or none.")
    golden: Sha256 | Literal[""] = Field("", description=f"Of {GOLDEN}, pictures and their recorded answers; or none.")
    other_sources: OtherSources | None = Field(
        None, description="Result of trainings without a source; None in models of earlier versions."
    )
    remedies: Text = Field("", description="Remedies against shortcuts that were applied before the training.")
    data_hash: Text = Field("", description="Content hash of the training manifest.")
    spectra: TypicalSpectra | None = Field(None, description="Typical power spectra of its training faces.")
    metrics: dict[str, float | int | str | None] = Field(default_factory=dict)
    checks: dict[str, dict[str, bool | str]] = Field(default_factory=dict, description="Verdicts of the gate.")
    fault: Text = Field("none", description="Fault that was injected on purpose; such a model is never registered.")
    run: Text = Field("", description="MLRun's uid of the training.")
    seed: int = 0
    created: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    versions: dict[str, str] = Field(default_factory=package_versions)
    parameters: int = Field(0, ge=0)
    onnx: OnnxSpec | None = Field(None, description="The network for serving; filled in by export_onnx.")
    weights_sha256: Sha256 | Literal[""] = Field("", description=f"Of {WEIGHTS}; filled in by save_bundle.")

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        # The other way round would invert every verdict; nothing in this project reads such a model.
        if labels != LABELS:
            raise ValueError(f"must be {LABELS}")
        return labels

    @field_serializer("crop")
    def _write_crop(self, crop: CropConfig) -> dict[str, Any]:
        return crop.model_dump(mode="json", exclude=set(SELECTION))

    def recipe(self) -> str:
        """Return how it was trained in one line, as name=value, without network and fault."""
        return ", ".join(f"{name}={value}" for name, value in self.training.items() if name not in _NO_RECIPE)

    def origin(self) -> dict[str, str]:
        """Return what the model is made from: network, recipe, injected fault, hash of its data, training run."""
        return {
            "architecture": self.architecture,
            "recipe": self.recipe(),
            "fault": self.fault,
            "data_hash": self.data_hash,
            "train_run": self.run,
        }

    def kind_note(self) -> str:
        """Say in one sentence that, and why, pictures of another kind are not noticed; empty where they are."""
        if self.abstention is not None and self.abstention.typical is not None:
            return ""
        reason = self.abstention.typical_missing if self.abstention else "it was trained to answer always"
        return (
            "This model has no test for pictures of another kind than those of its training, and answers them like any "
            f"other: {reason or 'why is not recorded'}."
        )

    def files(self) -> list[str]:
        """Return the names of the files that belong to the model besides its JSON."""
        names = [WEIGHTS, *[TYPICAL] * bool(self.abstention and self.abstention.typical)]
        names += [PROFILE] * bool(self.profile) + [GOLDEN] * bool(self.golden)
        if self.onnx is None:
            return names
        return [*names, ONNX, *[INT8] * ("int8" in self.onnx.reduced), *[EXPLAIN] * bool(self.onnx.explain)]

    def __init__(self, **values: Any) -> None:
        """Check the values; one that does not fit gives an InputError that names its field."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(f"The model's description does not fit. {explain_validation(error)}.") from None


def read_spec(path: str | Path) -> ModelSpec:
    """Read ``model.json`` alone (from the folder, or either file), without building the network.

    Raises
    ------
    InputError
        When it is missing, too large, not JSON, or a field is unknown, missing or out of its range.
    """
    path = Path(path)
    file = (path if path.is_dir() else path.parent) / SPEC
    check_model_file(file, MAX_SPEC_BYTES)
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


def check_files(folder: Path, *, needs_weights: bool = True) -> ModelSpec:
    """Read a model's description and compare every file that it names with its SHA-256.

    Without `needs_weights` a model that has its network as ONNX, which is what answers, may lack its weights.

    Raises
    ------
    InputError
        When a file is missing or damaged.
    """
    spec = read_spec(folder)
    hashes = {WEIGHTS: spec.weights_sha256, PROFILE: spec.profile, GOLDEN: spec.golden}
    if spec.abstention and spec.abstention.typical:
        hashes[TYPICAL] = spec.abstention.typical.sha256
    if spec.onnx:
        hashes |= {ONNX: spec.onnx.sha256, EXPLAIN: spec.onnx.explain}
        if "int8" in spec.onnx.reduced:
            hashes[INT8] = spec.onnx.reduced["int8"].sha256
    for name in spec.files():
        if name == WEIGHTS and not needs_weights and spec.onnx and not (folder / name).exists():
            continue
        check_model_file(folder / name, MAX_WEIGHTS_BYTES)
        check_hash(folder / name, hashes[name])
    return spec


def write_spec(folder: str | Path, spec: ModelSpec) -> Path:
    """Write ``model.json`` atomically; returns its path."""
    path = Path(folder) / SPEC
    with atomic_write(path) as file:
        file.write(spec.model_dump_json(indent=2).encode() + b"\n")
    return path
